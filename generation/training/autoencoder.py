"""The autoencoder of a generator: images to latents and back, trained on the images alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from imagenet_g.benchmark.training.pictures import Pictures
from imagenet_g.generation.training.specs import AutoencoderSpec

if TYPE_CHECKING:
    from diffusers import AutoencoderTiny

_ENCODE_BATCH = 256
# Of the steps; the others see crops, because convolutions at the full size are what costs on a CPU.
_WHOLE_SHARE = 0.25


class AutoencoderTask:
    """Trains an autoencoder to reconstruct images.

    Args:
        spec: The architecture and the weights of the loss.
        pictures: The training images.
        device: Device of the training.
        seed: Seed of the initial weights.
        continued: A finished autoencoder whose decoder alone learns; None for a new one.
    """

    def __init__(
        self,
        spec: AutoencoderSpec,
        pictures: Pictures,
        *,
        device: str,
        seed: int,
        continued: AutoencoderTiny | None = None,
    ) -> None:
        torch.manual_seed(seed)
        self._spec = spec
        self._pixels = pictures.pixels
        self._device = device
        self.vae = (continued or make_autoencoder(spec)).to(device)
        # The pipeline's network draws the latents that it has learnt; with another encoder they would mean
        # other images.
        self.vae.encoder.requires_grad_(continued is None)

    @property
    def module(self) -> torch.nn.Module:
        """The autoencoder."""
        vae: torch.nn.Module = self.vae
        return vae

    def compute_loss(self, numbers: torch.Generator, batch_size: int) -> dict[str, torch.Tensor]:
        """Mean absolute error of values and of differences between neighbours.

        The differences keep outlines sharp without a discriminator.
        """
        pictures = scale_pixels(self._pick(numbers, batch_size)).to(self._device)
        # Both in float32 before the loss, whatever type the networks compute in.
        latents = self.vae.encode(pictures).latents.float()
        # From the CPU's generator on every device: a GPU's numbers are others, and differ between models of
        # GPU.
        noise = torch.randn(latents.shape, generator=numbers).to(self._device)
        made = self.vae.decode(latents + self._spec.noise * noise).sample.float()
        error = functional.l1_loss(made, pictures)
        edges = sum(functional.l1_loss(made.diff(dim=axis), pictures.diff(dim=axis)) for axis in (2, 3))
        size = latents.square().mean()
        loss = error + self._spec.edge_weight * edges + self._spec.size_weight * size
        return {"loss": loss, "error": error, "size": size}

    def _pick(self, numbers: torch.Generator, batch_size: int) -> torch.Tensor:
        """Crops of half the side, four times as many as whole images cost; every fourth step whole ones."""
        side = self._pixels.shape[-1]
        # A quarter as many of four times the size: every step takes about as long.
        if torch.rand((), generator=numbers) < _WHOLE_SHARE:
            return self._pixels[
                torch.randint(len(self._pixels), (max(batch_size // 4, 1),), generator=numbers)
            ]
        rows = torch.randint(len(self._pixels), (batch_size,), generator=numbers).tolist()
        corners = torch.randint(side // 2 + 1, (batch_size, 2), generator=numbers).tolist()
        return torch.stack(
            [
                self._pixels[row, :, top : top + side // 2, left : left + side // 2]
                for row, (top, left) in zip(rows, corners, strict=True)
            ]
        )


def make_autoencoder(spec: AutoencoderSpec) -> AutoencoderTiny:
    """An untrained autoencoder for images of any side that its sizes divide."""
    from diffusers import AutoencoderTiny

    # A class of diffusers, because the finished pipeline must load like any other.
    return AutoencoderTiny(
        encoder_block_out_channels=(spec.channels,) * len(spec.encoder_blocks),
        decoder_block_out_channels=(spec.channels,) * len(spec.decoder_blocks),
        num_encoder_blocks=spec.encoder_blocks,
        num_decoder_blocks=spec.decoder_blocks,
        latent_channels=spec.latent_channels,
    )


def scale_pixels(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 pixels as float32 in [-1, 1].

    Example:
        >>> scale_pixels(torch.tensor([0, 255], dtype=torch.uint8)).tolist()
        [-1.0, 1.0]
    """
    # The range in which diffusers' pipelines give images to an autoencoder.
    return pixels.float() / 127.5 - 1


@torch.inference_mode()
def encode_pictures(vae: AutoencoderTiny, pixels: torch.Tensor, *, device: str) -> torch.Tensor:
    """Latents of uint8 `(N, 3, S, S)` images: float32 on the CPU, not yet scaled."""
    vae.eval().to(device)
    batches = torch.split(pixels, _ENCODE_BATCH)
    means = [vae.encode(scale_pixels(batch).to(device)).latents.cpu() for batch in batches]
    return torch.cat(means)


@torch.inference_mode()
def decode_latents(vae: AutoencoderTiny, latents: torch.Tensor) -> torch.Tensor:
    """uint8 `(N, 3, S, S)` images of latents that are not scaled."""
    vae.eval()
    made = vae.decode(latents.to(next(vae.parameters()).device)).sample
    # Rounded before the cast, which would cut off: images would be half a level darker.
    pixels: torch.Tensor = ((made + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu()
    return pixels
