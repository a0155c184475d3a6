"""Latent diffusion conditioned on a class, as a diffusers pipeline: `cin256-v2` of Rombach et al. 2022.

diffusers has the unconditional and the text-to-image pipeline of that paper only. The parts are its own
classes: a `VQModel`, a `UNet2DConditionModel` and a `DDIMScheduler`. The class embedding is the network's
`encoder_hid_proj`: a linear layer without bias reads one row of its matrix from a one-hot vector, so that a
folder of this pipeline needs no class outside diffusers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from diffusers import DiffusionPipeline, ImagePipelineOutput
from diffusers.utils.torch_utils import randn_tensor

if TYPE_CHECKING:
    from diffusers import DDIMScheduler, UNet2DConditionModel, VQModel


class ClassConditionalLDMPipeline(DiffusionPipeline):  # type: ignore[misc]
    """Images from class numbers, with guidance by the class that stands for none, which is the last one.

    Args:
        vqvae: Decodes latents; its codebook is applied to the last one.
        unet: Removes noise from latents; its `encoder_hid_proj` has a column for each class.
        scheduler: Its schedule of noise.
    """

    # diffusers moves the parts in this order where a spec says `offload = true`.
    model_cpu_offload_seq = "unet->vqvae"

    def __init__(self, vqvae: VQModel, unet: UNet2DConditionModel, scheduler: DDIMScheduler) -> None:
        super().__init__()
        self.register_modules(vqvae=vqvae, unet=unet, scheduler=scheduler)

    @torch.no_grad()
    def __call__(
        self,
        class_labels: Sequence[int],
        num_inference_steps: int = 20,
        guidance_scale: float = 3.0,
        eta: float = 0.0,
        generator: torch.Generator | list[torch.Generator] | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
    ) -> Any:  # noqa: ANN401
        """Draw an image of each class.

        Steps, guidance and eta are those of the script by which Bansal and Grover 2023 made their LDM images
        (Hritikbansal/generative-robustness, generation/conditional_ldm.py).

        Args:
            class_labels: A class index in 0..999 for each image.
            num_inference_steps: Steps of DDIM.
            guidance_scale: Weight of the condition; 1 is without guidance.
            eta: Noise that is added in each step, 0..1.
            generator: Of each image, on the CPU or the pipeline's device.
            output_type: "pil", "np", or "pt" for `(N, 3, H, W)` in [0, 1].
            return_dict: Whether the images come as the attribute of an object, as in all of diffusers.
        """
        device, side = self._execution_device, self.unet.config.sample_size
        shape = (len(class_labels), self.unet.config.in_channels, side, side)
        latents = randn_tensor(shape, generator=generator, device=device, dtype=self.unet.dtype)
        contexts = make_contexts(self.unet, class_labels, is_guided=guidance_scale != 1)
        self.scheduler.set_timesteps(num_inference_steps, device=device)
        latents = latents * self.scheduler.init_noise_sigma
        for time in self.progress_bar(self.scheduler.timesteps):
            noise = predict_noise(self.unet, latents, time, contexts, guidance_scale)
            latents = self.scheduler.step(noise, time, latents, eta=eta, generator=generator).prev_sample
        pixels = decode_latents(self.vqvae, latents)
        self.maybe_free_model_hooks()
        images = pixels if output_type == "pt" else pixels.cpu().permute(0, 2, 3, 1).float().numpy()
        images = self.numpy_to_pil(images) if output_type == "pil" else images
        return ImagePipelineOutput(images=images) if return_dict else (images,)


def make_contexts(unet: UNet2DConditionModel, labels: Sequence[int], *, is_guided: bool) -> torch.Tensor:
    """One-hot class vectors, `(N, 1, K)`: with guidance those of no class first, `(2N, 1, K)`.

    The network's `encoder_hid_proj` turns each into its class embedding.
    """
    num_classes = int(unet.config.encoder_hid_dim)
    # Of 1001 classes the last is no class: the network learnt it where a label had been dropped.
    numbers = [*([num_classes - 1] * len(labels) if is_guided else []), *labels]
    hot = torch.nn.functional.one_hot(torch.tensor(numbers), num_classes)
    # Products with 0 and 1 are exact in every type, so that this reads the row as an embedding would.
    return hot[:, None].to(unet.device, unet.dtype)


def predict_noise(
    unet: UNet2DConditionModel,
    latents: torch.Tensor,
    time: torch.Tensor,
    contexts: torch.Tensor,
    guidance: float,
) -> torch.Tensor:
    """`(N, C, H, W)` noise in latents, by classifier-free guidance where there are contexts of no class.

    Source: Ho and Salimans 2022, Eq. 6, in the form of the authors of latent diffusion.
    """
    repeats = len(contexts) // len(latents)
    guess: torch.Tensor = unet(torch.cat([latents] * repeats), time, encoder_hidden_states=contexts).sample
    if repeats == 1:
        return guess
    free, conditional = guess.chunk(2)
    return free + guidance * (conditional - free)


def decode_latents(vqvae: VQModel, latents: torch.Tensor) -> torch.Tensor:
    """`(N, 3, H, W)` pixels in [0, 1]: each latent vector becomes its nearest code, and codes are decoded."""
    latents = latents / vqvae.config.scaling_factor
    # One by one: distances to 8192 codes take 134 MB an image.
    quantized = torch.stack([find_codes(vqvae.quantize.embedding.weight, one) for one in latents])
    decoded: torch.Tensor = vqvae.decode(quantized.to(vqvae.dtype), force_not_quantize=True).sample
    return (decoded / 2 + 0.5).clamp(0, 1)


def find_codes(codes: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
    """`(C, H, W)` with every vector replaced by the nearest of `(K, C)` codes."""
    vectors = latent.permute(1, 2, 0).reshape(-1, latent.shape[0])
    # In float32, because torch has no distances in half precision.
    nearest = torch.cdist(vectors.float(), codes.float()).argmin(dim=1)
    return codes[nearest].reshape(*latent.shape[1:], -1).permute(2, 0, 1)
