"""The two nearest of many embeddings, by cosine: pure functions on arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
VectorArray = npt.NDArray[np.float32]
QUANTILES = (0.0, 0.5, 0.95, 0.99, 1.0)
_BLOCK = 1024
_OTHERS = 16_384


@dataclass(frozen=True, slots=True)
class TwoNearest:
    """For each of N embeddings the nearest of M others.

    Attributes:
        rows: `(N,)` row of the nearest.
        cosine: `(N,)` its cosine, in [-1, 1].
        second: `(N,)` cosine of the second-nearest; NaN where there is one alone.
    """

    rows: npt.NDArray[np.intp]
    cosine: FloatArray
    second: FloatArray

    @property
    def ratios(self) -> FloatArray:
        """`(N,)` distance to the nearest over distance to the second, in [0, 1]; NaN where both are 0.

        Source: the ratio test of Lowe 2004, "Distinctive image features from scale-invariant keypoints",
        section 7.1. Carlini et al. 2023, "Extracting training data from diffusion models", section 5.1, find
        memorised images by a distance that is short for how far the next training images are.
        """
        near, far = (np.sqrt(np.maximum(0.0, 2 - 2 * values)) for values in (self.cosine, self.second))
        ratios = np.full(len(near), np.nan)
        np.divide(near, far, out=ratios, where=far > 0)
        return ratios


def find_two_nearest(vectors: VectorArray, others: VectorArray) -> TwoNearest:
    """The nearest and second-nearest of `others` to each of `vectors`.

    Args:
        vectors: `(N, D)` of length 1.
        others: `(M, D)` of length 1, M >= 1.

    Raises:
        ValueError: There are no others.

    Example:
        >>> others = np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32)
        >>> found = find_two_nearest(np.array([[0.8, 0.6]], dtype=np.float32), others)
        >>> found.rows.tolist(), found.cosine.round(6).tolist(), found.second.round(6).tolist()
        ([0], [0.8], [0.6])
    """
    if not len(others):
        raise ValueError("there is nothing that an embedding could be near")
    rows = np.zeros(len(vectors), dtype=np.intp)
    cosine, second = np.full(len(vectors), -np.inf), np.full(len(vectors), -np.inf)
    for first in range(0, len(vectors), _BLOCK):
        part = slice(first, first + _BLOCK)
        # By parts on this side, too: a training set has a million images and more.
        for start in range(0, len(others), _OTHERS):
            found = _find_in_part(vectors[part], others[start : start + _OTHERS])
            # What a nearer one takes the place of may still be the second-nearest.
            nearer = found.cosine > cosine[part]
            second[part] = np.maximum(
                np.where(nearer, cosine[part], found.cosine), np.maximum(second[part], found.second)
            )
            rows[part] = np.where(nearer, found.rows + start, rows[part])
            cosine[part] = np.maximum(cosine[part], found.cosine)
    second[np.isinf(second)] = np.nan
    # Rounding carries the cosine of equal directions past 1.
    return TwoNearest(rows, np.clip(cosine, -1, 1), np.clip(second, -1, 1))


def _find_in_part(vectors: VectorArray, others: VectorArray) -> TwoNearest:
    """The two nearest of some others; the second is minus infinity where there is one alone."""
    cosines = vectors @ others.T
    numbers, rows = np.arange(len(cosines)), cosines.argmax(axis=1)
    best = cosines[numbers, rows].astype(np.float64)
    cosines[numbers, rows] = -np.inf
    return TwoNearest(rows, best, cosines.max(axis=1).astype(np.float64))


def find_class_level(vectors: VectorArray, labels: npt.NDArray[np.int64], share: float) -> float | None:
    """Cosine that a share of the images do not pass with the nearest other image of their class.

    Args:
        vectors: `(N, D)` of length 1.
        labels: `(N,)` classes.
        share: In [0, 1].

    Returns:
        The quantile; None where no class has two images.

    Example:
        >>> vectors = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]], dtype=np.float32)
        >>> round(find_class_level(vectors, np.array([5, 5, 7]), 0.99), 6)
        0.6
    """
    found = []
    for label in np.unique(labels):
        mine = vectors[labels == label]
        if len(mine) > 1:
            cosines = mine @ mine.T
            np.fill_diagonal(cosines, -np.inf)
            found.append(cosines.max(axis=1))
    return float(np.clip(np.quantile(np.concatenate(found), share), -1, 1)) if found else None


def summarize_cosines(values: FloatArray) -> dict[str, float]:
    """Quantiles by their share as text.

    Example:
        >>> summarize_cosines(np.array([0.5, 0.75, 1.0]))["0.5"]
        0.75
    """
    return {
        f"{share:g}": float(value)
        for share, value in zip(QUANTILES, np.quantile(values, QUANTILES), strict=True)
    }
