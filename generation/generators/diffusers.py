"""A generator of diffusers pipelines: from text, image, both or class to one image per row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from imagenet_g.benchmark.errors import InputError, ModelError
from imagenet_g.benchmark.hub.quiet import ignore_library_warnings
from imagenet_g.benchmark.identity import hash_bytes
from imagenet_g.generation.generators.generator import Rendering, RenderRow
from imagenet_g.generation.generators.handing_over import SHARED_PARTS, PromptReader
from imagenet_g.generation.generators.machine import MachineOptions, choose_machine, tune_pipeline
from imagenet_g.generation.generators.outputs import read_images, settle_watermark
from imagenet_g.generation.generators.pipelines import (
    LoadedStage,
    Pipeline,
    describe_stage,
    load_stage,
)
from imagenet_g.generation.generators.runtime import set_determinism
from imagenet_g.generation.generators.schedulers import guard_random_state
from imagenet_g.generation.plans.sources import transform_source
from imagenet_g.generation.specs.diffusers import DiffusersSpec
from imagenet_g.generation.specs.pipeline_classes import PipelineClass, list_call_arguments, takes_one_text
from imagenet_g.generation.specs.stages import StageSpec

if TYPE_CHECKING:
    import torch
    from PIL import Image
    from pydantic import JsonValue


TEXTS = tuple(f"{negative}prompt{number}" for negative in ("", "negative_") for number in ("", "_2", "_3"))
StageImages: TypeAlias = list[Any]
"""Images between stages: PIL images, or tensors where a spec hands over tensors."""


class DiffusersGenerator:
    """Runs the stages of a spec one after the other.

    Args:
        spec: The pipelines and their calls.

    Attributes:
        device: Where it runs.
        stages: Its pipelines, loaded.
        description: Description of the pipelines, for the manifest.
    """

    def __init__(self, spec: DiffusersSpec) -> None:
        self._spec = spec
        self.device = "cpu"
        self._machine = choose_machine(spec, MachineOptions())
        self.stages: list[LoadedStage] = []
        self._checker: Any = None
        self._reader: PromptReader | None = None
        self.description: dict[str, JsonValue] = {}

    def use_machine(self, machine: MachineOptions) -> None:
        """Offload, compile and so on as a run asks."""
        self._machine = machine

    def load(self, device: str) -> None:
        """Load every stage onto the device.

        Raises:
            ImagenetGError: A stage cannot be fetched or loaded, or its images cannot be reproduced.
        """
        spec = self._spec
        set_determinism(device, cpu_threads=spec.cpu_threads)
        self.device = device
        shared = SHARED_PARTS if spec.hand_over == "tensors" else ()
        self.stages = [
            load_stage(stage, token_limit=spec.token_limit, without=shared if number else ())
            for number, stage in enumerate(spec.stages)
        ]
        for stage in self.stages:
            settle_watermark(stage.pipe, spec.watermark)
        self._reader = PromptReader(self.stages[0].pipe) if shared else None
        checkers = [_detach_checker(stage.pipe) for stage in self.stages]
        self._checker = None if spec.safety == "off" else checkers[-1]
        # Hashing gigabytes of weights takes seconds: once per run, not once per shard.
        self.description = {
            "kind": "diffusers",
            "stages": [describe_stage(stage) for stage in self.stages],
            "safety_checker": "verdict" if self._checker is not None else "none",
        }
        # Behind the description: a compiled network would describe itself by its wrapper's name.
        for stage in self.stages:
            tune_pipeline(stage.pipe, self._machine, device)

    def describe(self) -> dict[str, JsonValue]:
        """Classes, revisions, scheduler configurations and file hashes of every stage."""
        return self.description

    def render(self, rows: Sequence[RenderRow]) -> list[Rendering]:
        """One image per row.

        Raises:
            ModelError: The pipeline drew noise that depends on no row's seed, or returned too few images.
        """
        import torch

        images: StageImages = []
        with torch.inference_mode():
            for number, stage in enumerate(self.stages):
                images = self.run_stage(number, stage, rows, images)
            if self._reader is not None:
                self._reader.forget()
            flags = self._judge(images)
        return [Rendering(image, flag) for image, flag in zip(images, flags, strict=True)]

    def run_stage(
        self, number: int, stage: LoadedStage, rows: Sequence[RenderRow], images: StageImages
    ) -> StageImages:
        """The images of a stage, from the rows and the images of the stage before (empty for the first).

        A stage that hands over tensors returns `(N, 3, H, W)` float tensors in [-1, 1] instead, the last one
        images.

        Raises:
            ModelError: It drew noise that depends on no row's seed, or returned too few images.
        """
        pipe = stage.pipe
        arguments = make_call(self._spec, stage.spec, rows, images)
        # A list, because one generator for a batch would tie an image's noise to its slot.
        arguments["generator"] = [make_generator_for(row.seed, number) for row in rows]
        hands_tensors = self._reader is not None and number + 1 < len(self.stages)
        if self._reader is not None:
            arguments = self._reader.embed_call(arguments)
        if "output_type" in list_call_arguments(type(pipe)):
            # Said although it is the usual default: pipelines of videos give arrays unless they are asked.
            arguments["output_type"] = "pt" if hands_tensors else "pil"
        with ignore_library_warnings(), guard_random_state(self.device, type(pipe).__name__):
            output = pipe(**_fit_call(type(pipe), arguments))
        made = read_images(output, expected=len(rows), name=type(pipe).__name__)
        return made if hands_tensors else [image.convert("RGB") for image in made]

    def _judge(self, images: list[Image.Image]) -> list[bool | None]:
        if self._checker is None:
            return [None] * len(images)
        import numpy as np

        checker, extractor = self._checker
        inputs = extractor(images, return_tensors="pt").pixel_values
        inputs = inputs.to(self.device, next(checker.parameters()).dtype)
        # The checker blackens its input images, so it gets one black pixel for each.
        _, flags = checker(images=[np.zeros((1, 1, 3))] * len(images), clip_input=inputs)
        return [bool(flag) for flag in flags]


def make_generator_for(seed: int, stage: int) -> torch.Generator:
    """A new CPU generator for one image in one stage.

    On the CPU, because its numbers are the same on every machine; new, because a used generator gives other
    numbers.
    """
    import torch

    if stage:
        # Another seed for each stage, so that no stage draws the noise of another again.
        seed = int(hash_bytes(f"stage/{seed}/{stage}".encode())[:16], 16) % 2**63
    return torch.Generator("cpu").manual_seed(seed)


def make_call(
    spec: DiffusersSpec, stage: StageSpec, rows: Sequence[RenderRow], images: StageImages
) -> dict[str, Any]:
    """Arguments of a pipeline's call, without the generators.

    Args:
        spec: The generator.
        stage: The stage to call; the generator itself or one of its upscalers.
        rows: The rows to render.
        images: Images of the stage before; empty for the first.
    """
    arguments: dict[str, Any] = dict(stage.arguments)
    # A later stage changes the image of the first one, and keeps the settings of its own table.
    swept = read_batch_settings(rows) if stage is spec else {}
    if stage is spec:
        arguments |= INPUT_ADAPTERS[spec.inputs](spec, rows)
        sizes = {"height": spec.height_px, "width": spec.width_px}
        arguments |= {name: size for name, size in sizes.items() if size is not None}
    else:
        arguments |= {"prompt": [row.prompt for row in rows], "image": images}
    calls = {
        "num_inference_steps": swept.get("steps", stage.steps),
        "guidance_scale": swept.get("guidance", stage.guidance),
        **({"strength": swept["strength"]} if "strength" in swept else {}),
    }
    arguments |= {name: value for name, value in calls.items() if value is not None}
    # Pipelines differ in whether one text stands for a whole batch; all of them take one for each image.
    texts = {
        name: [text] * len(rows)
        for name, text in arguments.items()
        if isinstance(text, str) and name in TEXTS
    }
    return arguments | texts


def read_batch_settings(rows: Sequence[RenderRow]) -> dict[str, Any]:
    """The swept settings of a batch.

    Raises:
        ModelError: Its rows differ in them: one call has one value of each.
    """
    if any(row.settings != rows[0].settings for row in rows):
        raise ModelError("A batch holds rows of different swept settings; its plan is not of this package.")
    return dict(rows[0].settings)


def _adapt_prompt(spec: DiffusersSpec, rows: Sequence[RenderRow]) -> dict[str, Any]:
    return {"prompt": [row.prompt for row in rows]}


def _adapt_image(spec: DiffusersSpec, rows: Sequence[RenderRow]) -> dict[str, Any]:
    import torch

    if spec.source is None:
        raise InputError(f"inputs = '{spec.inputs}' need a table [source].")
    made = [transform_source(_require_source(row), spec.source) for row in rows]
    return {"image": torch.stack(made) if spec.source.normalization == "clip" else made}  # type: ignore[arg-type]


def _adapt_both(spec: DiffusersSpec, rows: Sequence[RenderRow]) -> dict[str, Any]:
    strength = {} if spec.strength is None else {"strength": spec.strength}
    return {**_adapt_prompt(spec, rows), **_adapt_image(spec, rows), **strength}


def _adapt_class(spec: DiffusersSpec, rows: Sequence[RenderRow]) -> dict[str, Any]:
    return {"class_labels": [row.label for row in rows]}


INPUT_ADAPTERS: dict[str, Callable[[DiffusersSpec, Sequence[RenderRow]], dict[str, Any]]] = {
    "prompt": _adapt_prompt,
    "image": _adapt_image,
    "prompt+image": _adapt_both,
    "class": _adapt_class,
}


def _require_source(row: RenderRow) -> Image.Image:
    if row.source is None:
        raise InputError(f"Image '{row.image_id}' has no source image to start from.")
    return row.source


def _fit_call(pipeline_class: PipelineClass, arguments: dict[str, Any]) -> dict[str, Any]:
    known = list_call_arguments(pipeline_class)
    # Python would name only the argument; the message names the settings of the spec that may be wrong.
    if unknown := [name for name in arguments if name not in known]:
        raise InputError(
            f"{pipeline_class.__name__} takes no '{unknown[0]}': the spec's inputs, size, steps or strength "
            "do not fit this pipeline."
        )
    if takes_one_text(pipeline_class) and len(arguments["generator"]) == 1:
        texts = {name: given[0] for name, given in arguments.items() if name in TEXTS}
        return arguments | texts
    return arguments


def _detach_checker(pipe: Pipeline) -> tuple[Any, Any] | None:
    """Remove the safety checker from a pipeline, so that it can be run without blackening images."""
    checker = getattr(pipe, "safety_checker", None)
    extractor = getattr(pipe, "feature_extractor", None)
    if hasattr(pipe, "safety_checker"):
        pipe.safety_checker = None
        pipe.register_to_config(requires_safety_checker=False)
    if type(checker).__name__ != "StableDiffusionSafetyChecker" or extractor is None:
        return None
    return checker, extractor
