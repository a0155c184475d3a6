"""What is learnt: the network of a Stable Diffusion removes noise from latents of captioned images."""

from __future__ import annotations

from typing import Any

import torch

from imagenet_g.benchmark.errors import InputError
from imagenet_g.generation.finetuning.pictures import PictureStream
from imagenet_g.generation.finetuning.specs import FinetuneSpec

Pipeline = Any
"""diffusers' pipelines share no typed interface."""


class FinetuneTask:
    """Trains a pipeline's network; its text encoder and its autoencoder stay as they are.

    Source: the script by which Bansal and Grover 2023 fine-tuned Stable Diffusion 1.5
    (Hritikbansal/generative-robustness, sd_finetune/finetune_sd.py), which is diffusers' own
    train_text_to_image.py: squared error of the noise, times drawn evenly, no caption left out.

    Args:
        spec: The recipe.
        pipe: The pipeline, in float32 on the CPU; its parts are moved to the device.
        stream: Its images.
        device: Where it learns.

    Raises:
        InputError: The pipeline has no network, text encoder or autoencoder of the kind that is needed.
    """

    def __init__(self, spec: FinetuneSpec, pipe: Pipeline, stream: PictureStream, *, device: str) -> None:
        from diffusers import AutoencoderKL, DDPMScheduler

        self._spec, self._pipe, self._stream, self._device = spec, pipe, stream, device
        if not isinstance(getattr(pipe, "vae", None), AutoencoderKL):
            raise InputError(
                f"'{spec.base.repo}' has no AutoencoderKL: only Stable Diffusion 1 and 2 are fine-tuned."
            )
        self._noise = DDPMScheduler.from_config(pipe.scheduler.config)
        for part in (pipe.vae, pipe.text_encoder):
            part.requires_grad_(False).eval().to(device)
        pipe.unet.to(device)
        if spec.gradient_checkpointing:
            pipe.unet.enable_gradient_checkpointing()

    @property
    def module(self) -> torch.nn.Module:
        """The network."""
        unet: torch.nn.Module = self._pipe.unet
        return unet

    def compute_loss(self, numbers: torch.Generator, batch_size: int) -> dict[str, torch.Tensor]:
        """Mean squared error of the predicted noise, or velocity where the pipeline predicts that.

        Raises:
            DataError: An image cannot be read.
        """
        pixels, captions = self._stream.draw(numbers, batch_size)
        times = torch.randint(self._noise.config.num_train_timesteps, (batch_size,), generator=numbers)
        kind = torch.device(self._device).type
        # Only the products are in bfloat16: the small steps of a fine-tuning would vanish in its 8 bits.
        with torch.autocast(kind, torch.bfloat16, enabled=self._spec.half_precision):
            with torch.no_grad():
                clean = self._encode(pixels, numbers)
                context = self._read(captions)
            noise = torch.randn(clean.shape, generator=numbers)
            noisy = self._noise.add_noise(clean, noise, times).to(self._device)
            guess = self._pipe.unet(noisy, times.to(self._device), context).sample
        target = (
            noise
            if self._noise.config.prediction_type == "epsilon"
            else self._noise.get_velocity(clean, noise, times)
        )
        return {"loss": (guess.float() - target.to(self._device)).square().mean()}

    def _encode(self, pixels: torch.Tensor, numbers: torch.Generator) -> torch.Tensor:
        """`(N, C, H, W)` float32 latents on the CPU, drawn from what the autoencoder gives."""
        vae = self._pipe.vae
        found = vae.encode(pixels.to(self._device)).latent_dist
        # On the CPU as all random numbers of a step, so that every device draws the same.
        drawn = torch.randn(found.mean.shape, generator=numbers)
        latents: torch.Tensor = found.mean.float().cpu() + found.std.float().cpu() * drawn
        return latents * float(vae.config.scaling_factor)

    def _read(self, captions: list[str]) -> torch.Tensor:
        tokenizer = self._pipe.tokenizer
        words = tokenizer(
            captions, padding="max_length", max_length=tokenizer.model_max_length, truncation=True,
            return_tensors="pt",
        )  # fmt: skip
        states: torch.Tensor = self._pipe.text_encoder(words.input_ids.to(self._device))[0]
        return states
