"""Sample sheets of a diffusion model during training, always of the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from PIL import Image

from imagenet_g.benchmark.hub.quiet import ignore_library_warnings
from imagenet_g.benchmark.storage import replace_file
from imagenet_g.benchmark.training.loop import use_weights
from imagenet_g.benchmark.training.pictures import Pictures
from imagenet_g.generation.training.autoencoder import decode_latents
from imagenet_g.generation.training.diffusion import DiffusionData
from imagenet_g.generation.training.specs import DiffusionSpec

if TYPE_CHECKING:
    from diffusers import AutoencoderTiny, UNet2DConditionModel

_COLUMNS = 8
_ROWS = 3


class SampleSheets:
    """Draws sample sheets.

    Three kinds of row: training images as the autoencoder reconstructs them, images generated from their
    captions, and images generated from their embeddings.

    Args:
        spec: Steps and guidance.
        vae: Decodes latents to images.
        data: Conditions to draw from.
        pictures: The training images.
        folder: Folder of the sheets.
        seed: Seed of the noise and of the choice of rows.
    """

    def __init__(
        self,
        spec: DiffusionSpec,
        vae: AutoencoderTiny,
        data: DiffusionData,
        pictures: Pictures,
        folder: Path,
        *,
        seed: int,
    ) -> None:
        # The same rows and the same noise in every sheet, so that two sheets differ by what was learnt alone.
        numbers = torch.Generator("cpu").manual_seed(seed)
        self._spec, self._vae, self._data, self._folder = spec, vae, data, folder
        self._rows = torch.randint(len(pictures), (_COLUMNS * _ROWS,), generator=numbers)
        self._noise = torch.randn(data.latents[self._rows].shape, generator=numbers)

    def draw(self, unet: UNet2DConditionModel, weights: Mapping[str, torch.Tensor], step: int) -> None:
        """Write the sheet of a step.

        Raises:
            StorageError: The folder cannot be written.
        """
        data = self._data
        conditions = data.captions[data.caption_numbers[self._rows]].float()
        shown = data.images[self._rows][:, None].expand_as(conditions)
        # The averaged weights, which are the ones that will be exported.
        with use_weights(unet, weights), torch.inference_mode():
            drawn = [
                sample_latents(unet, self._spec, self._noise, conditions, data.nothing.expand_as(conditions)),
                # Zeros, as the image-variation pipeline has them for its unguided half.
                sample_latents(unet, self._spec, self._noise, shown, torch.zeros_like(shown)),
            ]
        factor = self._vae.config.scaling_factor
        latents = [data.latents[self._rows], *drawn]
        sheet = make_sheet([decode_latents(self._vae, latent / factor) for latent in latents])
        with replace_file(self._folder / f"samples-{step:06d}.png") as temporary:
            sheet.save(temporary, format="PNG")


def sample_latents(
    unet: UNet2DConditionModel,
    spec: DiffusionSpec,
    noise: torch.Tensor,
    conditions: torch.Tensor,
    nothing: torch.Tensor,
) -> torch.Tensor:
    """Latents drawn with guidance, on the CPU.

    Args:
        unet: The network.
        spec: Noise schedule, steps, guidance.
        noise: `(N, C, H, W)` to start from.
        conditions: `(N, T, D)`, one sequence of caption states a picture.
        nothing: `(N, T, D)` conditions of the unguided half.
    """
    from diffusers import DPMSolverMultistepScheduler

    device = next(unet.parameters()).device
    both = torch.cat([nothing, conditions]).to(device)
    latents = noise
    with ignore_library_warnings():
        scheduler = DPMSolverMultistepScheduler(
            **spec.scheduler, algorithm_type="dpmsolver++", solver_order=2
        )
        scheduler.set_timesteps(spec.steps)
        for time in scheduler.timesteps:
            guess = unet(torch.cat([latents, latents]).to(device), time, both).sample.cpu()
            free, guided = guess.chunk(2)
            latents = scheduler.step(free + spec.guidance * (guided - free), time, latents).prev_sample
    return latents


def make_sheet(groups: list[torch.Tensor]) -> Image.Image:
    """An image of groups of images, each group below the last.

    Args:
        groups: uint8 `(N, 3, S, S)` each, in rows of eight.
    """
    rows = [torch.cat(list(row), dim=2) for group in groups for row in torch.split(group, _COLUMNS)]
    return Image.fromarray(torch.cat(rows, dim=1).permute(1, 2, 0).contiguous().numpy())
