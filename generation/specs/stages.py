"""One diffusers pipeline in a spec: its repository, its call and its inputs.

TOML has no null: the absence of an optional key means "the pipeline's own default" or "does not apply", as
its description says. The release records the value of the default.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from imagenet_g.benchmark.records import FileModel

# Strict: "30" is text and true is no number, and what a spec says must be what its author meant.
Positive = Annotated[int, Field(ge=1, strict=True)]
# A folder has no commit; its contents are hashed in its place when a recipe is made.
LOCAL_REVISION = "local"


class TransformSpec(FileModel):
    """Preprocessing of a source image before the pipeline."""

    size_px: Positive
    """Side of the square it is resized to; the aspect ratio is not kept."""
    interpolation: Literal["bicubic", "bilinear", "lanczos"]
    antialias: bool
    normalization: Literal["clip", "none"]
    """"clip": a tensor with CLIP's mean and std. "none": a PIL image, which the pipeline scales."""

    @model_validator(mode="after")
    def _validate_path(self) -> Self:
        # Pillow's resize always widens its filter when it shrinks an image.
        if self.normalization == "none" and not self.antialias:
            raise ValueError("a PIL image is always resized with antialiasing: set antialias = true")
        if self.normalization == "clip" and self.interpolation == "lanczos":
            raise ValueError("tensors cannot be resized with lanczos: use bicubic or bilinear")
        return self


class SchedulerSpec(FileModel):
    """A scheduler that replaces the repository's own."""

    name: str
    """Class name in diffusers."""
    options: dict[str, JsonValue] = Field(default_factory=dict)
    """Changes to the configuration of the repository's scheduler."""


class PipelinePartSpec(FileModel):
    """A part of a pipeline from another repository, such as a fine-tuned network or a better autoencoder."""

    repo: str
    """Hub repository, a local folder, or "packaged:NAME"."""
    revision: str
    """As a stage's."""
    subfolder: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]*$")] = ""
    """Where in the repository the part is, such as "unet"; empty: at its root."""
    variant: str | None = None
    """As a stage's."""

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a commit or a folder on this machine."""
        return _is_fixed(self.revision)


class LoraSpec(FileModel):
    """A low-rank adapter of a pipeline's networks, such as LCM, Lightning or Turbo."""

    repo: str
    """Hub repository, or a local folder."""
    revision: str
    """As a stage's."""
    file: Annotated[
        str, Field(pattern=r"^([A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*\.safetensors$")
    ]
    """The one file that is read; no other format is, because a pickle can run code."""
    scale: Annotated[float, Field(strict=True, allow_inf_nan=False)] = 1.0
    """Weight of the adapter; 0 leaves the images unchanged."""

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a commit or a folder on this machine."""
        return _is_fixed(self.revision)


class QuantizationSpec(FileModel):
    """Weights of some parts in few bits, by the quantisation of diffusers. It changes the pixels."""

    backend: Literal["bitsandbytes_4bit", "bitsandbytes_8bit", "torchao"]
    parts: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names of networks in the pipeline, such as "transformer"."""
    options: dict[str, JsonValue] = Field(default_factory=dict)
    """Of the backend: torchao takes quant_type, such as "Int8WeightOnlyConfig", and what that class takes;
    bitsandbytes what BitsAndBytesConfig takes."""


class StageSpec(FileModel):
    """One diffusers pipeline and how it is called."""

    pipeline: str
    """Class name in diffusers, such as "StableDiffusionPipeline" or "AutoPipelineForText2Image"."""
    repo: str
    """Hub repository, or a local folder in the diffusers format."""
    revision: str
    """Commit of 40 hex digits once pinned; a branch or tag before; "local" for a folder."""
    variant: str | None = None
    """Weight variant, such as "fp16"; absent: the plain files."""
    dtype: Literal["float32", "float16", "bfloat16"]
    scheduler: SchedulerSpec | None = None
    """Absent: the repository's own."""
    steps: Positive | None = None
    """Denoising steps; absent: the pipeline's default, which the release records."""
    guidance: Annotated[float, Field(strict=True)] | None = None
    """Guidance scale; absent: the pipeline's default."""
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    """Further arguments of the pipeline's call, under the library's own names."""
    parts: dict[str, PipelinePartSpec] = Field(default_factory=dict)
    """Replacements of the repository's own parts, by their name there, such as "unet" or "vae"."""
    loras: tuple[LoraSpec, ...] = ()
    """Adapters, in the order they are added."""
    quantization: QuantizationSpec | None = None
    """Absent: weights of `dtype`."""

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a commit or a folder on this machine."""
        return _is_fixed(self.revision)

    @property
    def repositories(self) -> tuple[StageSpec | PipelinePartSpec | LoraSpec, ...]:
        """Everything with a repository and a revision: the stage, its parts, then its adapters."""
        return (self, *self.parts.values(), *self.loras)


@dataclass(frozen=True, slots=True)
class StageWork:
    """What a pipeline does for an image, as far as its time depends on it.

    Attributes:
        pipeline: Class name in diffusers.
        repo: Where the weights of the network are from that runs in every step.
        steps: Denoising steps that run: of an image-to-image pipeline, its strength's share; None if unknown.
        bits: Of its numbers, 16 or 32.
        is_guided: Whether every step runs twice, with the prompt and without.
        size_px: Height and width; None for the pipeline's own default.
    """

    pipeline: str
    repo: str
    steps: float | None
    bits: Literal[16, 32]
    is_guided: bool
    size_px: tuple[int | None, int | None]


Repository = StageSpec | PipelinePartSpec | LoraSpec
"""Anything with a repository and a revision to pin."""


def needs_pin(found: Repository) -> bool:
    """Whether the weights may change later: neither a commit nor a local folder.

    Example:
        >>> stage = StageSpec(pipeline="DiTPipeline", repo="org/name", revision="main", dtype="float32")
        >>> needs_pin(stage), needs_pin(stage.model_copy(update={"revision": "0" * 40}))
        (True, False)
    """
    return not found.is_pinned and not Path(found.repo).is_dir()


def is_shared(found: Repository) -> bool:
    """Whether everybody gets the same weights by this name: a commit, or a model that ships with the package.

    Example:
        >>> stage = StageSpec(pipeline="DiTPipeline", repo="my-folder", revision="local", dtype="float32")
        >>> is_shared(stage), is_shared(stage.model_copy(update={"repo": "packaged:mini-sd"}))
        (False, True)
    """
    return found.is_pinned and (found.revision != LOCAL_REVISION or found.repo.startswith("packaged:"))


def _is_fixed(revision: str) -> bool:
    # 40 hex digits are a commit, which nobody can move; a branch or a tag can be.
    return revision == LOCAL_REVISION or (len(revision) == 40 and set(revision) <= set("0123456789abcdef"))
