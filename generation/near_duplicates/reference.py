"""Perceptual hashes of a split that other images are compared with."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from imagenet_g.benchmark.environment import choose_workers
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.feeding.ahead import map_ahead
from imagenet_g.benchmark.images.hashes import ProgressCallback
from imagenet_g.benchmark.splits.readable import load_image
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.generation.near_duplicates.hashing import compute_phash
from imagenet_g.generation.rendering.pixel_scorer import is_flat
from imagenet_g.generation.specs.version import FlatSpec

FLAT_STD = FlatSpec().max_std
"""Largest standard deviation of a flat image, in levels of 0..255: the default of builds."""
_AHEAD = 256


@dataclass(frozen=True, slots=True)
class ReferenceHashes:
    """Hashes of the images of a split.

    Attributes:
        ref: The split.
        image_ids: N ids.
        labels: N class indices.
        hashes: N hashes.
    """

    ref: str
    image_ids: tuple[str, ...]
    labels: tuple[int, ...]
    hashes: tuple[int, ...]


def hash_split(split: Split, *, progress: ProgressCallback) -> ReferenceHashes:
    """Hash every image of a split.

    Args:
        split: The split.
        progress: Called with the number of images read and of all.
    """
    found: list[tuple[int, int]] = []
    total = len(split.rows)
    with ThreadPoolExecutor(choose_workers()) as pool:
        hashes = map_ahead(pool, partial(_hash_row, split), range(total), window=_AHEAD)
        for row, value in enumerate(hashes):
            if value is not None:
                found.append((row, value))
            progress(row + 1, total)
    return ReferenceHashes(
        ref=split.record.ref,
        image_ids=tuple(split.rows.image_ids[row] for row, _ in found),
        labels=tuple(int(split.rows.labels[row, 0]) for row, _ in found),
        hashes=tuple(value for _, value in found),
    )


def _hash_row(split: Split, row: int) -> int | None:
    try:
        image = load_image(split, row)
    except DataError:
        return None
    return None if is_flat(image, max_std=FLAT_STD) else compute_phash(image)
