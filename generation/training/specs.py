"""Training recipes: models, training data and schedule; reviewed TOML in `data/training/`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Self

from pydantic import Field, JsonValue, model_validator

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.shipped_specs import list_shipped_names, load_shipped_spec
from imagenet_g.benchmark.training.schedules import ScheduleSpec

Positive = Annotated[int, Field(ge=1)]
STAGE_NAMES = ("clip", "autoencoder", "diffusion")
"""Parts of a recipe, in the order they are trained."""


class TowerSpec(FileModel):
    """One transformer of a CLIP."""

    width: Positive
    layers: Positive
    heads: Positive


class VisionTransformerSpec(TowerSpec):
    """The image tower that diffusers' pipelines accept."""

    patch_px: Positive


class ConvolutionsSpec(FileModel):
    """An image tower from timm, which learns from far fewer images."""

    timm_model: str
    size_px: Positive
    """Side that images are resized to."""


class ClipSpec(FileModel):
    """A contrastive model of images and captions."""

    embed_dim: Positive
    vision: VisionTransformerSpec | ConvolutionsSpec
    text: TowerSpec
    vocabulary_size: Positive
    max_tokens: Positive
    class_weight: Annotated[float, Field(ge=0, le=1)] = 0.0
    """How right a caption of the same class in another style is, where the image's own is 1."""
    schedule: ScheduleSpec


class AutoencoderSpec(FileModel):
    """An `AutoencoderTiny`: convolutions without normalisation, which learn fast."""

    channels: Positive
    """Channels of every layer."""
    encoder_blocks: tuple[Annotated[int, Field(ge=0)], ...]
    """Blocks at each size, the first at that of the image; each further size halves it."""
    decoder_blocks: tuple[Annotated[int, Field(ge=0)], ...]
    """The same for the decoder, the last at the image's size."""
    latent_channels: Positive
    noise: Annotated[float, Field(ge=0)]
    """Deviation of noise on latents in training, so that small errors of latents are not visible."""
    edge_weight: float
    """Weight of the error of the image's differences beside that of its values."""
    size_weight: float
    """Weight of the latents' mean square, which keeps them small."""
    schedule: ScheduleSpec


class DiffusionSpec(FileModel):
    """A `UNet2DConditionModel` over the autoencoder's latents, conditioned on the CLIP."""

    unet: dict[str, JsonValue]
    """Arguments of UNet2DConditionModel, without the sizes that the parts determine."""
    scheduler: dict[str, JsonValue]
    """Configuration of the noise schedule."""
    image_share: Annotated[float, Field(ge=0, le=1)]
    """Share of examples conditioned on an image instead of a caption."""
    drop_share: Annotated[float, Field(ge=0, le=1)]
    """Share of examples without a condition, for classifier-free guidance."""
    min_snr: Annotated[float, Field(gt=0)]
    """Cap on the signal-to-noise ratio in the loss weight; Hang et al. 2023."""
    half_precision: bool = False
    """Whether products are computed in bfloat16; the weights stay float32."""
    data: str | None = None
    """Reference of the split this stage learns from; None for the recipe's."""
    steps: Positive
    """Denoising steps of the sample sheets."""
    guidance: float
    schedule: ScheduleSpec


class TrainingSpec(FileModel):
    """A recipe: a CLIP alone; a CLIP, an autoencoder and a diffusion model on both; or further training.

    A recipe that continues another has no CLIP. It trains the network of a finished pipeline, the decoder of
    its autoencoder, or both, and writes those alone; the other parts stay as they are.
    """

    schema_version: Annotated[int, Field(ge=1, le=1)]
    name: str
    title: str
    license: str
    data: str
    """Reference of the split that is learnt from, where a stage names no other."""
    seed: int
    continues: str | None = None
    """The finished pipeline to continue: "packaged:NAME" or a folder."""
    network: str | None = None
    """The finished network to continue where it is not the pipeline's own: "packaged:NAME" or a folder."""
    clip: ClipSpec | None = None
    autoencoder: AutoencoderSpec | None = None
    diffusion: DiffusionSpec | None = None

    @model_validator(mode="after")
    def _validate_stages(self) -> Self:
        if self.continues is not None:
            if self.clip or not (self.autoencoder or self.diffusion):
                raise ValueError(
                    "a recipe that continues another has [autoencoder], [diffusion] or both, no [clip]"
                )
            return self
        if self.network is not None:
            raise ValueError("'network' needs 'continues': the pipeline that the network is a part of")
        if self.clip is None:
            raise ValueError("a recipe needs a table [clip], or the key 'continues'")
        # A diffusion model draws latents, and nothing else here reads them.
        if (self.autoencoder is None) != (self.diffusion is None):
            raise ValueError("a recipe needs both [autoencoder] and [diffusion], or neither")
        # The pipelines hold the image tower as a class of transformers, which has no convolutions of timm's.
        if self.diffusion is not None and isinstance(self.clip.vision, ConvolutionsSpec):
            raise ValueError("a diffusion model needs a CLIP whose vision is a transformer")
        return self

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages of the recipe, in the order they are trained."""
        return tuple(name for name in STAGE_NAMES if getattr(self, name) is not None)

    def find_data(self, stage: str) -> str:
        """Reference of the split that a stage learns from."""
        # The network may learn from more images than the parts, which then need no new training.
        own = self.diffusion.data if stage == "diffusion" and self.diffusion is not None else None
        return own or self.data

    def name_folder(self, stage: str) -> str:
        """Folder name of a stage's finished model: the last one has the recipe's name."""
        return self.name if stage == self.stages[-1] else f"{self.name}-{stage}"


def change_steps(spec: TrainingSpec, stages: Sequence[str], steps: int) -> TrainingSpec:
    """The recipe with another number of steps for one stage.

    Raises:
        InputError: More than one stage, or no steps.

    Example:
        >>> recipe = change_steps(load_training_spec("mini-sd"), ["diffusion"], 8000)
        >>> recipe.diffusion.schedule.steps
        8000
        >>> recipe.stages, recipe.name_folder("clip"), recipe.name_folder("diffusion")
        (('clip', 'autoencoder', 'diffusion'), 'mini-sd-clip', 'mini-sd')
    """
    if len(stages) != 1:
        raise InputError("--steps needs exactly one --stage.")
    if steps < 1:
        raise InputError(f"--steps {steps}: at least 1 is needed.")
    part = getattr(spec, stages[0])
    schedule = part.schedule.model_copy(update={"steps": steps})
    return spec.model_copy(update={stages[0]: part.model_copy(update={"schedule": schedule})})


def list_training_names() -> tuple[str, ...]:
    """Names of the shipped recipes, sorted."""
    return list_shipped_names(_find_folder())


def load_training_spec(name_or_path: str) -> TrainingSpec:
    """A shipped recipe, or a user's TOML file.

    Raises:
        UnknownNameError: No such recipe.
        InputError: The file cannot be read or breaks the contract.
    """
    return load_shipped_spec(TrainingSpec, name_or_path, _find_folder(), kind="training recipe")


def _find_folder() -> Traversable:
    return files("imagenet_g.generation.data") / "training"
