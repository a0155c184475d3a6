"""How a split was made, and its results: the `recipe` in the manifest of a release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, JsonValue, ValidationError

from imagenet_g.benchmark.classes import load_class_set
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.records import Count, FileModel, Fraction, Sha256
from imagenet_g.benchmark.splits.manifests import (
    ClassView,
    EqualsView,
    FileRecord,
    Manifest,
    PlainView,
    SplitManifest,
    ViewSpec,
    list_parts,
)
from imagenet_g.generation.captions.records import CaptionHeader
from imagenet_g.generation.prompts.ambiguity import AmbiguousName
from imagenet_g.generation.prompts.token_limit import PromptReport
from imagenet_g.generation.rendering.neighbours import NeighbourCheck
from imagenet_g.generation.rendering.shards import FailureRecord

if TYPE_CHECKING:
    import pyarrow as pa

ALL_IMAGES = "all"


class ImageCounts(FileModel):
    """Counts of images by outcome."""

    planned: Count
    released: Count
    flat: Count
    """Still flat after every attempt; kept, and marked in the column `is_flat`."""
    retried: Count
    """Flat at first, and rendered again with another seed."""
    flagged_unsafe: Count | None
    """By the generator's safety checker; null without a checker."""


class ViewAccuracy(FileModel):
    """How often a scorer ranks the label first, over the images of a view."""

    view: str
    """A view's name, or "all"."""
    scorer: str
    n: Count
    top1: Fraction


class SourceSurvival(FileModel):
    """Similarity to the source image, as mean CLIP cosine."""

    scorer: str
    n: Count
    own_source: float
    other_source: float
    """With the source of an image of (nearly always) another class: the value for an unrelated source."""


class Description(FileModel):
    """What a spec states beside the pixels, kept to find a manifest that was changed later."""

    license: str
    """SPDX expression of the spec."""
    views: dict[str, ViewSpec]
    """Views of the split, in full."""


class SplitRecipe(FileModel):
    """The `recipe` of a split in the manifest of a built release."""

    schema_version: Literal[1] = 1
    plan_sha256: Sha256
    plan: FileRecord
    probe: FileRecord
    recipe: dict[str, JsonValue]
    """Everything that decides the pixels; the plan's hash covers it."""
    generator: JsonValue
    """Description by the loaded generator."""
    runtimes: tuple[dict[str, str], ...]
    """Versions and hardware of the shards; one entry unless they differ."""
    counts: ImageCounts
    left_out: tuple[FailureRecord, ...]
    """Planned images that could not be rendered."""
    prompts: PromptReport | None
    # Has a default, because the first releases were made before captions existed.
    captions: CaptionHeader | None = None
    """Header of the frozen caption file that the prompts are from; null for other prompts."""
    scorers: dict[str, JsonValue]
    accuracy: tuple[ViewAccuracy, ...]
    source_survival: tuple[SourceSurvival, ...]
    # Absent where empty: the manifests of the first releases lack them, and a build of one again is the same.
    also_right: Annotated[dict[str, tuple[str, ...]], Field(exclude_if=lambda value: not value)] = Field(
        default_factory=dict
    )
    """Wnids whose prompts are those of a class, by its wnid; column `also` holds them for every image."""
    ambiguous_names: Annotated[tuple[AmbiguousName, ...], Field(exclude_if=lambda value: not value)] = ()
    """Classes whose name in the prompts also means another thing."""
    neighbours: Annotated[tuple[NeighbourCheck, ...], Field(exclude_if=lambda value: not value)] = ()
    """Whether an image changes with those beside it; empty for batches of one, and where it is unknown."""
    description: Annotated[Description | None, Field(exclude_if=lambda value: value is None)] = None
    """Licence and views as the spec of the build states them; absent in releases of before."""
    image_sizes: Annotated[tuple[tuple[int, int], ...], Field(exclude_if=lambda value: not value)] = ()
    """Widths and heights in pixels that the probe's images have; empty in the manifests of first releases."""


def parse_split_recipe(manifest: Manifest, split: str) -> SplitRecipe:
    """The recipe of a split that this package built.

    Raises:
        DataError: The release was made by other means.
    """
    try:
        return SplitRecipe.model_validate(manifest.splits[split].recipe)
    except ValidationError as error:
        raise DataError(
            f"'{manifest.version}/{split}' was not made by 'imagenet-g build': its manifest has no plan."
        ) from error


