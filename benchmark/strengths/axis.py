"""How strongly each image of a split is shifted, and which images show one scene at several strengths.

A release says the first by a column `strength`. Images of one class that share a value of the column `series`
are one series; without that column those made from one source image, or else from one seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.statistics.accuracy import FloatArray

STRENGTH_COLUMN = "strength"
SERIES_COLUMN = "series"
GROUPING_COLUMNS = ("source_image_id", "seed")
"""What puts images into series where a release has no column for it, the first that does."""
MAX_STRENGTHS = 200
"""A result has a row for each; a split of more is no ladder of strengths."""


@dataclass(frozen=True, slots=True)
class Strengths:
    """The strengths of N images.

    Attributes:
        values: `(N,)` float64, finite, 0 for no shift.
        series: N names of the scene an image shows; None where the split does not say.
    """

    values: FloatArray
    series: tuple[str, ...] | None

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Sequence[int] | np.ndarray[tuple[int], np.dtype[np.intp]]) -> Strengths:
        """The given images, in the given order."""
        kept = np.asarray(rows, dtype=np.intp)
        series = None if self.series is None else tuple(self.series[row] for row in kept)
        return Strengths(self.values[kept], series)


def make_strengths(values: Sequence[object]) -> FloatArray | None:
    """`(N,)` float64 from a column; None where it holds nothing but null.

    A release has one set of columns for all of its splits, so one without strengths has the column as well.

    Raises:
        DataError: A strength is missing, no number, not finite or below 0, or there are too many.

    Example:
        >>> make_strengths([0, 0.5, 2]).tolist(), make_strengths([None, None])
        ([0.0, 0.5, 2.0], None)
    """
    if all(value is None for value in values):
        return None
    for row, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise DataError(
                f"Column '{STRENGTH_COLUMN}' holds {value!r} in row {row}; every image needs a number >= 0."
            )
    # Adding 0.0 turns -0.0 into 0.0.
    strengths = np.asarray(values, dtype=np.float64) + 0.0
    validate_strengths(strengths)
    return strengths


def validate_strengths(values: FloatArray) -> None:
    """Check what a ladder of strengths is.

    Raises:
        DataError: A strength is not finite or below 0, or there are more than `MAX_STRENGTHS`.
    """
    odd = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if len(odd):
        raise DataError(
            f"Strength {values[odd[0]]} in row {odd[0]} is not allowed; a strength is a finite number >= 0."
        )
    if (number := len(np.unique(values))) > MAX_STRENGTHS:
        raise DataError(f"There are {number} strengths; at most {MAX_STRENGTHS} are allowed. Round them.")


def name_series(values: Sequence[object], classes: Sequence[str]) -> tuple[str, ...] | None:
    """Names of series, each within its class; None where a value is missing.

    Args:
        values: N values that images of one scene share.
        classes: N classes: seeds, and the numbers of scenes, may begin again in each.

    Example:
        >>> name_series([7, 7, 7], ["n01440764", "n01440764", "n01443537"])
        ('n01440764/7', 'n01440764/7', 'n01443537/7')
        >>> name_series([7, None], ["n01440764", "n01440764"]) is None
        True
    """
    if any(value is None or value == "" for value in values):
        return None
    return tuple(f"{name}/{value}" for value, name in zip(values, classes, strict=True))


def find_doubled(values: FloatArray, series: Sequence[str]) -> tuple[str, float] | None:
    """A series with two images of one strength, and that strength; None where there is no such series.

    Example:
        >>> find_doubled(np.array([0.0, 1.0, 1.0]), ["a", "a", "a"])
        ('a', 1.0)
        >>> find_doubled(np.array([0.0, 1.0, 1.0]), ["a", "a", "b"]) is None
        True
    """
    seen: set[tuple[str, float]] = set()
    for pair in zip(series, values.tolist(), strict=True):
        if pair in seen:
            return pair
        seen.add(pair)
    return None


def is_grouping(values: FloatArray, series: Sequence[str]) -> bool:
    """Whether names that were given for another purpose put images into series.

    Some scene must come at two strengths, and none twice at one: several images of one source, or one seed
    for each image, are no series.
    """
    return len(set(series)) < len(values) and find_doubled(values, series) is None


def validate_series(values: FloatArray, series: Sequence[str]) -> None:
    """Check that each series has one image for each of its strengths.

    Raises:
        DataError: One has two.
    """
    if (doubled := find_doubled(values, series)) is not None:
        raise DataError(
            f"Series '{doubled[0]}' has two images of strength {doubled[1]:g}; give each scene a name of its "
            f"own in the column '{SERIES_COLUMN}'."
        )


def concatenate_strengths(parts: Sequence[Strengths | None]) -> Strengths | None:
    """Parts joined row-wise; None where one of them does not say."""
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return None
    named = [part.series for part in known if part.series is not None]
    return Strengths(
        values=np.concatenate([part.values for part in known]),
        series=tuple(chain.from_iterable(named)) if len(named) == len(known) else None,
    )
