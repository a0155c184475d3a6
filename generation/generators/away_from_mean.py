"""Guidance away from the mean of the class, after low-density sampling; see `AwayFromMeanSpec`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from imagenet_g.benchmark.errors import DataError, InputError, ModelError
from imagenet_g.benchmark.models.clip_encoders import ClipEncoder, load_clip_encoder
from imagenet_g.generation.captions.class_means import ClassMeans, load_class_means, validate_clip
from imagenet_g.generation.generators.diffusers import DiffusersGenerator, StageImages
from imagenet_g.generation.specs.comparators import AwayFromMeanSpec, AwaySpec, find_means_file

if TYPE_CHECKING:
    from imagenet_g.generation.generators.generator import RenderRow
    from imagenet_g.generation.generators.pipelines import LoadedStage, Pipeline

GRADIENT_SCALE = 1024.0
"""Multiplies the cosine while its gradient is taken, so that half precision does not round it to zero."""
Scheduler: TypeAlias = Any
"""diffusers' schedulers share no typed interface."""
Direction = Callable[[torch.Tensor, int, torch.Tensor], torch.Tensor]
"""From a network's output, timestep and sample of a batch to the direction of the noise."""
PREDICTIONS = ("epsilon", "v_prediction")
"""What a network may predict, in diffusers' words: noise, or velocity (Salimans and Ho 2022)."""


class AwayFromMeanGenerator(DiffusersGenerator):
    """A latent or pixel diffusion pipeline whose first stage is guided away from the class mean.

    Args:
        spec: The pipeline, the CLIP and the means.
    """

    def __init__(self, spec: AwayFromMeanSpec) -> None:
        super().__init__(spec)
        self._away = spec.away
        self._clip: ClipEncoder | None = None
        self._means: ClassMeans | None = None

    def load(self, device: str) -> None:
        """Load the pipeline, the CLIP and the means.

        Raises:
            InputError: The pipeline cannot be guided this way, or the means are not pinned.
            DataError: The means are not those of the spec, or not of this CLIP.
            ImagenetGError: As loading a pipeline or a CLIP does.
        """
        super().load(device)
        validate_pipeline(self.stages[0].pipe)
        clip = load_clip_encoder(self._away.model)
        self._means = load_pinned_means(self._away, clip)
        clip.model.to(device)
        self._clip = clip
        away = {
            "model": clip.record.spec,
            "weights_sha256": clip.record.weights_sha256,
            "means_sha256": self._means.record.sha256,
            "means_of": self._means.record.ref,
        }
        self.description = {**self.description, "away": {**away, "scale": self._away.scale}}

    def run_stage(
        self, number: int, stage: LoadedStage, rows: Sequence[RenderRow], images: StageImages
    ) -> StageImages:
        """The first stage is guided, the others run as they are.

        Raises:
            DataError: A class has no mean.
            ModelError: As for any pipeline, or the gradient is not finite.
        """
        if number or self._clip is None or self._means is None:
            return super().run_stage(number, stage, rows, images)
        # autograd cannot save tensors made in inference mode, in which rendering runs.
        with torch.inference_mode(False):
            targets = torch.from_numpy(self._means.take([row.label for row in rows])).to(self.device)
            direction = make_direction(stage.pipe, self._clip, targets)
        with guide_steps(stage.pipe.scheduler, direction, scale=self._away.scale, every=self._away.every):
            return super().run_stage(number, stage, rows, images)


def load_pinned_means(spec: AwaySpec, clip: ClipEncoder) -> ClassMeans:
    """The class means of a spec, checked against the hash it pins.

    Raises:
        InputError: The spec pins no hash; the message gives the hash to pin.
        DataError: The file does not exist, or holds other means or means of another CLIP.
    """
    means = load_class_means(find_means_file(spec.means))
    found = means.record.sha256
    if spec.sha256 is None:
        raise InputError(
            f"Class means '{spec.means}' are not pinned, and other means would give other images. Write "
            f'sha256 = "{found}" beside means in the spec.'
        )
    if found != spec.sha256:
        raise DataError(
            f"Class means '{spec.means}' are not those of the spec: their hash is {found}, the spec pins "
            f"{spec.sha256}."
        )
    validate_clip(means, clip, name=spec.means)
    return means


