"""Precision, recall, density and coverage: who lies within whose reach.

An image reaches as far as its k-th nearest neighbour on its own side, itself not counted. With r(x) the reach
of a reference image x, r(y) of an image y of the split, N images on each side:

    precision = share of y with |y - x| <= r(x) for some x      (Kynkäänniemi et al. 2019, eq. 1)
    recall    = share of x with |y - x| <= r(y) for some y      (the same, the sides exchanged)
    density   = number of pairs with |y - x| <= r(x), over k N  (Naeem et al. 2020, eq. 4)
    coverage  = share of x with |y - x| <= r(x) for some y      (the same, eq. 5)

Each is a mean over images, so that its interval comes from resampling the classes of these images; that of a
share is at least as long as chance within the classes makes it. Reaches are held as they are: the interval
says what other classes would give, not what other neighbours would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.quality.estimates import bound_class_mean, bound_class_share
from imagenet_g.benchmark.quality.records import NeighbourShares
from imagenet_g.benchmark.statistics.accuracy import FloatArray, IntArray

NUM_NEIGHBOURS = 5
MAX_IMAGES = 10_000
"""On each side: time grows with the square."""
BLOCK_ROWS = 1000
_ROUNDED_UP = 1 + 1e-9
_SNAP = 1e-11
"""Squared distances below this share of the mean squared length are copies: float32 holds seven digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What each image adds to each measure, `(N,)` each; the measure is their mean.

    Attributes:
        precision: Of the images of the split, 0 or 1.
        recall: Of the images of the reference, 0 or 1.
        density: Of the images of the split, >= 0.
        coverage: Of the images of the reference, 0 or 1.
    """

    precision: FloatArray
    recall: FloatArray
    density: FloatArray
    coverage: FloatArray

    def bound(self, classes: IntArray) -> NeighbourShares:
        """Each measure with its interval.

        Args:
            classes: `(N,)` class of each row on both sides, every class with the same number of rows.
        """
        _, index, counts = np.unique(classes, return_inverse=True, return_counts=True)
        total = counts.astype(np.float64)
        density = np.asarray(np.bincount(index, weights=self.density) / total)
        precision, recall, coverage = (
            bound_class_share(np.asarray(np.bincount(index, weights=values)), total)
            for values in (self.precision, self.recall, self.coverage)
        )
        return NeighbourShares(
            precision=precision, recall=recall, density=bound_class_mean(density), coverage=coverage
        )


def find_reached(split: FloatArray, reference: FloatArray, *, k: int = NUM_NEIGHBOURS) -> Reached:
    """Who lies within whose reach.

    Args:
        split: `(N, D)` features of the split, N > k.
        reference: `(M, D)` features of the reference, M > k.
        k: Neighbours an image reaches to, >= 1.

    Raises:
        InputError: There are too few images, or too many.

    Example:
        >>> reference = np.arange(8.0)[:, None]
        >>> split = np.array([[3.4], [3.5], [3.6], [40.0]])  # three in the middle, one far out
        >>> found = find_reached(split, reference, k=1)
        >>> found.precision.tolist(), found.coverage.tolist()
        ([1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    """
    for side in (split, reference):
        if not k < len(side) <= MAX_IMAGES:
            raise InputError(
                f"{len(side)} images, where more than k = {k} and at most {MAX_IMAGES} are needed."
            )
    split, reference, smallest = _centre(split, reference)
    # The k-th neighbour itself lies within reach, whichever way its distance was rounded.
    own = _ROUNDED_UP * compute_reach(split, k=k, smallest=smallest)
    theirs = _ROUNDED_UP * compute_reach(reference, k=k, smallest=smallest)
    precision, density = np.zeros(len(split)), np.zeros(len(split))
    recall, coverage = np.zeros(len(reference), dtype=bool), np.zeros(len(reference), dtype=bool)
    for rows, block in _iterate_squares(split, reference, smallest):
        inside = block <= theirs
        precision[rows], density[rows] = inside.any(axis=1), inside.sum(axis=1) / k
        coverage |= inside.any(axis=0)
        recall |= (block <= own[rows, None]).any(axis=0)
    return Reached(
        precision=precision,
        recall=recall.astype(np.float64),
        # Over N of the reference times the share of images: the mean over the split's images.
        density=density,
        coverage=coverage.astype(np.float64),
    )


def _centre(split: FloatArray, reference: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Both sides about one centre, and the squared distance below which two images are copies."""
    # Products of vectors that are long beside their differences would lose the digits of the differences.
    centre = (split.mean(axis=0) + reference.mean(axis=0)) / 2
    lengths = [float((side**2).sum(axis=1).mean()) for side in (split, reference)]
    return split - centre, reference - centre, _SNAP * sum(lengths) / 2


def compute_reach(points: FloatArray, *, k: int, smallest: float = 0.0) -> FloatArray:
    """`(N,)` squared distance of each of the points to its k-th nearest neighbour.

    Args:
        points: `(N, D)` with N > k.
        k: At least 1.
        smallest: Squared distances of at most this count as 0.

    Example:
        >>> compute_reach(np.array([[0.0], [1.0], [3.0]]), k=1).tolist()
        [1.0, 1.0, 4.0]
    """
    reach = np.empty(len(points))
    for rows, block in _iterate_squares(points, points, smallest):
        # Behind every image's distance to itself, which is 0 and first.
        reach[rows] = np.partition(block, k, axis=1)[:, k]
    return reach


def _iterate_squares(
    first: FloatArray, second: FloatArray, smallest: float
) -> Iterator[tuple[slice, FloatArray]]:
    """Squared distances of the first's rows to all of the second's, a block of rows at a time."""
    lengths = (second**2).sum(axis=1)
    for start in range(0, len(first), BLOCK_ROWS):
        rows = slice(start, min(start + BLOCK_ROWS, len(first)))
        block = first[rows] @ second.T
        # In place: a block has up to 80 MB, and each new array would be as much again.
        block *= -2
        block += lengths
        block += (first[rows] ** 2).sum(axis=1)[:, None]
        block[block <= smallest] = 0.0
        yield rows, block
