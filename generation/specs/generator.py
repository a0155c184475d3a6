"""What a generator is, as written in a version spec.

Two kinds are comparators of Ramos et al. 2023 on whatever pipeline a spec names: other ways than captions to
draw a class off its usual look. What is faithful and what is not stands with each.

TOML cannot say null: a key that may be absent means "the pipeline's own default" or "does not apply", and
each one says which. What the default was is recorded in the release.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from imagenet_g.benchmark.records import FileModel, Sha256

Inputs = Literal["prompt", "image", "prompt+image", "class"]
Positive = Annotated[int, Field(ge=1)]
LOCAL_REVISION = "local"


class TransformSpec(FileModel):
    """What happens to a source image before the pipeline sees it."""

    size_px: Positive
    """Side of the square it is resized to; the aspect ratio is not kept."""
    interpolation: Literal["bicubic", "bilinear", "lanczos"]
    antialias: bool
    normalization: Literal["clip", "none"]
    """"clip": a tensor with CLIP's mean and std. "none": a PIL image, which the pipeline scales."""

    @model_validator(mode="after")
    def _validate_path(self) -> Self:
        if self.normalization == "none" and not self.antialias:
            raise ValueError("a PIL image is always resized with antialiasing: set antialias = true")
        if self.normalization == "clip" and self.interpolation == "lanczos":
            raise ValueError("tensors cannot be resized with lanczos: use bicubic or bilinear")
        return self


class SchedulerSpec(FileModel):
    """A scheduler in place of the repository's own."""

    name: str
    """Class name in diffusers."""
    options: dict[str, JsonValue] = Field(default_factory=dict)
    """Changes to the configuration it takes over from the repository's scheduler."""


class PipelinePartSpec(FileModel):
    """A part of a pipeline from another repository: a network trained on, an autoencoder mended."""

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
    guidance: float | None = None
    """Guidance scale; absent: the pipeline's default."""
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    """Further arguments of the pipeline's call, under the library's own names."""
    parts: dict[str, PipelinePartSpec] = Field(default_factory=dict)
    """Parts that take the place of the repository's own, by their name there, such as "unet" or "vae"."""

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a commit or a folder on this machine."""
        return _is_fixed(self.revision)

    @property
    def repositories(self) -> tuple[StageSpec | PipelinePartSpec, ...]:
        """All that has a repository and a revision: the stage, then its parts."""
        return (self, *self.parts.values())


class DiffusersSpec(StageSpec):
    """A generator that is a diffusers pipeline, with further pipelines behind it where it has stages."""

    kind: Literal["diffusers"] = "diffusers"
    inputs: Inputs
    """What an image is made from."""
    height_px: Positive | None = None
    """Absent: the pipeline's default."""
    width_px: Positive | None = None
    strength: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    """For inputs "prompt+image": 1 replaces the source image by noise entirely, so that little survives."""
    source: TransformSpec | None = None
    """For inputs with an image."""
    upscalers: tuple[StageSpec, ...] = ()
    """Called in turn with the prompt and the images so far."""
    clip_token_limit: Positive | None = None
    """Prompt tokens a CLIP text encoder keeps, start and end included (77); absent where there is none."""
    safety: Literal["verdict", "off"] = "verdict"
    """"verdict": a safety checker in the repository is asked and its answer kept; no image is blackened."""
    attention_slicing: bool = False
    compile: bool = False
    offload: bool = False
    """Keep components on the CPU until they are used; needs less GPU memory and more time."""
    cpu_threads: Positive = 1
    """Threads on a CPU, part of the recipe: another number gives other last bits."""

    @property
    def stages(self) -> tuple[StageSpec, ...]:
        """The pipelines in the order they run."""
        return (self, *self.upscalers)

    @property
    def all_repositories(self) -> tuple[StageSpec | PipelinePartSpec, ...]:
        """Those of every stage, in the order they run."""
        return tuple(found for stage in self.stages for found in stage.repositories)

    @model_validator(mode="after")
    def _validate_inputs(self) -> Self:
        if ("image" in self.inputs) != (self.source is not None):
            raise ValueError(f"inputs = '{self.inputs}' and the table [source] do not belong together")
        if (self.strength is not None) and self.inputs != "prompt+image":
            raise ValueError("strength belongs to inputs = 'prompt+image'")
        return self