def validate_pipeline(pipe: Pipeline) -> None:
    """Refuse a pipeline whose final image cannot be estimated from predicted noise.

    Raises:
        InputError: With the reason.
    """
    scheduler, name = pipe.scheduler, type(pipe).__name__
    if getattr(pipe, "vae", None) is None and not _has_pixels(pipe):
        raise InputError(
            f"{name} has neither an autoencoder nor a network of three colour channels: no image can be "
            "estimated from its noise."
        )
    if not hasattr(scheduler, "alphas_cumprod") or find_prediction(scheduler) not in PREDICTIONS:
        raise InputError(
            f"{name} with {type(scheduler).__name__} predicts neither noise nor velocity over a known "
            "schedule; guidance away from the mean needs one that does, such as Stable Diffusion with "
            "DDIMScheduler."
        )


def find_prediction(scheduler: Scheduler) -> str:
    """What a network predicts, as its scheduler's configuration says."""
    return str(scheduler.config.get("prediction_type"))


@contextmanager
def guide_steps(scheduler: Scheduler, direction: Direction, *, scale: float, every: int) -> Iterator[None]:
    """Move the predicted noise along a direction in every step of a scheduler.

    Adds `scale * sqrt(1 - alpha_bar) * direction` to the predicted noise: classifier guidance (Dhariwal and
    Nichol 2021, Algorithm 2) of a log-probability that is minus the direction's potential.
    """
    # Pipelines have no hook between the prediction and the step, so the step itself is replaced for a while.
    plain, count = scheduler.step, 0

    @wraps(plain)
    def step(
        model_output: torch.Tensor,
        timestep: torch.Tensor,
        sample: torch.Tensor,
        *rest: object,
        **named: object,
    ) -> object:
        nonlocal count
        if scale and count % every == 0:
            alpha = float(scheduler.alphas_cumprod[int(timestep)])
            moved = direction(model_output, int(timestep), sample)
            # Velocity is sqrt(alpha_bar) noise - sqrt(1 - alpha_bar) clean sample, and the clean sample moves
            # with the noise: the same change of noise, as velocity, is larger by this factor.
            moved = moved / alpha**0.5 if find_prediction(scheduler) == "v_prediction" else moved
            # Behind the predicted noise some networks, such as IF's, give their variance: it stays.
            model_output = model_output.clone()
            model_output[:, : moved.shape[1]] += scale * (1 - alpha) ** 0.5 * moved.to(model_output)
        count += 1
        return plain(model_output, timestep, sample, *rest, **named)

    scheduler.step = step
    try:
        yield
    finally:
        # The attribute of the object alone: the method of its class is found again.
        del scheduler.step


