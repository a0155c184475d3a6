"""The training set of a diffusion model: images and captions, encoded by the parts trained before it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from imagenet_g.benchmark.storage import replace_file
from imagenet_g.benchmark.training.pictures import Pictures
from imagenet_g.generation.training.autoencoder import encode_pictures
from imagenet_g.generation.training.clip import embed_pictures, normalize_pixels, tokenize
from imagenet_g.generation.training.diffusion import DiffusionData
from imagenet_g.generation.training.export import Parts

if TYPE_CHECKING:
    from open_clip.model import CLIP

ENCODED_NAME = "encoded.safetensors"
_ENCODE_BATCH = 256


def recall_encoded(
    path: Path, encode: Callable[[], DiffusionData], *, key: str, say: Callable[[str], None]
) -> DiffusionData:
    """The stored encoding of an earlier run, or a new one, stored for the next run.

    Args:
        path: File of the encoding.
        encode: Computes it; called only if no valid file exists.
        key: Hash of everything it depends on.
        say: Called before a long computation.

    Raises:
        StorageError: The folder cannot be written.
    """
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import save_file

    try:
        # The key in the file itself: encodings of other images or parts are never taken for these.
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("key") == key:
                return DiffusionData(**{name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    # Not there yet, or cut off by a kill: it is made again.
    except (OSError, SafetensorError):
        pass
    say("encoding images and captions")
    data = encode()
    with replace_file(path) as temporary:
        save_file({name: value.contiguous() for name, value in vars(data).items()}, temporary, {"key": key})
    return data


def encode_everything(pictures: Pictures, parts: Parts, *, device: str) -> DiffusionData:
    """Latents, image embeddings and hidden states of the captions, computed once."""
    pixels, vae = pictures.pixels, parts.vae
    latents = encode_pictures(vae, pixels, device=device) * vae.config.scaling_factor
    texts = sorted(set(pictures.captions))
    numbers = {text: number for number, text in enumerate(texts)}
    # The empty text is what the pipeline encodes for the unguided half.
    hidden = encode_texts(parts, [*texts, ""])
    return DiffusionData(
        latents=latents,
        caption_numbers=torch.tensor([numbers[text] for text in pictures.captions]),
        # Half the memory; the rounding is far below what a training step changes.
        captions=hidden[:-1].half(),
        nothing=hidden[-1],
        images=encode_images(parts, pixels, device=device),
    )


@torch.inference_mode()
def encode_texts(parts: Parts, texts: list[str]) -> torch.Tensor:
    """`(N, T, D)` last hidden states, by the encoder that the pipeline will have."""
    batches = torch.split(tokenize(parts.tokenizer, texts), _ENCODE_BATCH)
    return torch.cat([parts.text_encoder(batch).last_hidden_state for batch in batches])


@torch.inference_mode()
def encode_images(parts: Parts, pixels: torch.Tensor, *, device: str) -> torch.Tensor:
    """`(N, D)` image embeddings on the CPU, by the encoder that the pipeline will have.

    Args:
        parts: The encoder is left on the CPU.
        pixels: uint8 `(N, 3, S, S)`.
        device: Where it is computed.
    """
    encoder = parts.image_encoder.to(device)
    side = int(encoder.config.image_size)
    batches = [normalize_pixels(batch, side=side).to(device) for batch in torch.split(pixels, _ENCODE_BATCH)]
    embedded = torch.cat([encoder(batch).image_embeds.cpu() for batch in batches])
    encoder.cpu()
    return embedded


@torch.no_grad()
def scale_image_embeddings(clip: CLIP, pixels: torch.Tensor) -> None:
    """Scale image embeddings to unit variance, as a diffusion model needs; no cosine changes."""
    deviation = embed_pictures(clip, pixels, device="cpu").std()
    # A factor of the projection changes the length of embeddings and nothing else about them.
    clip.visual.proj.div_(deviation)
