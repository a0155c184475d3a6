"""The sources of a mix, opened: their splits, which rows are of the recipe's classes, and the mix itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imagenet_g.baselines.recipes.mixing import PlannedMix, choose_images
from imagenet_g.baselines.recipes.sources import TrainingSourceSpec
from imagenet_g.baselines.recipes.specs import MixSpec, RecipeSpec
from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.classes import ClassSet, load_classes
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.splits.views import apply_view
from imagenet_g.benchmark.statistics.accuracy import IntArray

if TYPE_CHECKING:
    from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class TrainingSource:
    """A source whose images can be read.

    Attributes:
        spec: As the recipe has it.
        split: Whole, whatever its view.
        rows: `(n,)` rows of its view that are of the recipe's classes.
        outputs: `(n,)` the output each should raise.
        record: Which split, with its content hash.
    """

    spec: TrainingSourceSpec
    split: Split
    rows: IntArray
    outputs: IntArray
    record: dict[str, JsonValue]


def open_source(
    spec: TrainingSourceSpec, class_set: ClassSet, *, data: Mapping[str, Path], cache: Path | None
) -> TrainingSource:
    """A source of a recipe; no image is decoded.

    An image that may be called by several classes is taken for the first of them.

    Raises:
        ImagenetGError: As `load_split` and `apply_view`.
    """
    ref = parse_split_ref(spec.ref)
    split = load_split(ref, data=data, cache=cache)
    rows, record = np.arange(len(split.rows)), split.record
    if ref.view is not None:
        rows, _, record = apply_view(split, ref.view)
    # Output k is the k-th class of the set, in ascending order of ImageNet's indices.
    outputs = np.full(1000, -1, np.int64)
    outputs[list(class_set.indices)] = np.arange(len(class_set.indices))
    found = outputs[split.rows.labels[rows, 0]]
    kept = found >= 0
    # Its content hash stands for its origin, and records of training are compared as they were written.
    described = record.model_dump(mode="json", exclude={"origin"})
    return TrainingSource(spec, split, rows[kept], found[kept], described)


def plan_mix(
    mix: MixSpec,
    sources: Sequence[TrainingSource],
    class_set: ClassSet,
    *,
    seed: int,
    drawn_as: Sequence[str] | None = None,
) -> PlannedMix:
    """The images of a mix.

    Raises:
        DataError: A source has too few images, or a class has none.
    """
    planned = choose_images(
        mix,
        [source.outputs for source in sources],
        [source.rows for source in sources],
        num_outputs=len(class_set.indices),
        seed=seed,
        drawn_as=drawn_as,
    )
    counts = planned.count(len(class_set.indices)).sum(axis=0)
    # Cross-entropy would only ever push such an output down, and no table would show why it is never right.
    if missing := np.flatnonzero(counts == 0).tolist():
        lacking = load_classes()[class_set.indices[missing[0]]]
        raise DataError(
            f"Mix '{mix.name}' has no image of {len(missing)} of the {len(class_set.indices)} classes of "
            f"'{class_set.name}', such as {lacking.wnid} ({lacking.name}). Choose another class_set or data."
        )
    return planned


def open_sources(
    recipe: RecipeSpec,
    mix: MixSpec,
    class_set: ClassSet,
    *,
    data: Mapping[str, Path],
    cache: Path | None,
) -> tuple[TrainingSource, ...]:
    """The sources that a mix names, in its own order."""
    return tuple(
        open_source(recipe.find_source(name), class_set, data=data, cache=cache) for name in mix.sources
    )


def describe_data(planned: PlannedMix, sources: Sequence[TrainingSource]) -> dict[str, JsonValue]:
    """The record of what a model learnt from: each split, its hash, and how many images of it were used."""
    counts = np.bincount(planned.sources, minlength=len(sources)).tolist()
    parts: list[JsonValue] = [
        source.record | {"source": source.spec.name, "images": count}
        for source, count in zip(sources, counts, strict=True)
        if count
    ]
    refs = [source.spec.ref for source, count in zip(sources, counts, strict=True) if count]
    return {"ref": " + ".join(refs), "parts": parts}