def make_direction(pipe: Pipeline, clip: ClipEncoder, targets: torch.Tensor) -> Direction:
    """The gradient, by the noisy sample, of the cosine of the estimated final image and a target.

    Args:
        pipe: The pipeline, on its device.
        clip: The CLIP, on the same device.
        targets: `(N, D)` float32, one a row of the batch.
    """
    look = make_view(clip)
    targets = torch.nn.functional.normalize(targets, dim=1)

    def compute(model_output: torch.Tensor, timestep: int, sample: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode(False), torch.enable_grad():
            # In float32, because the gradient passes through a division by alpha, which is small in early
            # steps.
            noisy = sample.detach().clone().float().requires_grad_()
            noise = model_output[:, : sample.shape[1]].detach().clone().float()
            alpha = float(pipe.scheduler.alphas_cumprod[timestep])
            clean = estimate_clean(noisy, noise, alpha, find_prediction(pipe.scheduler))
            pixels = decode_estimate(pipe, clean)
            features = clip.model.encode_image(look(pixels.float()), normalize=True).float()
            total = (features * targets).sum() * GRADIENT_SCALE
            (gradient,) = torch.autograd.grad(total, noisy)
        if not bool(torch.isfinite(gradient).all()):
            raise ModelError(f"The gradient of the guidance is not finite at timestep {timestep}.")
        return gradient / GRADIENT_SCALE

    return compute


def estimate_clean(noisy: torch.Tensor, output: torch.Tensor, alpha: float, prediction: str) -> torch.Tensor:
    """The clean sample behind a noisy one, by a network's output.

    Source: Song et al. 2021 (DDIM), Eq. 9, for noise; Salimans and Ho 2022, Appendix D, for velocity.
    """
    keep, rest = math.sqrt(alpha), math.sqrt(1 - alpha)
    if prediction == "v_prediction":
        return keep * noisy - rest * output
    return (noisy - rest * output) / keep


def decode_estimate(pipe: Pipeline, clean: torch.Tensor) -> torch.Tensor:
    """`(N, 3, H, W)` pixels, about [-1, 1], of an estimated clean sample, in differentiable steps.

    A pipeline of pixels has no decoder; where its scheduler thresholds its estimates, so does this.
    Source: Saharia et al. 2022 (Imagen), section 2.3, dynamic thresholding.
    """
    if getattr(pipe, "vae", None) is not None:
        pixels: torch.Tensor = pipe.vae.decode(
            clean.to(pipe.vae.dtype) / pipe.vae.config.scaling_factor
        ).sample
        return pixels
    config = pipe.scheduler.config
    if not config.get("thresholding"):
        return clean
    # Early estimates are far out of range: clamped alone they would have no gradient.
    bounds = torch.quantile(clean.abs().flatten(1), config["dynamic_thresholding_ratio"], dim=1)
    bounds = bounds.clamp(1, config["sample_max_value"])[:, None, None, None]
    return torch.minimum(torch.maximum(clean, -bounds), bounds) / bounds


def _has_pixels(pipe: Pipeline) -> bool:
    unet = getattr(pipe, "unet", None)
    return unet is not None and unet.config.get("in_channels") == 3


def make_view(clip: ClipEncoder) -> Callable[[torch.Tensor], torch.Tensor]:
    """From pixels in [-1, 1], `(N, 3, H, W)`, to the input of a CLIP, in differentiable steps.

    The middle square is resized by two matrix products: the gradient of the library's resizing sums in no
    fixed order on a GPU, so that the last bits would not be reproducible.
    """
    record = clip.record.preprocessing
    if record.mean is None or record.std is None:
        raise InputError(
            f"'{clip.record.spec}' does not state the normalisation of its inputs; choose another CLIP."
        )
    mean, std = (torch.tensor(values)[:, None, None] for values in (record.mean, record.std))

    def look(pixels: torch.Tensor) -> torch.Tensor:
        side = min(pixels.shape[-2:])
        top, left = ((length - side) // 2 for length in pixels.shape[-2:])
        square = (pixels[..., top : top + side, left : left + side] / 2 + 0.5).clamp(0, 1)
        rows, columns = (make_resizing(side, size).to(pixels) for size in record.input_size_px)
        return (rows @ square @ columns.T - mean.to(pixels)) / std.to(pixels)

    return look


def make_resizing(length: int, size: int) -> torch.Tensor:
    """`(size, length)` matrix that resizes a line of pixels: bicubic, antialiased."""
    # Resizing is linear: what it makes of each unit vector is the matrix.
    line = torch.eye(length)[:, None, None, :]
    resized = torch.nn.functional.interpolate(line, size=(1, size), mode="bicubic", antialias=True)
    return resized[:, 0, 0, :].T.contiguous()
