"""Drawing the background first, then the object: a comparator after D3S; see `BackgroundFirstSpec`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from imagenet_g.benchmark.errors import InputError
from imagenet_g.generation.generators.diffusers import DiffusersGenerator, StageImages
from imagenet_g.generation.prompts.recipes import find_scene
from imagenet_g.generation.specs.comparators import BackgroundFirstSpec

if TYPE_CHECKING:
    from imagenet_g.generation.generators.generator import RenderRow
    from imagenet_g.generation.generators.pipelines import LoadedStage


class BackgroundFirstGenerator(DiffusersGenerator):
    """A pipeline for the scene, and a second one that adds the object to its image.

    Args:
        spec: Which pipelines, and the prompt of the scene.
    """

    def __init__(self, spec: BackgroundFirstSpec) -> None:
        super().__init__(spec)
        self._background = spec.background

    def run_stage(
        self, number: int, stage: LoadedStage, rows: Sequence[RenderRow], images: StageImages
    ) -> StageImages:
        """The first stage uses the scene as its prompt, the others the whole prompt.

        Raises:
            InputError: A prompt names no scene.
            ModelError: As for any pipeline.
        """
        if number == 0:
            rows = [replace(row, prompt=make_background_prompt(row, self._background)) for row in rows]
        return super().run_stage(number, stage, rows, images)


def make_background_prompt(row: RenderRow, template: str) -> str:
    """The prompt of a row's initial image.

    Raises:
        InputError: The row's own prompt names no scene.
    """
    if row.prompt is None:
        raise InputError(f"Image '{row.image_id}' has no prompt to take a background from.")
    return template.format(b=find_scene(row.prompt))
