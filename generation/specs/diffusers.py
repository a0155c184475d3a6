"""The kind "diffusers": a pipeline, optionally followed by further pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from imagenet_g.benchmark.errors import ImagenetGError
from imagenet_g.generation.specs.generator import GeneratorSpec, Inputs
from imagenet_g.generation.specs.pipeline_classes import find_call_defaults
from imagenet_g.generation.specs.repos import identify_repo, restore_stage
from imagenet_g.generation.specs.stages import Positive, Repository, StageSpec, StageWork, TransformSpec
from imagenet_g.generation.specs.sweeps import SWEPT

if TYPE_CHECKING:
    from pydantic import JsonValue

# diffusers has no automatic class for an image alone or for a class label; `DiffusionPipeline` takes the one
# that the repository names.
AUTO_PIPELINES: dict[Inputs, str] = {
    "prompt": "AutoPipelineForText2Image",
    "prompt+image": "AutoPipelineForImage2Image",
    "image": "DiffusionPipeline",
    "class": "DiffusionPipeline",
}


MACHINE_KEYS = ("attention_slicing", "compile", "offload")


class DiffusersSpec(StageSpec, GeneratorSpec):
    """A generator that is a diffusers pipeline, optionally followed by further pipelines."""

    takes_machine: ClassVar[bool] = True
    made_by: ClassVar[str] = "imagenet_g.generation.generators.diffusers:DiffusersGenerator"

    kind: Literal["diffusers"] = "diffusers"
    inputs: Inputs
    """What an image is made from."""
    height_px: Positive | None = None
    """Absent: the pipeline's default."""
    width_px: Positive | None = None
    strength: Annotated[float, Field(ge=0.0, le=1.0, strict=True)] | None = None
    """For inputs "prompt+image": 1 replaces the source image by noise, so that little of it remains."""
    source: TransformSpec | None = None
    """For inputs with an image."""
    upscalers: tuple[StageSpec, ...] = ()
    """Called in turn with the prompt and the images of the stage before."""
    hand_over: Literal["images", "tensors"] = "images"
    """"tensors": stages of DeepFloyd IF pass on floating-point pixels, unmarked, and share one text encoder,
    which reads each prompt once. "images": 8-bit images, and every stage reads the prompt."""
    clip_token_limit: Positive | None = None
    """Prompt tokens a CLIP text encoder keeps, start and end included (77); absent without one."""
    safety: Literal["verdict", "off"] = "verdict"
    """"verdict": the repository's safety checker is run and its verdict stored; no image is blackened."""
    watermark: bool | None = None
    """false: the pipeline's watermarker is taken away. true: refused where the pipeline has none. Absent: as
    the library has it; for the XL pipelines that hangs on the package `invisible-watermark`."""
    # The next three are choices of a run (`imagenet-g build --offload model`), and no part of a plan. Specs
    # of before may have them; they are followed, with a remark.
    attention_slicing: bool = False
    compile: bool = False
    offload: bool = False
    cpu_threads: Positive = 1
    """Threads on a CPU, part of the recipe: another number gives other last bits."""

    @model_validator(mode="after")
    def _validate_inputs(self) -> Self:
        if ("image" in self.inputs) != (self.source is not None):
            raise ValueError(
                f"inputs = '{self.inputs}': image inputs need the table [source], others must not have it"
            )
        if (self.strength is not None) and self.inputs != "prompt+image":
            raise ValueError("strength belongs to inputs = 'prompt+image'")
        others = [stage.pipeline for stage in self.stages if not stage.pipeline.startswith("IF")]
        if self.hand_over == "tensors" and others:
            raise ValueError(
                f"hand_over = 'tensors' is for the pipelines of DeepFloyd IF, and {others[0]} is none"
            )
        return self

    @property
    def stages(self) -> tuple[StageSpec, ...]:
        """The pipelines in the order they run."""
        return (self, *self.upscalers)

    @property
    def all_repositories(self) -> tuple[Repository, ...]:
        """Those of every stage, in the order they run."""
        return tuple(found for stage in self.stages for found in stage.repositories)

    @property
    def token_limit(self) -> int | None:
        """As in the spec."""
        return self.clip_token_limit

    @property
    def has_text_encoder(self) -> bool:
        """Assumed, because only the repository decides it."""
        return True

    @property
    def has_longer_encoder(self) -> bool:
        """As the pipeline's call has it: `max_sequence_length` is of a T5 beside CLIP (SD3, Flux)."""
        try:
            return "max_sequence_length" in find_call_defaults(self.pipeline)
        except ImagenetGError:
            # Without diffusers nothing is rendered; a dry run still reports.
            return False

    @property
    def fixed_texts(self) -> dict[str, str]:
        """Those among the further arguments of the call."""
        return {
            name: text for name, text in self.arguments.items() if isinstance(text, str) and "prompt" in name
        }

    @property
    def sweepable(self) -> tuple[str, ...]:
        """Those of the first pipeline's call; the strength only where the spec starts from an image."""
        return SWEPT if self.inputs == "prompt+image" else SWEPT[1:]

    @property
    def machine_hints(self) -> dict[str, Any]:
        """Those of the keys that are true."""
        hints = {"offload": "model", "compile": True, "attention_slicing": True}
        return {key: value for key, value in hints.items() if getattr(self, key)}

    @property
    def num_cpu_threads(self) -> int:
        """As in the spec."""
        return self.cpu_threads

    @property
    def image_size(self) -> tuple[int | None, int | None]:
        """As in the spec; without a size, an image made from an image has the size of its source."""
        side = self.source.size_px if self.source and self.inputs == "prompt+image" else None
        return self.height_px or side, self.width_px or side

    def list_work(self) -> tuple[StageWork, ...]:
        """What each pipeline does for an image, the defaults of the installed diffusers filled in."""
        if any(stage.quantization is not None for stage in self.stages):
            # Faster or slower by backend and GPU, and no published figure is of such weights.
            return ()
        return tuple(_describe_work(self, stage) for stage in self.stages)

    def format_settings(self) -> str:
        """Pipeline, repositories, precision, steps and guidance, with the pipeline's defaults filled in.

        Raises:
            ImagenetGError: diffusers is not installed, or has no such pipeline.
        """
        defaults = find_call_defaults(self.pipeline)
        steps = self.steps or f"{defaults.get('num_inference_steps', 'unknown')} (default)"
        guidance = self.guidance
        shown = f"{defaults.get('guidance_scale')} (default)" if guidance is None else guidance
        strength = "" if self.strength is None else f", strength {self.strength}"
        parts = "".join(f", {name} of {_format_repository(part)}" for name, part in self.parts.items())
        parts += "".join(f", adapter {_format_repository(lora)} x {lora.scale:g}" for lora in self.loras)
        parts += "" if self.quantization is None else f", quantised by {self.quantization.backend}"
        return (
            f"{self.pipeline} {_format_repository(self)}{parts}; {self.dtype}, steps {steps}, "
            f"guidance {shown}{strength}"
        )

    def describe_recipe(self) -> dict[str, JsonValue]:
        """The spec, with local folders identified by their contents instead of their paths.

        Raises:
            UnknownNameError: The spec names a shipped model that does not exist.
        """
        return {
            **describe_stage_recipe(self),
            "upscalers": [describe_stage_recipe(s) for s in self.upscalers],
        }

    @classmethod
    def restore_table(cls, recorded: dict[str, JsonValue], places: Sequence[Path]) -> dict[str, JsonValue]:
        """The table, with the paths of local folders on this machine.

        Raises:
            InputError: A folder is not among the places, or has other contents.
        """
        restored = restore_stage(recorded, places)
        if isinstance(upscalers := recorded.get("upscalers"), list):
            restored["upscalers"] = [restore_stage(s, places) for s in upscalers if isinstance(s, dict)]
        return restored

    def replace_pipeline(self, repo: str, revision: str) -> Self:
        """The same inputs with the pipeline that diffusers chooses for a repository."""
        # Variant and parts belong to the repository they were written for.
        changes: dict[str, object] = {
            "repo": repo,
            "revision": revision,
            "variant": None,
            "parts": {},
            "loras": (),
        }
        return self.model_copy(update={**changes, "pipeline": AUTO_PIPELINES[self.inputs]})


