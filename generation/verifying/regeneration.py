"""Rendering images of a release again, from its manifest and plan alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.splits.manifests import Manifest
from imagenet_g.generation.releases.reading import Row
from imagenet_g.generation.releases.recipe import SplitRecipe
from imagenet_g.generation.rendering.jobs import Worker
from imagenet_g.generation.rendering.tasks import BuildJob, LocalSettings
from imagenet_g.generation.specs.kinds import find_generator_kind
from imagenet_g.generation.specs.version import VersionSpec

if TYPE_CHECKING:
    from pydantic import JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class RegenerationSettings(LocalSettings):
    """Where and with what to render again.

    Attributes:
        pipelines: Folders of local pipelines, which a release stores by name only, and files used with them.
        sources: Split reference of the sources, in place of the release's own.
        batch_size: Another batch size than the recipe's, to see what it changes; None keeps it.
    """

    pipelines: tuple[Path, ...] = ()
    sources: str | None = None
    batch_size: int | None = None


def render_again(
    manifest: Manifest, split: str, recipe: SplitRecipe, rows: Sequence[Row], settings: RegenerationSettings
) -> list[Row]:
    """Render planned rows, whole batches, as the release's own build did.

    Returns:
        Rows as a build makes them, in the order given.

    Raises:
        ImagenetGError: The generator or the sources are not available, or differ from the release's.
    """
    spec = make_split_version_spec(manifest, split, recipe, settings)
    job = BuildJob(
        spec=spec,
        split=split,
        out=Path(),
        device=settings.device,
        data=settings.data,
        cache=settings.cache,
    )
    return Worker(job).render_rows(_regroup(rows, settings.batch_size))


def make_split_version_spec(
    manifest: Manifest, split: str, recipe: SplitRecipe, settings: RegenerationSettings
) -> VersionSpec:
    """A version spec of one split, from the recipe in its manifest.

    Raises:
        DataError: The recipe is of a later format.
        InputError: It needs a local pipeline that was not given, or was given with other contents.
    """
    recorded = recipe.recipe
    name = str(recorded["generator_name"])
    sources = recorded["sources"]
    if isinstance(sources, Mapping):
        # Whether sources may repeat was decided when the split was planned.
        sources = {"ref": settings.sources or str(sources["ref"]), "repeat": True}
    classes = load_classes()
    tables: dict[str, Any] = {
        "schema_version": 1,
        "version": manifest.version,
        "title": manifest.title,
        "status": "draft",
        "license": manifest.license,
        "encoding": recorded["encoding"],
        "flat": recorded["flat"],
        "generators": {name: _restore_generator(_require_table(recorded, "generator"), settings.pipelines)},
        "splits": {
            split: {
                "title": split,
                "generator": name,
                "classes": [classes[int(str(index))].wnid for index in _require_list(recorded, "classes")],
                "images_per_class": recorded["images_per_class"],
                "batch_size": settings.batch_size or recorded["batch_size"],
                "prompts": recorded["prompts"],
                "sources": sources,
            }
        },
    }
    try:
        return VersionSpec.model_validate(tables)
    except ValidationError as error:
        raise DataError(
            f"The recipe of '{manifest.version}/{split}' is not of this format: {error.errors()[0]['msg']}."
        ) from error


def _restore_generator(recorded: dict[str, JsonValue], places: Sequence[Path]) -> dict[str, JsonValue]:
    """A generator's table as a spec on this machine would have it."""
    return find_generator_kind(str(recorded.get("kind"))).restore_table(recorded, places)


def _regroup(rows: Sequence[Row], batch_size: int | None) -> list[Row]:
    """Rows in batches of another size; with None, as they were planned."""
    if batch_size is None:
        return list(rows)
    return [{**row, "batch_id": n // batch_size, "slot": n % batch_size} for n, row in enumerate(rows)]


def _require_table(recorded: dict[str, JsonValue], key: str) -> dict[str, JsonValue]:
    value = recorded.get(key)
    if not isinstance(value, dict):
        raise DataError(f"The recipe has no table '{key}'.")
    return value


def _require_list(recorded: dict[str, JsonValue], key: str) -> list[JsonValue]:
    value = recorded.get(key)
    if not isinstance(value, list):
        raise DataError(f"The recipe has no list '{key}'.")
    return value
