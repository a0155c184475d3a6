"""Which images are measured: the same number on both sides, drawn without replacement.

A Fréchet distance is biased upwards by an amount that depends on the number of images, and so are coverage
and the Vendi score. Numbers are therefore equal on all sides and in all classes. Images are never drawn with
replacement: a copy lies at distance 0 from itself, which a kernel distance takes for structure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.accuracy import FloatArray, IntArray

RowArray = npt.NDArray[np.intp]
NUM_CLASSES = 1000
DRAW_SEED = 0
MIN_CLASS_IMAGES = 3
"""With one left out, two must remain for a variance."""
MAX_CLASS_IMAGES = 50
"""Of a class on each side: intervals of a class take the fourth power of the number."""


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """Features of images with their classes; checked when it is made.

    Attributes:
        vectors: `(N, D)` float, finite, as the model gave them.
        labels: `(N,)` class indices, those of ImageNet's 1000 classes.
        image_ids: N different ids. With them the images that are drawn do not depend on the order of the
            rows; None draws by the position of a row.

    Raises:
        InputError: Shapes do not match, a value is not finite, a label is no class, or an id occurs twice.

    Example:
        >>> features = FeatureSet(np.ones((3, 2), dtype=np.float32), np.array([7, 7, 9]))
        >>> {index: rows.tolist() for index, rows in features.list_rows().items()}
        {7: [0, 1], 9: [2]}
    """

    vectors: npt.NDArray[np.floating]
    labels: IntArray
    image_ids: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or self.labels.shape != (len(self.vectors),):
            raise InputError(
                f"Features of shape {self.vectors.shape} and labels of shape {self.labels.shape} do not "
                "belong together: give an array (N, D) and an array (N,)."
            )
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < NUM_CLASSES:
            raise InputError(f"Labels must lie in 0..{NUM_CLASSES - 1}, the numbers of ImageNet's classes.")
        if not np.isfinite(self.vectors).all():
            row = int(np.flatnonzero(~np.isfinite(self.vectors).all(axis=1))[0])
            raise InputError(f"The features of row {row} are not finite: leave that image out.")
        if self.image_ids is not None and len(set(self.image_ids)) != len(self.vectors):
            raise InputError(
                f"{len(self.vectors)} rows need as many different ids; there are {len(set(self.image_ids))}."
            )

    def __len__(self) -> int:
        return len(self.vectors)

    def take(self, rows: RowArray) -> FloatArray:
        """`(M, D)` float64 features of some rows."""
        # float64: features of one class are nearly parallel, and their small differences are what counts.
        return np.asarray(self.vectors[rows], dtype=np.float64)

    def list_rows(self) -> dict[int, RowArray]:
        """Rows of each class, classes ascending."""
        # Stable: without ids a draw depends on the order of the rows within their class.
        order = np.argsort(self.labels, kind="stable")
        classes, starts = np.unique(self.labels[order], return_index=True)
        parts = np.split(order, starts[1:])
        return {int(index): part for index, part in zip(classes, parts, strict=True)}

    def shuffle_rows(self, *, seed: int) -> dict[int, RowArray]:
        """Rows of each class in an order drawn by the seed: the first n are n images without replacement."""
        return {index: rows[self._rank(rows, index, seed)] for index, rows in self.list_rows().items()}

    def _rank(self, rows: RowArray, index: int, seed: int) -> RowArray:
        if self.image_ids is None:
            # The class is in the seed: an image more in one class must not change the draw of another.
            return np.random.default_rng((seed, index)).permutation(len(rows))
        # By hash of the id: an image that joins or leaves the set moves no other one.
        keys = [hashlib.sha256(f"{seed}/{self.image_ids[row]}".encode()).digest() for row in rows]
        return np.array(sorted(range(len(rows)), key=keys.__getitem__), dtype=np.intp)


def check_same_space(split: FeatureSet, reference: FeatureSet) -> None:
    """Refuse features of different models.

    Raises:
        InputError: They have different numbers of dimensions, or a side is empty.
    """
    if not len(split) or not len(reference):
        raise InputError("There is no image to measure: one side has no features.")
    if split.vectors.shape[1] != reference.vectors.shape[1]:
        raise InputError(
            f"Features of {split.vectors.shape[1]} and of {reference.vectors.shape[1]} dimensions cannot be "
            "compared: take both from one model."
        )


def choose_number(counts: Sequence[int], *, most: int, fewest: int = MIN_CLASS_IMAGES) -> int:
    """How many images of each class are measured: the number that uses the most images over all classes.

    A class with fewer is left out, so that one small class does not leave all others with its number.

    Args:
        counts: Images that each class could give.
        most: Upper bound.
        fewest: Lower bound; a class with fewer counts for nothing.

    Returns:
        0 where no class has enough.

    Example:
        >>> choose_number([50, 50, 48, 4], most=100)  # 3 classes of 48, not 4 of 4 nor 2 of 50
        48
        >>> choose_number([2, 1], most=100)
        0
    """
    usable = sorted((min(count, most) for count in counts if count >= fewest), reverse=True)
    if not usable:
        return 0
    totals = [number * place for place, number in enumerate(usable, start=1)]
    # Of equal totals the last and smallest number, which has the most classes.
    return usable[len(totals) - 1 - int(np.argmax(totals[::-1]))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """Images of one class as they are measured, `(n, D)` each.

    Attributes:
        split: Of the split.
        reference: One half of the reference, which the split is measured from.
        other: The other half, which gives the floor.
    """

    split: FloatArray
    reference: FloatArray
    other: FloatArray


class Dealer:
    """Deals n images a class to the split and to both halves of the reference.

    Args:
        split: What is measured.
        reference: What it is measured from.
        seed: Of the draws.
    """

    def __init__(self, split: FeatureSet, reference: FeatureSet, *, seed: int = DRAW_SEED) -> None:
        check_same_space(split, reference)
        self._split, self._reference = split, reference
        # Two seeds, or an image on both sides would be drawn on both or on neither.
        self._split_rows = split.shuffle_rows(seed=seed)
        self._reference_rows = reference.shuffle_rows(seed=seed + 1)

    def count_images(self) -> dict[int, tuple[int, int]]:
        """Images of the split and of the reference by class, for the classes that both have."""
        shared = sorted(self._split_rows.keys() & self._reference_rows.keys())
        return {index: (len(self._split_rows[index]), len(self._reference_rows[index])) for index in shared}

    def count_unshared(self) -> int:
        """Classes that one side alone has images of."""
        return len(self._split_rows.keys() ^ self._reference_rows.keys())

    def deal(self, index: int, number: int) -> Deal:
        """The first `number` images of a class for the split, and twice as many of the reference's."""
        rows = self._reference_rows[index]
        return Deal(
            split=self._split.take(self._split_rows[index][:number]),
            reference=self._reference.take(rows[:number]),
            other=self._reference.take(rows[number : 2 * number]),
        )

    def deal_all(self, classes: Sequence[int], number: int) -> Deal:
        """The same for several classes at once, class by class: `(C * number, D)` each."""
        known = [self._reference_rows[index] for index in classes]
        return Deal(
            split=self._split.take(np.concatenate([self._split_rows[index][:number] for index in classes])),
            reference=self._reference.take(np.concatenate([rows[:number] for rows in known])),
            other=self._reference.take(np.concatenate([rows[number : 2 * number] for rows in known])),
        )

    def deal_everything(self, index: int) -> tuple[FloatArray, FloatArray]:
        """All images of a class: of the split and of the reference."""
        return (
            self._split.take(self._split_rows[index]),
            self._reference.take(self._reference_rows[index]),
        )

    def hold_back(self, index: int) -> tuple[FloatArray, FloatArray]:
        """Reference images of a class in two parts: as many as the split has, at most half, and the rest."""
        rows = self._reference_rows[index]
        # At most half, so that what is measured from is never smaller than what is measured.
        number = min(len(self._split_rows[index]), len(rows) // 2)
        return self._reference.take(rows[:number]), self._reference.take(rows[number:])


def count_dealable(counts: Mapping[int, tuple[int, int]]) -> dict[int, int]:
    """How many images each class can give to all three parts of a deal.

    Example:
        >>> count_dealable({3: (50, 50), 7: (20, 100)})
        {3: 25, 7: 20}
    """
    return {index: min(mine, theirs // 2) for index, (mine, theirs) in counts.items()}
