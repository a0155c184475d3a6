"""Small versions that the stages build, and a build without output."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagenet_g.generation.generators.generator import Rendering, RenderRow
    from imagenet_g.generation.specs.version import VersionSpec

STEPS = 40


class NoiseGenerator:
    """A generator that costs almost no time: noise from each row's seed, 64 pixels."""

    def load(self, device: str) -> None:
        """Nothing to load."""

    def describe(self) -> dict[str, Any]:
        """Its name."""
        return {"kind": "noise"}

    def render(self, rows: Sequence[RenderRow]) -> list[Rendering]:
        """Noise."""
        import numpy as np
        from PIL import Image

        from imagenet_g.generation.generators.generator import Rendering

        draws = (np.random.default_rng(row.seed).integers(0, 256, (64, 64, 3), np.uint8) for row in rows)
        return [Rendering(Image.fromarray(pixels)) for pixels in draws]


def make_noise_spec(num_images: int) -> VersionSpec:
    """A version of noise: ten classes."""
    generator = {
        "kind": "python",
        "inputs": "class",
        "factory": "imagenet_g.generation.bench.versions:NoiseGenerator",
    }
    return _make_spec(generator, num_images // 10)


def make_dit_spec(folder: Path, *, steps: int = STEPS) -> VersionSpec:
    """A version of the tiny transformer: 16 images, JPEG as in v1."""
    generator = {
        "kind": "diffusers", "pipeline": "DiTPipeline", "repo": str(folder), "revision": "local",
        "dtype": "float32", "inputs": "class", "steps": steps,
    }  # fmt: skip
    return _make_spec(generator, 2, classes=8)


def write_dit(folder: Path) -> Path:
    """A diffusion transformer with random weights and an autoencoder from 32 to 256 pixels."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, DiTPipeline, DiTTransformer2DModel

    torch.manual_seed(0)
    levels = 4
    vae = AutoencoderKL(
        block_out_channels=[16, 16, 32, 32],
        down_block_types=["DownEncoderBlock2D"] * levels,
        up_block_types=["UpDecoderBlock2D"] * levels,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=256,
    )
    transformer = DiTTransformer2DModel(
        sample_size=32, num_layers=4, patch_size=2, attention_head_dim=32, num_attention_heads=4,
        in_channels=4, out_channels=8, num_embeds_ada_norm=1000,
    )  # fmt: skip
    pipe: Any = DiTPipeline(transformer=transformer, vae=vae, scheduler=DDIMScheduler(clip_sample=False))
    pipe.save_pretrained(folder)
    return folder


def build(spec: VersionSpec, out: Path) -> None:
    """Build a version without output."""
    from imagenet_g.generation.building.build import BuildRequest, run_build
    from imagenet_g.generation.rendering.engines import run_serial

    class Silent:
        def start(self, what: str, total: int, done: int) -> None:
            """Nothing."""

        def report(self, report: object) -> None:
            """Nothing."""

        def note(self, text: str) -> None:
            """Nothing."""

    run_build(
        BuildRequest(spec=spec, source="bench", splits=tuple(spec.splits), out=out, engine=run_serial),
        Silent(),
    )


def _make_spec(generator: dict[str, Any], per_class: int, *, classes: int = 10) -> VersionSpec:
    from imagenet_g.benchmark.classes import load_classes
    from imagenet_g.generation.specs.version import VersionSpec

    split = {
        "title": "bench", "generator": "bench", "images_per_class": per_class, "batch_size": 8,
        "classes": [info.wnid for info in load_classes()[:classes]],
    }  # fmt: skip
    return VersionSpec.model_validate(
        {
            "schema_version": 1, "version": "bench", "title": "bench", "status": "draft",
            "license": "CC0-1.0", "rows_per_shard": 100, "encoding": {"format": "jpeg", "quality": 95},
            "generators": {"bench": generator}, "splits": {"bench": split},
        }
    )  # fmt: skip
