"""Rendering images of a release again, from its manifest and plan alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.models.packaged import PREFIX
from imagenet_g.benchmark.splits.manifests import Manifest
from imagenet_g.generation.releases.reading import Row
from imagenet_g.generation.releases.recipe import SplitRecipe
from imagenet_g.generation.rendering.jobs import Worker
from imagenet_g.generation.rendering.tasks import BuildJob
from imagenet_g.generation.specs.generator import LOCAL_REVISION
from imagenet_g.generation.specs.repos import identify_folder, place_folder
from imagenet_g.generation.specs.version import VersionSpec

if TYPE_CHECKING:
    from pydantic import JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class RegenerationSettings:
    """Where and with what to render again.

    Attributes:
        device: "auto", "cpu", "cuda" or "cuda:N".
        pipelines: Folders of pipelines that the release knows by name only, and files beside them.
        sources: Split reference of the sources, where the release's own says nothing here.
        data: Local copies of real sets by name.
        cache: Where file hashes are remembered.
        batch_size: Another batch size than the recipe's, to see what it changes; None keeps it.
    """

    device: str = "auto"
    pipelines: tuple[Path, ...] = ()
    sources: str | None = None
    data: dict[str, Path] = field(default_factory=dict)
    cache: Path | None = None
    batch_size: int | None = None


def render_again(
    manifest: Manifest, split: str, recipe: SplitRecipe, rows: Sequence[Row], settings: RegenerationSettings
) -> list[Row]:
    """Render planned rows, whole batches, as the release's own build did.

    Returns:
        Rows as a build makes them, in the order given.

    Raises:
        ImagenetGError: The generator or the sources are not on hand, or are not the release's.
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
    told = recipe.recipe
    name = str(told["generator_name"])
    sources = told["sources"]
    if isinstance(sources, Mapping):
        sources = {"ref": settings.sources or str(sources["ref"])}
    classes = load_classes()
    tables: dict[str, Any] = {
        "schema_version": 1,
        "version": manifest.version,
        "title": manifest.title,
        "status": "draft",
        "license": manifest.license,
        "encoding": told["encoding"],
        "flat": told["flat"],
        "generators": {name: _place_pipelines(_require_table(told, "generator"), settings.pipelines)},
        "splits": {
            split: {
                "title": split,
                "generator": name,
                "classes": [classes[int(str(index))].wnid for index in _require_list(told, "classes")],
                "images_per_class": told["images_per_class"],
                "batch_size": settings.batch_size or told["batch_size"],
                "prompts": told["prompts"],
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


def _place_pipelines(table: dict[str, JsonValue], folders: Sequence[Path]) -> dict[str, JsonValue]:
    """The generator's table with local pipelines where they are on this machine."""
    placed = _place_pipeline(table, folders)
    upscalers = table.get("upscalers")
    if isinstance(upscalers, list):
        placed["upscalers"] = [_place_pipeline(dict(s), folders) for s in upscalers if isinstance(s, dict)]
    if isinstance(away := table.get("away"), dict):
        placed["away"] = _place_away(away, folders)
    return placed


def _place_away(table: dict[str, JsonValue], folders: Sequence[Path]) -> dict[str, JsonValue]:
    """The table of a guidance with its means, and a local CLIP, where they are on this machine."""
    scheme, local, name = str(table["model"]).partition("local-dir:")
    model = f"{scheme}{local}{_find_place(name, folders)}" if local else table["model"]
    return {**table, "model": model, "means": str(_find_place(str(table["means"]), folders))}


def _find_place(name: str, places: Sequence[Path]) -> Path:
    place = next((path for path in places if path.resolve().name == name), None)
    if place is None:
        raise InputError(f"This split was made with '{name}'. Give its place: --pipeline PATH/{name}.")
    return place


def _place_pipeline(table: dict[str, JsonValue], folders: Sequence[Path]) -> dict[str, JsonValue]:
    placed = _place_repo(table, folders, subfolder=None)
    if isinstance(parts := table.get("parts"), dict):
        placed["parts"] = {
            name: _place_repo(part, folders, subfolder=str(part.get("subfolder") or ""))
            for name, part in parts.items()
            if isinstance(part, dict)
        }
    return placed


def _place_repo(
    table: dict[str, JsonValue], folders: Sequence[Path], *, subfolder: str | None
) -> dict[str, JsonValue]:
    repo, revision = str(table.get("repo")), str(table.get("revision"))
    if repo.startswith(PREFIX):
        place = repo
    elif repo.startswith("local/"):
        place = str(_find_local_pipeline(repo.removeprefix("local/"), folders))
    else:
        return dict(table)
    if identify_folder(place_folder(place, subfolder=subfolder)) != revision:
        raise InputError(f"'{place}' holds other files than the pipeline that made this split.")
    return {**table, "repo": place, "revision": LOCAL_REVISION}


def _find_local_pipeline(name: str, folders: Sequence[Path]) -> Path:
    folder = next((path for path in folders if path.resolve().name == name), None)
    if folder is None:
        raise InputError(
            f"This split was made by the local pipeline '{name}'. Give a folder of that name: "
            f"--pipeline PATH/{name}."
        )
    return folder


def _regroup(rows: Sequence[Row], batch_size: int | None) -> list[Row]:
    """Rows in batches of another size; with None, as they were planned."""
    if batch_size is None:
        return list(rows)
    return [{**row, "batch_id": n // batch_size, "slot": n % batch_size} for n, row in enumerate(rows)]


def _require_table(told: dict[str, JsonValue], key: str) -> dict[str, JsonValue]:
    value = told.get(key)
    if not isinstance(value, dict):
        raise DataError(f"The recipe has no table '{key}'.")
    return value


def _require_list(told: dict[str, JsonValue], key: str) -> list[JsonValue]:
    value = told.get(key)
    if not isinstance(value, list):
        raise DataError(f"The recipe has no list '{key}'.")
    return value