def fill_defaults(recipe: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """What made a split, with the defaults that the loaded pipelines used where the spec named nothing.

    Args:
        recipe: The `recipe` of a built split, as JSON.

    Returns:
        Its keys recipe, generator, runtimes and scorers; what no pipeline recorded stays null.

    Example:
        >>> stage = {"defaults": {"num_inference_steps": 50}, "scheduler": {"class": "DDIMScheduler"}}
        >>> spec = {"generator": {"steps": None, "scheduler": None, "height_px": None}}
        >>> made = {"recipe": spec, "generator": {"stages": [stage]}, "image_sizes": [[512, 384]]}
        >>> fill_defaults(made)["recipe"]["generator"]
        {'steps': '50 (default)', 'scheduler': 'DDIMScheduler (default)', 'height_px': '384 (default)'}
    """
    parts = {key: deepcopy(recipe.get(key)) for key in ("recipe", "generator", "runtimes", "scorers")}
    plan, described = parts["recipe"], parts["generator"]
    spec = plan.get("generator") if isinstance(plan, dict) else None
    stages = described.get("stages") if isinstance(described, dict) else None
    if isinstance(spec, dict) and isinstance(stages, list):
        upscalers = spec.get("upscalers")
        tables = [spec, *(upscalers if isinstance(upscalers, list) else [])]
        # Where the images have several sizes, none of them was a default.
        sizes = recipe.get("image_sizes")
        size = sizes[0] if isinstance(sizes, list) and len(sizes) == 1 and len(tables) == 1 else None
        for table, stage in zip(tables, stages, strict=False):
            if isinstance(table, dict) and isinstance(stage, dict):
                _fill_stage(table, stage, size if isinstance(size, list) else [None, None])
    return parts


def _fill_stage(table: dict[str, JsonValue], stage: dict[str, JsonValue], size: list[JsonValue]) -> None:
    defaults, scheduler = stage.get("defaults"), stage.get("scheduler")
    arguments = table.get("arguments")
    given = arguments if isinstance(arguments, dict) else {}
    # What the spec hands to the call under the library's own name is shown there, and is no default.
    known = {k: v for k, v in (defaults if isinstance(defaults, dict) else {}).items() if k not in given}
    used = {
        "steps": known.get("num_inference_steps"),
        "guidance": known.get("guidance_scale"),
        "strength": known.get("strength"),
        "scheduler": scheduler.get("class") if isinstance(scheduler, dict) else None,
        "width_px": size[0],
        "height_px": size[1],
    }
    for key, value in used.items():
        if key in table and table[key] is None and value is not None:
            table[key] = f"{value} (default)"


def compute_view_masks(table: pa.Table, views: Mapping[str, ViewSpec]) -> dict[str, npt.NDArray[np.bool_]]:
    """Boolean masks of the rows of each view, and of "all"."""
    masks = {ALL_IMAGES: np.ones(table.num_rows, dtype=np.bool_)}
    for name, view in views.items():
        masks[name] = np.logical_and.reduce([_compute_mask(table, part) for part in list_parts(view)])
    return masks


def _compute_mask(table: pa.Table, view: PlainView) -> npt.NDArray[np.bool_]:
    if isinstance(view, ClassView):
        return np.asarray(np.isin(table["label"].to_numpy(), load_class_set(view.class_set).indices))
    if isinstance(view, EqualsView):
        # A view writes its value as text, a column may hold numbers or booleans.
        mask = np.array([str(v) == view.value for v in table[view.column].to_pylist()], dtype=bool)
        return (
            mask
            if view.class_set is None
            else mask & _compute_mask(table, ClassView(class_set=view.class_set))
        )
    # An image that has no score (NaN) is in no view.
    return np.asarray(table[view.column].to_numpy() >= view.minimum)


def compute_accuracy(
    table: pa.Table, views: Mapping[str, ViewSpec], scorers: Sequence[str]
) -> tuple[ViewAccuracy, ...]:
    """Top-1 of every scorer on every view; a filter's own model scores too high on its view."""
    masks = compute_view_masks(table, views)
    # A scorer of safety does not look for the label, and has no rank of it.
    ranks = {
        scorer: table[column].to_numpy()
        for scorer in scorers
        if (column := f"label_rank.{scorer}") in table.column_names
    }
    return tuple(
        ViewAccuracy(
            view=view, scorer=scorer, n=int(mask.sum()), top1=float((ranks[scorer][mask] == 0).mean())
        )
        for view, mask in masks.items()
        for scorer in ranks
        # An empty view has no accuracy.
        if mask.any()
    )


def compute_survival(table: pa.Table, scorers: Sequence[str]) -> tuple[SourceSurvival, ...]:
    """Mean similarity to the own source and to another one, for scorers that measured it."""
    measured = [name for name in scorers if f"source_similarity.{name}" in table.column_names]
    return tuple(
        SourceSurvival(
            scorer=name,
            n=table.num_rows,
            own_source=float(table[f"source_similarity.{name}"].to_numpy().mean(dtype=np.float64)),
            other_source=float(table[f"other_similarity.{name}"].to_numpy().mean(dtype=np.float64)),
        )
        for name in measured
    )


def list_split_files(split: SplitManifest) -> tuple[FileRecord, ...]:
    """Files of a split: images, audits and, if this package built it, plan and probe."""
    try:
        recipe = SplitRecipe.model_validate(split.recipe)
    except ValidationError:
        return split.list_files()
    return (*split.list_files(), recipe.plan, recipe.probe)
