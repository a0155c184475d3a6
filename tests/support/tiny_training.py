"""A training recipe small enough for a test, and pictures to train it on."""

from __future__ import annotations

from pathlib import Path

from build_specs import build, make_spec, make_split

from imagenet_g.benchmark.training.pictures import Pictures, load_pictures
from imagenet_g.generation.training.specs import TrainingSpec

CLASSES = ["n01882714", "n02165456", "n07749582"]
SIDE = 32


def build_composites(out: Path) -> Path:
    """Twenty-four composites of a koala, a ladybird and a lemon, as version "tiny"."""
    generator = {
        "kind": "python",
        "inputs": "prompt",
        "factory": "imagenet_g.generation.composites:make_generator",
        "options": {"ref": "mini/renditions", "hands": ["fluent-3d", "twemoji"], "size_px": SIDE},
    }
    split = make_split("drawn", classes=CLASSES, images_per_class=8)
    build(make_spec({"drawn": generator}, {"real": split}), out)
    return out


def load_composites(release: Path) -> Pictures:
    """Those, in memory."""
    return load_pictures("tiny/real", {"tiny": release}, cache=None, say=lambda _: None)


def make_schedule(steps: int) -> dict[str, object]:
    """A few steps, each logged and saved."""
    return {
        "steps": steps, "batch_size": 4, "learning_rate": 1e-3, "warmup_steps": 1, "decay_share": 0.3,
        "weight_decay": 0.0, "average": 0.5, "log_every": 1, "save_every": 1, "sample_every": 2,
    }  # fmt: skip


def make_training_spec(*, steps: int = 2, **changes: object) -> TrainingSpec:
    """A recipe of all three stages."""
    tower = {"width": 32, "layers": 1, "heads": 2}
    return TrainingSpec.model_validate(
        {
            "schema_version": 1,
            "name": "small",
            "title": "A small one",
            "license": "MIT",
            "data": "tiny/real",
            "seed": 3,
            "clip": {
                "embed_dim": 32,
                "vocabulary_size": 530,
                "max_tokens": 24,
                "vision": {**tower, "patch_px": 8},
                "text": tower,
                "schedule": make_schedule(steps),
            },
            "autoencoder": {
                "channels": 8,
                "encoder_blocks": [0, 1],
                "decoder_blocks": [1, 1],
                "latent_channels": 4,
                "noise": 0.05,
                "edge_weight": 0.5,
                "size_weight": 1e-3,
                "schedule": make_schedule(steps),
            },
            "diffusion": {
                "image_share": 0.3,
                "drop_share": 0.2,
                "min_snr": 5.0,
                "steps": 2,
                "guidance": 2.0,
                "unet": {
                    "block_out_channels": [16, 32],
                    "layers_per_block": 1,
                    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
                    "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
                    "attention_head_dim": 2,
                    "norm_num_groups": 8,
                },
                "scheduler": {
                    "num_train_timesteps": 100,
                    "beta_schedule": "squaredcos_cap_v2",
                    "prediction_type": "v_prediction",
                },
                "schedule": make_schedule(steps),
            },
            **changes,
        }
    )