class PythonSpec(FileModel):
    """A generator of one's own; see `generators.Generator`."""

    kind: Literal["python"]
    inputs: Inputs
    factory: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    """"module:function"; called with `options`, returns a Generator."""
    options: dict[str, JsonValue] = Field(default_factory=dict)
    clip_token_limit: Positive | None = None


class BackgroundFirstSpec(DiffusersSpec):
    """An object in a mismatched background, after D3S: the background is drawn first, the object into it.

    The pipeline draws the prompt's scene without the object; the first upscaler, an image-to-image pipeline,
    starts from that picture with the whole prompt. Prompts come from the recipe "mismatched-scene".

    Source: Kattakinda, Levine and Feizi 2022, "Invariant Learning via Diffusion Dreamed Distribution Shifts".
    Faithful: Stable Diffusion, led by a prompt that names object and background and by an initial picture of
    the background, so that objects stand where they seldom do.
    Not faithful: the original pastes a real object into real templates of ten backgrounds; here the initial
    picture is the generator's own, holds no object, and is of one of the 365 scenes of Places. That a scene
    does not suit a class is told from words alone and checked by nobody.
    """

    kind: Literal["background-first"]  # type: ignore[assignment]
    inputs: Literal["prompt"]
    background: Annotated[str, Field(pattern=r"^[^{}]*\{b\}[^{}]*$")] = "a photo of a {b}"
    """Prompt of the initial picture."""

    @model_validator(mode="after")
    def _validate_second_stage(self) -> Self:
        if not self.upscalers:
            raise ValueError(
                "kind = 'background-first' needs an image-to-image pipeline as its first upscaler"
            )
        return self


class AwaySpec(FileModel):
    """What a picture is driven away from, and how hard."""

    model: Annotated[str, Field(pattern=r"^open_clip:")]
    """The CLIP that sees the picture."""
    means: str
    """File with the mean embedding of each class under that CLIP; see `class_means`."""
    sha256: Sha256 | None = None
    """Hash of the means, which the file states; absent: not pinned yet, and not to be built."""
    scale: Annotated[float, Field(ge=0.0)]
    """Weight of the gradient; 0 leaves the pictures as they were."""
    every: Positive = 1
    """Guide every so many steps; each guided one costs about as much again as a plain one."""


class AwayFromMeanSpec(DiffusersSpec):
    """Guidance away from the mean of the class, after low-density sampling.

    In each step the picture to come is estimated, decoded and seen by a CLIP, and the predicted noise is
    moved along the gradient of its cosine to the class mean, as classifier guidance does with a class
    probability (Dhariwal and Nichol 2021, Algorithm 2), with the opposite sign.

    Source: Sehwag et al. 2022, "Generating High Fidelity Data from Low-density Regions using Diffusion
    Models".
    Faithful: sampling is guided, without training, away from the mean embedding of the class.
    Not faithful: the original guides a class-conditional model, and a second guidance, from a network that
    tells real from synthetic, keeps it near real pictures. Here the pipeline follows its prompt by
    classifier-free guidance, which has to do that work, and what looks is an ordinary CLIP, which sees an
    estimate of the clean picture.
    """

    kind: Literal["away-from-mean"]  # type: ignore[assignment]
    inputs: Literal["prompt"]
    away: AwaySpec


GeneratorSpec = Annotated[
    DiffusersSpec | BackgroundFirstSpec | AwayFromMeanSpec | PythonSpec, Field(discriminator="kind")
]
GENERATOR_KINDS = ("diffusers", "background-first", "away-from-mean", "python")


def needs_pin(found: StageSpec | PipelinePartSpec) -> bool:
    """Whether what is loaded may be other weights tomorrow: no commit, and no folder on this machine."""
    return not found.is_pinned and not Path(found.repo).is_dir()


def _is_fixed(revision: str) -> bool:
    return revision == LOCAL_REVISION or (len(revision) == 40 and set(revision) <= set("0123456789abcdef"))