def describe_stage_recipe(stage: StageSpec) -> dict[str, JsonValue]:
    """A stage as part of a recipe, its repositories identified by contents or commit.

    Raises:
        UnknownNameError: The spec names a shipped model that does not exist.
    """
    # Recipes written before these keys existed lack them, and must keep their hash.
    plain = stage.model_dump(mode="json", exclude={"parts", "loras", "quantization"})
    if plain.get("hand_over") == "images":
        del plain["hand_over"]
    if plain.get("watermark", True) is None:
        del plain["watermark"]
    # The keys stay, false, in every recipe: those of frozen releases have them, and keep their hash.
    plain |= {key: False for key in MACHINE_KEYS if key in plain}
    described: dict[str, JsonValue] = {**plain, **identify_repo(stage)}
    if stage.loras:
        described["loras"] = [{**lora.model_dump(mode="json"), **identify_repo(lora)} for lora in stage.loras]
    if stage.quantization is not None:
        described["quantization"] = stage.quantization.model_dump(mode="json")
    if stage.parts:
        described["parts"] = {
            name: {**part.model_dump(mode="json"), **identify_repo(part)}
            for name, part in stage.parts.items()
        }
    return described


def _describe_work(spec: DiffusersSpec, stage: StageSpec) -> StageWork:
    try:
        defaults = find_call_defaults(stage.pipeline)
    except ImagenetGError:
        # Without diffusers, or of another version of it: what the spec leaves out is unknown.
        defaults = {}
    steps, guidance = stage.steps or defaults.get("num_inference_steps"), stage.guidance
    own = spec.strength if stage is spec else None
    strength = stage.arguments.get("strength", defaults.get("strength")) if own is None else own
    # At strength 0.6 of 50 steps the last 30 run.
    share = strength if isinstance(strength, float | int) else 1.0
    scale = defaults.get("guidance_scale", 0.0) if guidance is None else guidance
    # The network that runs in every step decides the time, wherever the other parts are from.
    network = stage.parts.get("unet") or stage.parts.get("transformer") or stage
    return StageWork(
        pipeline=stage.pipeline,
        repo=network.repo,
        steps=steps * share if isinstance(steps, int) else None,
        bits=32 if stage.dtype == "float32" else 16,
        is_guided=isinstance(scale, float | int) and scale > 1,
        size_px=spec.image_size if stage is spec else (None, None),
    )


def _format_repository(found: Repository) -> str:
    revision = found.revision if found.is_pinned else f"{found.revision}, NOT PINNED: imagenet-g build pin"
    return f"{found.repo} @ {revision}"
