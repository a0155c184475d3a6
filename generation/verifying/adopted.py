"""Verifying an adopted split: it cannot be rendered, so pixels, ids, counts and columns are checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from imagenet_g.benchmark.environment import choose_workers
from imagenet_g.benchmark.errors import DataError, ImagenetGError
from imagenet_g.benchmark.feeding.ahead import map_ahead
from imagenet_g.benchmark.identity import make_adopted_id
from imagenet_g.benchmark.images.decoding import decode_image, hash_pixels
from imagenet_g.benchmark.images.parquet import ParquetImages
from imagenet_g.benchmark.splits.manifests import FileRecord, SplitManifest
from imagenet_g.benchmark.splits.release_rows import load_release_rows
from imagenet_g.benchmark.splits.releases import make_release_features
from imagenet_g.generation.releases.adopted import CANNOT_BE_REMADE, AdoptedRecipe
from imagenet_g.generation.releases.reading import Damage
from imagenet_g.generation.verifying.levels import SplitVerification

_AHEAD = 256


def verify_adopted(
    folder: Path, name: str, split: SplitManifest, recipe: AdoptedRecipe
) -> tuple[SplitVerification, list[Damage]]:
    """Decode every image of an adopted split and compare it with its row.

    Args:
        folder: The release; its files have the bytes of the manifest.
        name: The split.
        split: Its manifest.
        recipe: Its recipe.

    Returns:
        The verdict, and for each file the first thing that is wrong with it.
    """
    damages = [damage for file in split.files if (damage := _find_fault(folder, file)) is not None]
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


def _find_fault(folder: Path, file: FileRecord) -> Damage | None:
    try:
        images = ParquetImages([folder / file.path])
        load_release_rows(images)
        missing = [column for column in make_release_features() if column not in images.schema.names]
        if missing:
            return Damage(file.path, f"column '{missing[0]}' is missing")
        if len(images) != file.num_rows:
            return Damage(file.path, f"{len(images)} rows instead of {file.num_rows}")
        return next((Damage(file.path, problem) for problem in _compare_pixels(images)), None)
    except ImagenetGError as error:
        return Damage(file.path, str(error))


def _compare_pixels(images: ParquetImages) -> Iterator[str]:
    ids, hashes = images.read_column("image_id"), images.read_column("pixel_sha256")

    def compare(row: int) -> str | None:
        try:
            found = hash_pixels(decode_image(images.read_image(row)))
        except DataError as error:
            return f"image '{ids[row]}' cannot be read: {error}"
        return None if found == hashes[row] else f"image '{ids[row]}' has other pixels than its row states"

    with ThreadPoolExecutor(choose_workers()) as pool:
        yield from filter(None, map_ahead(pool, compare, range(len(images)), window=_AHEAD))


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
