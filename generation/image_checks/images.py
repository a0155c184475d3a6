"""Images that are checked: rows of a split with their classes, their looks and their embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.critiques.image_checks import ComparedSet
from imagenet_g.benchmark.environment import choose_workers
from imagenet_g.benchmark.images.hashes import ProgressCallback
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.generation.image_checks.looks import ImageLooks, look_at_rows
from imagenet_g.generation.near_duplicates.reference import FLAT_STD

if TYPE_CHECKING:
    from pydantic import JsonValue

VectorArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedImages:
    """Images of one split.

    Attributes:
        ref: The split with its view.
        split: The whole split.
        rows: `(N,)` rows of the split.
        labels: `(N,)` int64 class of each.
        looks: N looks.
        vectors: `(N, D)` float32 embeddings of length 1, NaN where an image has none; None without any.
        features: Model behind the embeddings; None without any.
        recipe: The release's record of how the split was made; None for real sets and folders.
    """

    ref: str
    split: Split
    rows: npt.NDArray[np.intp]
    labels: npt.NDArray[np.int64]
    looks: ImageLooks
    vectors: VectorArray | None = None
    features: str | None = None
    recipe: JsonValue = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def comparable(self) -> npt.NDArray[np.bool_]:
        """`(N,)`: whether an image can be read and is not flat, as any flat image looks like any other."""
        return self.looks.readable & ~self.flat

    @property
    def flat(self) -> npt.NDArray[np.bool_]:
        """`(N,)`: whether no colour channel varies by more than the limit of builds."""
        # NaN of an unreadable image compares as not flat; it is left out as unreadable.
        with np.errstate(invalid="ignore"):
            return np.asarray(self.looks.get("spread") <= FLAT_STD)

    def name(self, number: int) -> tuple[str, str]:
        """Id and wnid of an image."""
        return self.split.rows.image_ids[self.rows[number]], load_classes()[self.labels[number]].wnid

    def describe(self) -> ComparedSet:
        """The set for a record."""
        return ComparedSet(
            ref=self.ref,
            content_sha256=self.split.record.content_sha256,
            num_images=len(self),
            num_unreadable=int((~self.looks.readable).sum()),
            num_flat=int(self.flat.sum()),
        )


def open_images(
    split: Split,
    rows: Sequence[int],
    *,
    ref: str,
    cache: Path | None,
    vectors: VectorArray | None = None,
    features: str | None = None,
    recipe: JsonValue = None,
    workers: int | None = None,
    on_progress: ProgressCallback = lambda done, total: None,
) -> CheckedImages:
    """Look at the images of some rows; an image that may be called several classes counts for its first.

    Args:
        split: The whole split.
        rows: N rows, without repeats, of images with a class.
        ref: The split with its view.
        cache: Where looks are kept between runs; None keeps none.
        vectors: `(N, D)`, see `CheckedImages`; `align_vectors` makes them.
        features: Model behind the embeddings.
        recipe: The split's recipe in its manifest.
        workers: Threads that decode; None for one a core.
        on_progress: Called with the number of images looked at and of all.

    Raises:
        StorageError: The cache cannot be written.
    """
    numbers = np.asarray(rows, dtype=np.intp)
    return CheckedImages(
        ref=ref,
        split=split,
        rows=numbers,
        labels=split.rows.labels[numbers, 0].astype(np.int64),
        looks=look_at_rows(
            split, numbers.tolist(), cache=cache, workers=workers or choose_workers(), on_progress=on_progress
        ),
        vectors=vectors,
        features=features,
        recipe=recipe,
    )


def align_vectors(
    rows: npt.NDArray[np.intp], embedded: npt.NDArray[np.intp], vectors: VectorArray
) -> VectorArray:
    """`(N, D)` embeddings of N rows from those of the rows that have one; NaN for the others.

    Example:
        >>> rows, embedded = np.array([4, 5, 6]), np.array([6, 4])
        >>> align_vectors(rows, embedded, np.array([[6.0], [4.0]], dtype=np.float32)).ravel().tolist()
        [4.0, nan, 6.0]
    """
    place = {int(row): number for number, row in enumerate(embedded)}
    aligned = np.full((len(rows), vectors.shape[1]), np.nan, dtype=np.float32)
    for number, row in enumerate(rows.tolist()):
        if row in place:
            aligned[number] = vectors[place[row]]
    return aligned
