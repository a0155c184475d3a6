"""Whether the numbers and rules that a manifest states of a split follow from its rows and its recipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imagenet_g.benchmark.splits.manifests import (
    MANIFEST_NAME,
    ClassView,
    Manifest,
    SplitManifest,
    list_parts,
)
from imagenet_g.generation.releases.reading import Damage, load_table
from imagenet_g.generation.releases.recipe import Description, SplitRecipe, compute_accuracy, compute_survival
from imagenet_g.generation.specs.version import list_version_names, load_version_spec

if TYPE_CHECKING:
    import pyarrow as pa

TOLERANCE = 1e-6
"""For means, whose last bits depend on the order of the sum."""


def find_wrong_numbers(folder: Path, manifest: Manifest, name: str, recipe: SplitRecipe) -> Iterator[Damage]:
    """Counts, classes, accuracies, similarities, licence and views that do not follow.

    Raises:
        DataError: A file or a column cannot be read.
    """
    import pyarrow as pa

    split = manifest.splits[name]
    tables = [load_table(folder / file.path, with_images=False) for file in split.files]
    table = pa.concat_tables(tables)
    problems = (
        *_compare_counts(split, recipe, table),
        *_compare_scores(split, recipe, table),
        *_compare_description(manifest, name, recipe),
    )
    yield from (Damage(MANIFEST_NAME, f"'{name}': {problem}") for problem in problems)
    for file, part in zip(split.files, tables, strict=True):
        if (problem := _find_odd_score(part, tuple(recipe.scorers))) is not None:
            yield Damage(file.path, problem)


def _compare_counts(split: SplitManifest, recipe: SplitRecipe, table: pa.Table) -> Iterator[str]:
    flags = table["is_flagged_unsafe"].to_pylist()
    unsafe = sum(flag is True for flag in flags) if any(flag is not None for flag in flags) else None
    counts = recipe.counts
    found = {
        "planned images": (counts.planned, recipe.plan.num_rows),
        "released images": (counts.released, table.num_rows),
        "images": (split.num_images, table.num_rows),
        "flat images": (counts.flat, sum(flat is True for flat in table["is_flat"].to_pylist())),
        "images rendered again": (counts.retried, sum(n != 0 for n in table["attempt"].to_pylist())),
        "unsafe images": (counts.flagged_unsafe, unsafe),
        "planned images that were released or left out": (
            counts.planned,
            table.num_rows + len(recipe.left_out),
        ),
    }
    for what, (stated, counted) in found.items():
        if stated != counted:
            yield f"it states {stated} {what}, and there are {counted}"
    if split.class_indices != tuple(sorted(set(table["label"].to_pylist()))):
        yield "its classes are not those of its images"


def _compare_scores(split: SplitManifest, recipe: SplitRecipe, table: pa.Table) -> Iterator[str]:
    scorers = tuple(recipe.scorers)
    absent = {
        part.column
        for view in split.views.values()
        for part in list_parts(view)
        if not isinstance(part, ClassView) and part.column not in table.column_names
    }
    if absent:
        yield f"a view is on column '{min(absent)}', which the images do not have"
        return
    stated = {(row.view, row.scorer): row for row in recipe.accuracy}
    found = {(row.view, row.scorer): row for row in compute_accuracy(table, split.views, scorers)}
    for key in sorted(stated.keys() | found.keys()):
        one, other = stated.get(key), found.get(key)
        if one is None or other is None or one.n != other.n or abs(one.top1 - other.top1) > TOLERANCE:
            numbers = [f"{row.n} images, top-1 {row.top1:.4f}" if row else "nothing" for row in (one, other)]
            yield (
                f"of view '{key[0]}' and scorer '{key[1]}' it states {numbers[0]}; views and scores "
                f"give {numbers[1]}"
            )
    similarities = compute_survival(table, scorers)
    if len(similarities) != len(recipe.source_survival) or any(
        abs(a - b) > TOLERANCE
        for one, other in zip(recipe.source_survival, similarities, strict=True)
        for a, b in ((one.own_source, other.own_source), (one.other_source, other.other_source))
    ):
        yield "the similarities to sources that it states are not those of its rows"


def _compare_description(manifest: Manifest, name: str, recipe: SplitRecipe) -> Iterator[str]:
    """Licence and views against those that the build wrote into the recipe, or those of the shipped spec."""
    described = recipe.description or _find_shipped_description(manifest.version, name)
    if described is None:
        return
    if described.license != manifest.license:
        yield (f"the manifest's licence is '{manifest.license}', the recipe's is '{described.license}'")
    for view, found in manifest.splits[name].views.items():
        if described.views.get(view) != found:
            yield f"view '{view}' is not the one of the recipe"


def _find_shipped_description(version: str, name: str) -> Description | None:
    """Releases of before have no description in the recipe; the specs of some ship with the package."""
    if version not in list_version_names():
        return None
    spec = load_version_spec(version)
    split = spec.splits.get(name)
    return None if split is None else Description(license=spec.license, views=split.views)


def _find_odd_score(table: pa.Table, scorers: Sequence[str]) -> str | None:
    """A rank of 0 means that no class has a higher score, which the margin says as well."""
    for scorer in scorers:
        names = [f"{column}.{scorer}" for column in ("label_rank", "label_margin")]
        if not set(names) <= set(table.column_names):
            continue
        ranks, margins = (table[column].to_numpy() for column in names)
        odd = np.flatnonzero((ranks == 0) != (margins >= 0))
        if len(odd):
            image_id = table["image_id"][int(odd[0])].as_py()
            return f"image '{image_id}': '{names[0]}' and '{names[1]}' contradict each other"
    return None
