"""Checking what a split holds without rendering it: pixels, columns, the recipe, scores.

An adopted split cannot be rendered at all: its ids and counts are checked as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from secrets import randbelow
from typing import Protocol

from pydantic import JsonValue

from imagenet_g.benchmark.errors import DataError, ImagenetGError
from imagenet_g.benchmark.identity import make_adopted_id
from imagenet_g.benchmark.images.parquet import ParquetImages
from imagenet_g.benchmark.splits.manifests import MANIFEST_NAME, Manifest, SplitManifest
from imagenet_g.generation.plans.sources import load_sources
from imagenet_g.generation.releases.adopted import CANNOT_BE_REMADE, AdoptedRecipe, find_adopted
from imagenet_g.generation.releases.check import find_misnamed
from imagenet_g.generation.releases.reading import Damage
from imagenet_g.generation.releases.recipe import list_split_files, parse_split_recipe
from imagenet_g.generation.verifying.contents import BuiltSplit, find_contradictions
from imagenet_g.generation.verifying.levels import SplitVerification
from imagenet_g.generation.verifying.pixels import Advance, find_pixel_faults
from imagenet_g.generation.verifying.regeneration import RegenerationSettings
from imagenet_g.generation.verifying.rescoring import NUM_SAMPLED, ScoreChecker


class Listener(Protocol):
    """Receives what a verification does."""

    def say(self, text: str) -> None:
        """A line for the reader."""

    def track(self, title: str, split: str) -> AbstractContextManager[Advance]:
        """A pass over the images of a split, with its progress."""


def check_split(
    folder: Path,
    manifest: Manifest,
    split: str,
    damaged: Sequence[Damage],
    scores: ScoreChecker,
    settings: RegenerationSettings,
    listener: Listener,
) -> tuple[list[str], list[Damage]]:
    """What a split holds against its recipe, without rendering.

    Args:
        folder: The release.
        manifest: Its manifest.
        split: The split.
        damaged: Files that are not those of the manifest.
        scores: Computes scores again.
        settings: Where sources are on this machine.
        listener: Receives the progress.

    Returns:
        What could not be checked, and the faults.
    """
    if list_damage(manifest, split, damaged):
        return ["nothing in it was compared with its recipe, because a file is damaged"], []
    with listener.track("pixels", split) as advance:
        faults = find_pixel_faults(folder, manifest.splits[split], advance)
    if (misnamed := find_misnamed(split, manifest.splits[split])) is not None:
        faults.append(Damage(MANIFEST_NAME, misnamed))
    try:
        built = BuiltSplit(folder, manifest, split, parse_split_recipe(manifest, split))
    # Adopted, or made by other means: there is no plan to compare with.
    except DataError as error:
        written = manifest.splits[split].recipe
        # A recipe that names a plan was written by a build, and must be one.
        if isinstance(written, dict) and "plan_sha256" in written:
            faults.append(Damage(MANIFEST_NAME, f"the recipe of '{split}' is not of this format: {error}"))
        elif find_adopted(manifest.splits[split]) is None and not faults:
            faults += _find_lost_recipe(folder, manifest, split)
        return [], faults
    faults += find_contradictions(built, partial(_find_source_ids, settings))
    # What contradicts itself already needs no model.
    if faults:
        return [], faults
    with listener.track("scores", split):
        wrong, notes = scores.check(built)
    return notes, wrong


def _find_lost_recipe(folder: Path, manifest: Manifest, split: str) -> list[Damage]:
    """A split that says it was built, in its rows or in the manifest, must say how."""
    described = manifest.splits[split]
    images = ParquetImages([folder / file.path for file in described.files])
    # Sets made by other means have the standard columns too, and leave them empty.
    planned = any(batch is not None for batch in images.read_column("batch_id"))
    if not planned and (described.recipe or not manifest.made_with):
        return []
    what = "its rows name batches of a plan" if planned else "the manifest names what rendered the files"
    return [Damage(MANIFEST_NAME, f"the recipe of '{split}' is missing or no build's, and {what}")]


def require_sound(folder: Path, manifest: Manifest, listener: Listener) -> None:
    """Refuse to publish a release whose contents are not what it says of them.

    Raises:
        DataError: A pixel, a row, a score or a number of the manifest is another one.
    """
    settings = RegenerationSettings(device="cpu")
    scores = ScoreChecker(device="cpu", places=(), num_rows=NUM_SAMPLED, seed=randbelow(2**32))
    faults: list[Damage] = []
    for name, split in manifest.splits.items():
        notes, found = check_split(folder, manifest, name, (), scores, settings, listener)
        for note in notes:
            listener.say(f"{name}: {note}")
        if (adopted := find_adopted(split)) is not None:
            _, found = verify_adopted(folder, name, split, adopted, found)
        faults += found
    if faults:
        first = "; ".join(f"{fault.path}: {fault.reason}" for fault in faults[:3])
        raise DataError(f"'{folder}' cannot be published: {first}. Build it again, then publish.")


def list_damage(manifest: Manifest, split: str, damaged: Sequence[Damage]) -> list[Damage]:
    """Damages of the files of one split."""
    paths = {file.path for file in list_split_files(manifest.splits[split])}
    return [damage for damage in damaged if damage.path in paths]


def verify_adopted(
    folder: Path, name: str, split: SplitManifest, recipe: AdoptedRecipe, faults: Sequence[Damage]
) -> tuple[SplitVerification, list[Damage]]:
    """The verdict on an adopted split, whose images were decoded and compared with their rows.

    Args:
        folder: The release; its files have the bytes of the manifest.
        name: The split.
        split: Its manifest.
        recipe: Its recipe.
        faults: What `find_pixel_faults` found.

    Returns:
        The verdict, and for each file the first thing that is wrong with it.
    """
    damages = list(faults)
    if not damages and (problem := _compare_counts(folder, split, recipe)):
        damages = [Damage(split.files[0].path, problem)]
    reason = (
        "the set was adopted, and nothing was rendered; files, pixels, ids, counts and columns of "
        f"{split.num_images} "
        "images are as recorded"
        if not damages
        else f"the set was adopted, and nothing was rendered; {len(damages)} files are not as recorded"
    )
    verdict = SplitVerification(
        split=name, level=CANNOT_BE_REMADE, distance=None, judge=None, runtime_differs=(), reason=reason
    )
    return verdict, damages


def _compare_counts(folder: Path, split: SplitManifest, recipe: AdoptedRecipe) -> str | None:
    images = ParquetImages([folder / file.path for file in split.files])
    if not len(images) == split.num_images == recipe.counts.released:
        return f"the split has {len(images)} images, its manifest states {recipe.counts.released}"
    columns = ("image_id", "wnid", "pixel_sha256", "label")
    rows = list(zip(*(images.read_column(column) for column in columns), strict=True))
    by_id = {str(image_id): (str(pixels), str(wnid)) for image_id, wnid, pixels, _ in rows}
    if len(by_id) < len(rows):
        return "an image id comes twice in the split"
    if problem := _compare_ids(by_id):
        return problem
    labels = tuple(sorted({int(str(label)) for *_, label in rows}))
    return (
        None if labels == split.class_indices else "the split covers other classes than its manifest states"
    )


def _compare_ids(rows: Mapping[str, tuple[str, str]]) -> str | None:
    """Ids must be those of n images of each class and pixels, whatever the order of the rows."""
    expected = {
        make_adopted_id(pixels, wnid, copy)
        for (pixels, wnid), count in Counter(rows.values()).items()
        for copy in range(count)
    }
    odd = sorted(rows.keys() - expected)
    return f"image id '{odd[0]}' does not follow from its pixels and class" if odd else None


def _find_source_ids(
    settings: RegenerationSettings, table: Mapping[str, JsonValue]
) -> dict[int, tuple[str, ...]] | None:
    """Ids of the sources, where they are here and have the recorded content."""
    try:
        ref = settings.sources or str(table["ref"])
        sources = load_sources(ref, data=settings.data, cache=settings.cache)
    except (ImagenetGError, KeyError):
        return None
    same = sources.split.record.content_sha256 == table.get("content_sha256")
    return sources.list_ids() if same else None
