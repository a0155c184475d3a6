"""The diffusion model of a recipe: latents from noise, conditioned on a caption or on an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from imagenet_g.generation.training.specs import DiffusionSpec

if TYPE_CHECKING:
    from diffusers import DDPMScheduler, UNet2DConditionModel


@dataclass(frozen=True)
class DiffusionData:
    """Everything a step needs, computed once by the parts trained before.

    Attributes:
        latents: `(N, C, H, W)` float32, scaled to unit variance.
        caption_numbers: `(N,)` int64, which caption each image has.
        captions: `(M, T, D)` the text encoder's last hidden states of all captions; float16 to save room.
        nothing: `(T, D)` the same of the empty text: the condition without a caption.
        images: `(N, D)` image embeddings of the images themselves.
    """

    latents: torch.Tensor
    caption_numbers: torch.Tensor
    captions: torch.Tensor
    nothing: torch.Tensor
    images: torch.Tensor


class DiffusionTask:
    """Trains a network to remove noise.

    One network is conditioned on both captions and images, so that the text-to-image and the
    image-variation pipeline share their weights: an image's embedding replaces the caption's tokens.

    Args:
        spec: The architecture, the noise schedule and the shares of conditions.
        data: The encoded training set.
        device: Device of the training.
        seed: Seed of the initial weights.
    """

    def __init__(self, spec: DiffusionSpec, data: DiffusionData, *, device: str, seed: int) -> None:
        torch.manual_seed(seed)
        self._spec = spec
        self._data = data
        self._device = device
        self.unet = make_unet(spec, data.latents, text_width=int(data.captions.shape[-1]))
        # Convolutions are faster in this order of memory, on CPUs as on GPUs.
        self.unet.to(device, memory_format=torch.channels_last)
        self._scheduler = make_noise_scheduler(spec)

    @property
    def module(self) -> torch.nn.Module:
        """The network."""
        unet: torch.nn.Module = self.unet
        return unet

    def compute_loss(self, numbers: torch.Generator, batch_size: int) -> dict[str, torch.Tensor]:
        """Squared error of the velocity, weighted so that no noise level outweighs the others.

        Source: v-prediction, Salimans and Ho 2022, Appendix D; weights of Hang et al. 2023, Eq. 8, for v.
        """
        data, scheduler = self._data, self._scheduler
        rows = torch.randint(len(data.latents), (batch_size,), generator=numbers)
        times = torch.randint(scheduler.config.num_train_timesteps, (batch_size,), generator=numbers)
        clean = data.latents[rows]
        noise = torch.randn(clean.shape, generator=numbers)
        noisy = scheduler.add_noise(clean, noise, times)
        target = scheduler.get_velocity(clean, noise, times).to(self._device)
        conditions = self._pick_conditions(rows, numbers).to(self._device)
        # Only the products are in bfloat16, the weights stay float32: small updates would vanish in its 8
        # bits.
        with torch.autocast(
            torch.device(self._device).type, torch.bfloat16, enabled=self._spec.half_precision
        ):
            guess = self.unet(noisy.to(self._device), times.to(self._device), conditions).sample
        errors = (guess.float() - target).square().mean(dim=(1, 2, 3))
        ratio = find_signal_to_noise(scheduler, times).to(self._device)
        weights = ratio.clamp(max=self._spec.min_snr) / (ratio + 1)
        # Divided by the weights drawn, so that the learning rate does not depend on which times a batch has.
        return {"loss": (weights * errors).sum() / weights.sum(), "error": errors.mean()}

    def _pick_conditions(self, rows: torch.Tensor, numbers: torch.Generator) -> torch.Tensor:
        """`(B, T, D)`: captions, images, or nothing.

        An image's one token is repeated over the caption's length, which attention cannot distinguish from
        one token. Nothing is the empty text, or zeros for images, as in the unguided half of either pipeline.
        """
        data, spec = self._data, self._spec
        conditions = data.captions[data.caption_numbers[rows]].float()
        by_image = torch.rand(len(rows), generator=numbers) < spec.image_share
        dropped = torch.rand(len(rows), generator=numbers) < spec.drop_share
        # Before the images, whose own "nothing" is zeros.
        conditions[dropped] = data.nothing
        pictures = torch.where(dropped[:, None], 0.0, data.images[rows])
        conditions[by_image] = pictures[by_image][:, None].expand(-1, conditions.shape[1], -1)
        return conditions


def make_unet(spec: DiffusionSpec, latents: torch.Tensor, *, text_width: int) -> UNet2DConditionModel:
    """An untrained network for latents of the given shape."""
    from diffusers import UNet2DConditionModel

    channels, side = int(latents.shape[1]), int(latents.shape[-1])
    return UNet2DConditionModel(
        sample_size=side,
        in_channels=channels,
        out_channels=channels,
        cross_attention_dim=text_width,
        **spec.unet,
    )


def make_noise_scheduler(spec: DiffusionSpec) -> DDPMScheduler:
    """The noise schedule of the training."""
    from diffusers import DDPMScheduler

    return DDPMScheduler(**spec.scheduler)


def find_signal_to_noise(scheduler: DDPMScheduler, times: torch.Tensor) -> torch.Tensor:
    """Signal-to-noise ratio of each time step: alpha over (1 - alpha), of variances."""
    # The first step keeps nearly everything, and 1 - alpha would be nearly zero.
    kept: torch.Tensor = scheduler.alphas_cumprod[times]
    return kept / (1 - kept).clamp(min=1e-8)
