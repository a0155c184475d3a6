"""Properties of generated images that their variation may go with: template, seed, source image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from imagenet_g.benchmark.critiques.image_checks import GroupShare
from imagenet_g.benchmark.errors import DataError, ImagenetGError
from imagenet_g.generation.image_checks.images import CheckedImages
from imagenet_g.generation.image_checks.shares import NUM_SHUFFLES, compute_group_share
from imagenet_g.generation.prompts.recipes import load_patterns, make_prompts
from imagenet_g.generation.specs.inputs import PromptSpec

Factor = Literal["template", "seed", "source"]
FACTORS: tuple[Factor, ...] = ("template", "seed", "source")


@dataclass(frozen=True, slots=True)
class FactorValues:
    """Values of a property, or why they are unknown.

    Attributes:
        values: One for each image, None where an image has none; empty where they are unknown.
        reason: Why they are unknown; empty where they are known.
    """

    values: tuple[str | int | None, ...]
    reason: str = ""


def list_factor_values(images: CheckedImages, factor: Factor) -> FactorValues:
    """The value of a property for each image, from the columns of the release."""
    if factor == "source":
        ids = images.split.rows.source_image_ids
        return FactorValues(tuple(ids[row] for row in images.rows))
    try:
        column = images.split.reader.read_column("prompt" if factor == "template" else "seed")
    except (DataError, KeyError):
        return FactorValues((), f"the set has no column of {factor}s")
    chosen = [column[row] for row in images.rows]
    if factor == "seed":
        return FactorValues(tuple(int(value) if isinstance(value, int) else None for value in chosen))
    return _find_templates(images, chosen)


def _find_templates(images: CheckedImages, prompts: Sequence[object]) -> FactorValues:
    spec = read_prompt_spec(images.recipe)
    if spec is None:
        return FactorValues((), "the release names no recipe of templates that its prompts are from")
    try:
        tables = {label: number_prompts(spec, label) for label in np.unique(images.labels).tolist()}
    except ImagenetGError as error:
        return FactorValues((), f"the recipe of its prompts is not known here: {error}")
    numbers = [
        tables[label].get(str(text)) for label, text in zip(images.labels.tolist(), prompts, strict=True)
    ]
    if any(number is None for number in numbers):
        # Templates of most images would be a share of something else.
        return FactorValues((), "some prompts are of no template of the recipe that the release names")
    return FactorValues(tuple(numbers))


def read_prompt_spec(recipe: object) -> PromptSpec | None:
    """The recipe of templates in a manifest's `recipe` of a split; None for captions and for no prompts."""
    made = recipe.get("recipe") if isinstance(recipe, Mapping) else None
    table = made.get("prompts") if isinstance(made, Mapping) else None
    try:
        return TypeAdapter(PromptSpec).validate_python(table)
    except ValidationError:
        return None


def number_prompts(spec: PromptSpec, label: int) -> dict[str, int]:
    """The template's number by the prompt that it makes of a class; equal prompts have the first number.

    Raises:
        ImagenetGError: As `make_prompts`.

    Example:
        >>> spec = PromptSpec(recipe="openai-80", class_names="open_clip")
        >>> number_prompts(spec, 1)["a sculpture of a goldfish."]
        2
    """
    count = len(load_patterns(spec))
    numbers: dict[str, int] = {}
    for index, prompt in enumerate(make_prompts(spec, label, count)):
        numbers.setdefault(prompt, (label + index) % count)
    return numbers


def measure_factor(images: CheckedImages, factor: Factor) -> GroupShare:
    """Share of the variation within classes that goes with a property; null with the reason where unknown."""
    found = list_factor_values(images, factor)
    # An unknown property has no values, and nothing to count.
    values = found.values or (None,) * len(images)
    known = np.array([value is not None for value in values], dtype=np.bool_)
    numbers = _number_values([value for value in values if value is not None])
    counts = np.bincount(numbers) if len(numbers) else np.zeros(1, dtype=np.intp)
    record = GroupShare(
        factor=factor,
        num_groups=len(counts) if len(numbers) else 0,
        num_images=int(known.sum()),
        num_classes=len(np.unique(images.labels[known])),
        largest_group=float(counts.max() / max(1, len(numbers))),
        share=None,
        expected=None,
        low=None,
        high=None,
        num_shuffles=0,
        reason=found.reason or _explain_values(factor, numbers),
    )
    return record if record.reason is not None else _add_share(record, images, known, numbers)


def _add_share(
    record: GroupShare, images: CheckedImages, known: npt.NDArray[np.bool_], numbers: npt.NDArray[np.int64]
) -> GroupShare:
    if images.vectors is None:
        return record.model_copy(update={"reason": "there are no embeddings of the images"})
    present = np.isfinite(images.vectors[known]).all(axis=1)
    result = compute_group_share(
        images.vectors[known][present], images.labels[known][present], numbers[present]
    )
    if result is None:
        why = f"each class has one {record.factor} alone, or images that do not differ"
        return record.model_copy(update={"reason": why})
    return record.model_copy(
        update={
            "share": result.share,
            "expected": result.expected,
            "low": result.low,
            "high": result.high,
            "num_shuffles": NUM_SHUFFLES,
        }
    )


def _number_values(values: Sequence[str | int]) -> npt.NDArray[np.int64]:
    numbers: dict[str | int, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], dtype=np.int64)


def _explain_values(factor: Factor, numbers: npt.NDArray[np.int64]) -> str | None:
    """Why these values tell nothing; None where they may."""
    if not len(numbers):
        return f"no image has a {factor}"
    num_groups = int(numbers.max()) + 1
    if num_groups == 1:
        return f"all images have one {factor}"
    if num_groups == len(numbers):
        return f"every image has a {factor} of its own, so that nothing is shared"
    return None
