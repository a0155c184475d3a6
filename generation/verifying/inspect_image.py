"""The full record of one image of a release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.classes import ALL_CLASSES, load_class_set, load_classes
from imagenet_g.benchmark.splits.manifests import (
    EqualsView,
    Manifest,
    PlainView,
    ThresholdView,
    list_parts,
)
from imagenet_g.generation.releases.reading import Row, find_image, load_batch, load_release
from imagenet_g.generation.releases.recipe import SplitRecipe, parse_split_recipe
from imagenet_g.generation.verifying.levels import open_image

if TYPE_CHECKING:
    from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image and its place in the release.

    Attributes:
        manifest: Of its release.
        split: Name of its split.
        recipe: How the split was made.
        row: Its row, `image` as encoded bytes.
        batch: Ids rendered together with it, in slot order.
    """

    manifest: Manifest
    split: str
    recipe: SplitRecipe
    row: Row
    batch: tuple[str, ...]


def load_image(release: Path, image_id: str) -> FoundImage:
    """Find an image in a release.

    Raises:
        UnknownNameError: It is in no split.
        DataError: The release is damaged, or was not built by this package.
    """
    manifest, _ = load_release(release, ())
    split, row = find_image(release, manifest, image_id)
    batch = load_batch(release, manifest, split, str(row["batch_id"]))
    ids = tuple(str(other["image_id"]) for other in batch)
    return FoundImage(manifest, split, parse_split_recipe(manifest, split), row, ids)


def format_image(found: FoundImage, release: Path) -> str:
    """A page of text: the row, the recipe, its views, and the command that renders it again."""
    row, recipe = found.row, found.recipe
    info, picture = load_classes()[int(str(row["label"]))], open_image(row)
    lines = [
        f"{row['image_id']}  {found.manifest.version}/{found.split}",
        f"  class       {info.index} {info.wnid} {info.name}: {info.definition}",
        f"  image       {picture.width} x {picture.height} pixels",
        *(f"  {key:<11} {value}" for key, value in _list_columns(row)),
        f"  batch       {row['batch_id']} slot {row['slot']} of {recipe.recipe['batch_size']}, with "
        + ", ".join(other for other in found.batch if other != row["image_id"]),
        f"  views       {', '.join(list_image_views(found)) or 'none'}",
        f"  generator   {row['generator']}",
        *_list_stages(recipe),
        f"  plan        {recipe.plan_sha256}",
        f"  built with  {', '.join(f'{k} {v}' for k, v in recipe.runtimes[0].items())}",
        f"  remake it   imagenet-g verify {release} --image {row['image_id']} --save {row['image_id']}.png",
    ]
    return "\n".join(lines)


def list_image_views(found: FoundImage) -> list[str]:
    """Names of the views of the split that contain the image, without views by class set."""
    names = []
    for name, view in found.manifest.splits[found.split].views.items():
        if all(_is_in(found.row, part) for part in list_parts(view)):
            names.append(name)
    return names


def _is_in(row: Row, view: PlainView) -> bool:
    if isinstance(view, ThresholdView):
        return float(str(row[view.column])) >= view.minimum
    return isinstance(view, EqualsView) and _is_equal(row, view)


def _is_equal(row: Row, view: EqualsView) -> bool:
    classes = load_class_set(view.class_set or ALL_CLASSES).indices
    return str(row[view.column]) == view.value and int(str(row["label"])) in classes


def _list_columns(row: Row) -> list[tuple[str, object]]:
    shown_elsewhere = ("image", "image_id", "label", "wnid", "batch_id", "slot", "generator")
    return [(key, value) for key, value in row.items() if key not in shown_elsewhere and value is not None]


def _list_stages(recipe: SplitRecipe) -> list[str]:
    described = recipe.generator
    stages = described.get("stages") if isinstance(described, Mapping) else None
    if not isinstance(stages, list):
        return [f"              {described}"]
    lines = []
    for stage in stages:
        if isinstance(stage, Mapping):
            scheduler = stage["scheduler"]
            name = scheduler["class"] if isinstance(scheduler, Mapping) else scheduler
            where = f"{stage['repo']} @ {stage['revision']}"
            lines.append(f"              {stage['pipeline']} {where}, {stage['dtype']}, {name}")
            lines += _list_parts(stage.get("parts"))
    return lines


def _list_parts(parts: JsonValue) -> list[str]:
    if not isinstance(parts, dict):
        return []
    return [
        f"                {name} of {part['repo']} @ {part['revision']}"
        for name, part in parts.items()
        if isinstance(part, dict)
    ]
