"""Every image of a split decoded and compared with the hash of its pixels in its row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from imagenet_g.benchmark.environment import choose_workers
from imagenet_g.benchmark.errors import DataError, ImagenetGError
from imagenet_g.benchmark.feeding.ahead import map_ahead
from imagenet_g.benchmark.images.decoding import decode_image, hash_pixels
from imagenet_g.benchmark.images.parquet import ParquetImages
from imagenet_g.benchmark.splits.manifests import FileRecord, SplitManifest
from imagenet_g.benchmark.splits.release_rows import load_release_rows
from imagenet_g.benchmark.splits.releases import make_release_features
from imagenet_g.generation.releases.reading import Damage

Advance = Callable[[int, int], None]
"""Called with the number of images done and of all images."""
_AHEAD = 256


def find_pixel_faults(folder: Path, split: SplitManifest, advance: Advance) -> list[Damage]:
    """For each file the first thing that is wrong with its columns, its rows or its pixels.

    Args:
        folder: The release; its files have the bytes of the manifest.
        split: Manifest of the split.
        advance: Receives the progress.
    """
    found, done = [], 0
    for file in split.files:
        count = Counter(advance, done, split.num_images)
        if (damage := _find_fault(folder, file, count)) is not None:
            found.append(damage)
        done += file.num_rows
    return found


class Counter:
    """Counts images and reports every hundredth.

    Args:
        advance: Receives the progress.
        done: Images of the files before.
        total: All images.
    """

    def __init__(self, advance: Advance, done: int, total: int) -> None:
        self._advance, self._done, self._total = advance, done, total

    def count(self) -> None:
        """One image more."""
        self._done += 1
        if self._done % 100 == 0 or self._done == self._total:
            self._advance(self._done, self._total)


def _find_fault(folder: Path, file: FileRecord, counter: Counter) -> Damage | None:
    try:
        images = ParquetImages([folder / file.path])
        load_release_rows(images)
        missing = [column for column in make_release_features() if column not in images.schema.names]
        if missing:
            return Damage(file.path, f"column '{missing[0]}' is missing")
        if len(images) != file.num_rows:
            return Damage(file.path, f"{len(images)} rows instead of {file.num_rows}")
        return next((Damage(file.path, problem) for problem in _compare_pixels(images, counter)), None)
    except ImagenetGError as error:
        return Damage(file.path, str(error))


def _compare_pixels(images: ParquetImages, counter: Counter) -> Iterator[str]:
    ids, hashes = images.read_column("image_id"), images.read_column("pixel_sha256")

    def compare(row: int) -> str | None:
        try:
            found = hash_pixels(decode_image(images.read_image(row)))
        except DataError as error:
            return f"image '{ids[row]}' cannot be read: {error}"
        return None if found == hashes[row] else f"image '{ids[row]}' has other pixels than its row states"

    with ThreadPoolExecutor(choose_workers()) as pool:
        for problem in map_ahead(pool, compare, range(len(images)), window=_AHEAD):
            counter.count()
            if problem is not None:
                yield problem
