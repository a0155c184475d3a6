"""Trained parts as folders that libraries load: an open_clip model, and a diffusers pipeline."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.hub.quiet import ignore_library_warnings
from imagenet_g.benchmark.storage import replace_file, translate_storage_errors, write_text
from imagenet_g.generation.generators.runtime import silence_libraries
from imagenet_g.generation.training.specs import DiffusionSpec
from imagenet_g.generation.training.towers import make_text_tower, make_vision_tower

if TYPE_CHECKING:
    from diffusers import AutoencoderTiny, UNet2DConditionModel
    from open_clip.model import CLIP
    from transformers import CLIPTextModel, CLIPTokenizer, CLIPVisionModelWithProjection

CLIP_WEIGHTS = "open_clip_model.safetensors"
CLIP_CONFIG = "open_clip_config.json"


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a pipeline other than its network, in float32 on the CPU.

    Attributes:
        text_encoder: Its last hidden states are the condition of a caption.
        image_encoder: Its embedding is the condition of an image.
        tokenizer: Tokenizer of the text encoder.
        vae: Encodes images to latents and decodes latents to images.
    """

    text_encoder: CLIPTextModel
    image_encoder: CLIPVisionModelWithProjection
    tokenizer: CLIPTokenizer
    vae: AutoencoderTiny


def make_parts(clip: CLIP, tokenizer: CLIPTokenizer, vae: AutoencoderTiny) -> Parts:
    """The parts of a pipeline, from a CLIP and an autoencoder."""
    text = make_text_tower(clip, start_id=tokenizer.bos_token_id, end_id=tokenizer.eos_token_id)
    return Parts(text, make_vision_tower(clip), tokenizer, vae)


def load_parts(folder: Path) -> Parts:
    """The parts of a finished pipeline.

    Raises:
        ModelError: The folder holds no such pipeline.
    """
    from transformers import CLIPTextModel, CLIPTokenizer, CLIPVisionModelWithProjection

    silence_libraries()
    try:
        return Parts(
            CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32).eval(),
            CLIPVisionModelWithProjection.from_pretrained(
                folder / "image_encoder", dtype=torch.float32
            ).eval(),
            CLIPTokenizer.from_pretrained(folder / "tokenizer"),
            load_autoencoder(folder / "vae"),
        )
    except OSError as error:
        raise ModelError(f"'{folder}' has no CLIP and autoencoder to continue with: {error}") from error


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
    # Half precision halves the files; the shipped ones are part of a wheel that must stay under 90 MB.
    # safetensors refuses tensors that are not contiguous.
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
    """The exported model in float32, and its tokenizer."""
    from open_clip.model import CLIP
    from safetensors.torch import load_file
    from transformers import CLIPTokenizer

    config = json.loads((folder / CLIP_CONFIG).read_text(encoding="utf-8"))["model_cfg"]
    clip = CLIP(**config)
    # float32 again: a CPU computes slowly, and trains badly, in half precision.
    clip.load_state_dict({name: value.float() for name, value in load_file(folder / CLIP_WEIGHTS).items()})
    return clip.eval(), CLIPTokenizer.from_pretrained(folder)


def scale_latents(vae: AutoencoderTiny, latents: torch.Tensor) -> torch.Tensor:
    """Latents of unit variance; the factor goes into the autoencoder's configuration."""
    # Rounded before it is used, so that the number in the configuration is exactly the one trained with.
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
    """The autoencoder of an exported folder or of a pipeline, in float32."""
    from diffusers import AutoencoderTiny

    silence_libraries()
    with ignore_library_warnings():
        vae = AutoencoderTiny.from_pretrained(folder, torch_dtype=torch.float32).eval()
    # Otherwise a pipeline made of it would store the path of this folder.
    vae.register_to_config(_name_or_path="")
    return vae


def load_unet_weights(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of a network, or of a pipeline's, in float32."""
    from safetensors.torch import load_file

    inside = folder / "unet"
    weights = load_file((inside if inside.is_dir() else folder) / "diffusion_pytorch_model.safetensors")
    return {name: value.float() for name, value in weights.items()}


def export_network(unet: UNet2DConditionModel, folder: Path) -> None:
    """Write the network alone, in half precision: a part for the pipeline it was trained in.

    Raises:
        StorageError: The folder cannot be written.
    """
    silence_libraries()
    with ignore_library_warnings(), translate_storage_errors(folder):
        unet.half().save_pretrained(folder, safe_serialization=True)


def export_pipeline(parts: Parts, unet: UNet2DConditionModel, spec: DiffusionSpec, folder: Path) -> None:
    """Write what the text-to-image and the image-variation pipeline load, in half precision.

    Raises:
        StorageError: The folder cannot be written.
    """
    from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline
    from transformers import CLIPImageProcessor

    # A solver of second order draws in some twenty steps; the training's own schedule has a thousand.
    scheduler = DPMSolverMultistepScheduler(**spec.scheduler, algorithm_type="dpmsolver++", solver_order=2)
    side = parts.image_encoder.config.image_size
    silence_libraries()
    with ignore_library_warnings(), translate_storage_errors(folder):
        pipe = StableDiffusionPipeline(
            vae=parts.vae,
            text_encoder=parts.text_encoder,
            tokenizer=parts.tokenizer,
            unet=unet,
            scheduler=scheduler,
            safety_checker=None,
            # The image-variation pipeline reads this of the same folder; text to image leaves it alone.
            feature_extractor=CLIPImageProcessor(
                size={"shortest_edge": side}, crop_size={"height": side, "width": side}
            ),
            image_encoder=parts.image_encoder,
            requires_safety_checker=False,
        )
        pipe.to(torch.float16).save_pretrained(folder, safe_serialization=True)
