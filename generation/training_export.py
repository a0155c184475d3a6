"""Trained parts as folders that others load: an open_clip model, and a diffusers pipeline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from imagenet_g.benchmark.storage import replace_file, translate_storage_errors, write_text
from imagenet_g.generation.clip_towers import make_text_tower, make_vision_tower
from imagenet_g.generation.quiet_libraries import ignore_library_warnings, silence_libraries
from imagenet_g.generation.training_specs import DiffusionSpec

if TYPE_CHECKING:
    from diffusers import AutoencoderTiny, UNet2DConditionModel
    from open_clip.model import CLIP
    from transformers import CLIPTokenizer

CLIP_WEIGHTS = "open_clip_model.safetensors"
CLIP_CONFIG = "open_clip_config.json"


def export_clip(clip: CLIP, config: dict[str, Any], tokenizer: CLIPTokenizer, folder: Path) -> None:
    """Write what `open_clip:local-dir:FOLDER` loads, in half precision.

    Raises:
        StorageError: The folder cannot be written.
    """
    from open_clip import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
    from safetensors.torch import save_file

    with translate_storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        tokenizer.save_pretrained(folder)
    weights = {name: value.detach().half().contiguous() for name, value in clip.state_dict().items()}
    with replace_file(folder / CLIP_WEIGHTS) as temporary:
        save_file(weights, temporary)
    preprocess = {
        "mean": list(OPENAI_DATASET_MEAN),
        "std": list(OPENAI_DATASET_STD),
        "interpolation": "bicubic",
        "resize_mode": "squash",
    }
    text = json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}, indent=1) + "\n"
    write_text(folder / CLIP_CONFIG, text)


def load_exported_clip(folder: Path) -> tuple[CLIP, CLIPTokenizer]:
    """The model of such a folder in float32, and its tokenizer."""
    from open_clip.model import CLIP
    from safetensors.torch import load_file
    from transformers import CLIPTokenizer

    config = json.loads((folder / CLIP_CONFIG).read_text(encoding="utf-8"))["model_cfg"]
    clip = CLIP(**config)
    clip.load_state_dict({name: value.float() for name, value in load_file(folder / CLIP_WEIGHTS).items()})
    return clip.eval(), CLIPTokenizer.from_pretrained(folder)


def scale_latents(vae: AutoencoderTiny, latents: torch.Tensor) -> torch.Tensor:
    """Latents of unit variance; the factor goes into the autoencoder's configuration."""
    factor = round(float(1 / latents.std()), 5)
    vae.register_to_config(scaling_factor=factor)
    return latents * factor


def export_autoencoder(vae: AutoencoderTiny, folder: Path) -> None:
    """Write the autoencoder alone, in half precision.

    Raises:
        StorageError: The folder cannot be written.
    """
    with ignore_library_warnings(), translate_storage_errors(folder):
        vae.half().save_pretrained(folder, safe_serialization=True)


def load_autoencoder(folder: Path) -> AutoencoderTiny:
    """The autoencoder of a folder that was written so, or of a pipeline, in float32."""
    from diffusers import AutoencoderTiny

    silence_libraries()
    with ignore_library_warnings():
        vae = AutoencoderTiny.from_pretrained(folder, torch_dtype=torch.float32).eval()
    # Else a pipeline made of it would carry the path of this folder.
    vae.register_to_config(_name_or_path="")
    return vae


def load_unet_weights(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of a pipeline's network, in float32."""
    from safetensors.torch import load_file

    weights = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    return {name: value.float() for name, value in weights.items()}


def export_pipeline(
    clip: CLIP,
    tokenizer: CLIPTokenizer,
    vae: AutoencoderTiny,
    unet: UNet2DConditionModel,
    spec: DiffusionSpec,
    folder: Path,
) -> None:
    """Write what the text-to-image and the image-variation pipeline load, in half precision.

    Raises:
        StorageError: The folder cannot be written.
    """
    from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline
    from transformers import CLIPImageProcessor

    text = make_text_tower(clip, start_id=tokenizer.bos_token_id, end_id=tokenizer.eos_token_id)
    scheduler = DPMSolverMultistepScheduler(**spec.scheduler, algorithm_type="dpmsolver++", solver_order=2)
    side = clip.visual.image_size[0]
    silence_libraries()
    with ignore_library_warnings(), translate_storage_errors(folder):
        pipe = StableDiffusionPipeline(
            vae=vae,
            text_encoder=text,
            tokenizer=tokenizer,
            unet=unet,
            scheduler=scheduler,
            safety_checker=None,
            feature_extractor=CLIPImageProcessor(
                size={"shortest_edge": side}, crop_size={"height": side, "width": side}
            ),
            image_encoder=make_vision_tower(clip),
            requires_safety_checker=False,
        )
        pipe.to(torch.float16).save_pretrained(folder, safe_serialization=True)
