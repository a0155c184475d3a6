"""Rendering images of a release again, from its manifest and plan alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.splits.manifests import Manifest
from imagenet_g.generation.plans.cells import read_settings
from imagenet_g.generation.releases.probes import choose_probe_batches
from imagenet_g.generation.releases.reading import Row, load_batches, load_planned_rows
from imagenet_g.generation.releases.recipe import SplitRecipe
from imagenet_g.generation.rendering.jobs import Worker
from imagenet_g.generation.rendering.tasks import BuildJob, LocalSettings
from imagenet_g.generation.specs.kinds import find_generator_kind
from imagenet_g.generation.specs.version import VersionSpec

if TYPE_CHECKING:
    from pydantic import JsonValue

BATCHES_AT_A_TIME = 8
"""So many are held in memory; enough to encode and read beside the generator."""


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
    worker = make_worker(manifest, split, recipe, settings)
    return worker.render_rows(_regroup(rows, settings.batch_size))


def make_worker(
    manifest: Manifest, split: str, recipe: SplitRecipe, settings: RegenerationSettings
) -> Worker:
    """What renders a split again; it loads its generator when it is first used.

    Raises:
        ImagenetGError: The recipe cannot be followed on this machine.
    """
    spec = make_split_version_spec(manifest, split, recipe, settings)
    job = BuildJob(
        spec=spec,
        split=split,
        out=Path(),
        device=settings.device,
        data=settings.data,
        cache=settings.cache,
        machine=settings.machine,
    )
    return Worker(job)


def describe_machine(recipe: SplitRecipe, settings: RegenerationSettings) -> dict[str, str]:
    """How this run uses its machine, in the words of the runtimes that a release records.

    Raises:
        ImagenetGError: The kind of the recipe's generator is not known here.
    """
    recorded = _require_table(recipe.recipe, "generator")
    takes = find_generator_kind(str(recorded.get("kind"))).takes_machine
    return settings.machine.describe() if takes else {}


@dataclass(frozen=True, slots=True)
class BatchChoice:
    """The batches that are rendered again.

    Attributes:
        probe: Of the probe.
        drawn: Drawn outside it, ascending.
        num_drawable: Batches that could have been drawn.
        seed: Seed of the draw; None where nothing is drawn.
    """

    probe: tuple[int, ...]
    drawn: tuple[int, ...]
    num_drawable: int
    seed: int | None

    @property
    def batches(self) -> tuple[int, ...]:
        """All of them, ascending."""
        return tuple(sorted((*self.probe, *self.drawn)))


def choose_batches(
    num_rows: int, batch_size: int, *, num_probe: int | None, num_drawn: int | None, seed: int
) -> BatchChoice:
    """The batches of the probe, and some others that nobody could know before.

    Args:
        num_rows: Rows of the plan.
        batch_size: Rows of a batch.
        num_probe: At most so many batches of the probe; None for all.
        num_drawn: So many of the other batches, or all there are; None for all.
        seed: Seed of the draw.

    Example:
        >>> choice = choose_batches(1000, 16, num_probe=1, num_drawn=2, seed=0)
        >>> choice.probe, len(choice.drawn), choice.num_drawable
        ((0,), 2, 62)
    """
    probe = choose_probe_batches(num_rows, batch_size)[:num_probe]
    others = [batch for batch in range(-(-num_rows // batch_size)) if batch not in probe]
    wanted = len(others) if num_drawn is None else min(num_drawn, len(others))
    drawn = np.random.default_rng(seed).choice(len(others), size=wanted, replace=False) if wanted else ()
    return BatchChoice(
        probe=probe,
        drawn=tuple(sorted(others[int(place)] for place in drawn)),
        num_drawable=len(others),
        seed=seed if wanted else None,
    )


def remake_batches(
    folder: Path,
    manifest: Manifest,
    split: str,
    recipe: SplitRecipe,
    batches: Sequence[int],
    settings: RegenerationSettings,
) -> Iterator[tuple[Row, Row]]:
    """Released and remade rows, image by image, some batches at a time.

    Raises:
        DataError: The plan or the images cannot be read, or do not have the same ids.
        ImagenetGError: As `render_again`.
    """
    worker = make_worker(manifest, split, recipe, settings)
    for first in range(0, len(batches), BATCHES_AT_A_TIME):
        part = batches[first : first + BATCHES_AT_A_TIME]
        released = load_batches(folder, manifest.splits[split].files, recipe, part)
        planned = load_planned_rows(folder, recipe, part)
        # A row that could not be rendered is in the plan and not in the release.
        wanted = {row["image_id"] for row in released}
        remade = worker.render_rows(_regroup(planned, settings.batch_size))
        remade = [row for row in remade if row["image_id"] in wanted]
        if [row["image_id"] for row in released] != [row["image_id"] for row in remade]:
            raise DataError(f"the images of '{split}' are not those of its plan")
        yield from zip(released, remade, strict=True)


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
                **({"counts": recorded["counts"]} if "counts" in recorded else {}),
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
    found: list[Row] = []
    # A batch holds one value of each swept setting, and the tail of a value is filled up.
    for number, (_, group) in enumerate(groupby(rows, key=read_settings)):
        found += [
            {**row, "batch_id": (number, n // batch_size), "slot": n % batch_size}
            for n, row in enumerate(group)
        ]
    return found


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
