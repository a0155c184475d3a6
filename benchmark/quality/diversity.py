"""How much images differ from each other: mean cosine, Vendi score, and spread.

Diversity is that of Bansal and Grover 2023, Table 7: 1 less the mean cosine of two images of a class, no
image paired with itself, of features of length 1. It does not depend on the number of images. The Vendi score
(Friedman and Dieng 2023, eq. 2) is the effective number of different images,

    exp(-sum of l log l),   l the eigenvalues of K / n,   K the cosines of the n images,

and grows with n. The spread is the trace of the covariance of the features as they are.
"""

from __future__ import annotations

import numpy as np

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.quality.estimates import Bounds, bound_one_sample
from imagenet_g.benchmark.statistics.accuracy import FloatArray

MIN_SPREAD_IMAGES = 2
COLLAPSED = 0.5
"""Share of the reference's spread or diversity below which a reader is warned."""


def scale_to_unit(points: FloatArray) -> FloatArray:
    """`(n, D)` features of length 1.

    Raises:
        InputError: A row is all zeros and has no direction.

    Example:
        >>> scale_to_unit(np.array([[3.0, 4.0]])).tolist()
        [[0.6, 0.8]]
    """
    # No small number is added to the lengths: a row of zeros has no cosine, and 0 would be a guess.
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    if not lengths.all():
        raise InputError(
            f"The features of {int((lengths == 0).sum())} images are all zeros, so they have no cosine: "
            "leave these images out."
        )
    return np.asarray(points / lengths)


def compute_diversity(points: FloatArray) -> float:
    """1 less the mean cosine of two of the points.

    Args:
        points: `(n, D)` features of any length, n >= 2.

    Returns:
        In [0, 2]: 0 where all images are alike, 1 where any two are at right angles.

    Example:
        >>> round(compute_diversity(np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 3.0]])), 6)  # cosines 0, 0 and 1
        0.666667
    """
    total = scale_to_unit(points).sum(axis=0)
    return _combine_cosines(float(total @ total), len(points))


def _combine_cosines(square: float, count: int) -> float:
    # The square of the sum holds every pair twice, and every image with itself.
    return min(2.0, max(0.0, 1 - (square - count) / (count * (count - 1))))


def bound_diversity(points: FloatArray) -> Bounds:
    """Diversity with its interval from leaving out one image at a time; n >= 3."""
    unit = scale_to_unit(points)
    total, count = unit.sum(axis=0), len(unit)
    square = float(total @ total)
    # |s - u|^2 = |s|^2 - 2 s.u + 1 for u of length 1: no pair is added up again.
    left_out = [_combine_cosines(rest, count - 1) for rest in (square - 2 * (unit @ total) + 1).tolist()]
    return bound_one_sample(_combine_cosines(square, count), np.array(left_out))


def compute_vendi(points: FloatArray) -> float:
    """Effective number of different images among the points.

    Args:
        points: `(n, D)` features of any length, n >= 1.

    Returns:
        In [1, n].

    Example:
        >>> round(compute_vendi(np.eye(4)), 6), round(compute_vendi(np.ones((4, 4))), 6)
        (4.0, 1.0)
    """
    unit = scale_to_unit(points)
    # The matrix of the smaller side has the same eigenvalues but for zeros.
    table = unit @ unit.T if len(unit) <= unit.shape[1] else unit.T @ unit
    return float(_count_effective(np.asarray(np.linalg.eigvalsh(table / len(unit)), dtype=np.float64)))


def _count_effective(values: FloatArray) -> FloatArray:
    """Exponential of the entropy of eigenvalues along the last axis, which sum to 1."""
    # Rounding leaves values below 0 whose logarithm is undefined; x log x tends to 0.
    kept = np.clip(values, 1e-300, None)
    return np.asarray(np.exp(-(kept * np.log(kept)).sum(axis=-1)))


def bound_vendi(points: FloatArray) -> Bounds:
    """Vendi score with its interval from leaving out one image at a time; n >= 3."""
    unit = scale_to_unit(points)
    count = len(unit)
    cosines = unit @ unit.T
    # A stack of n tables for one call of `eigvalsh`; 50 images make 120,000 numbers.
    keep = np.array([np.delete(np.arange(count), row) for row in range(count)])
    smaller = cosines[keep[:, :, None], keep[:, None, :]]
    left_out = _count_effective(np.linalg.eigvalsh(smaller / (count - 1)))
    return bound_one_sample(compute_vendi(points), left_out)


def compute_spread(points: FloatArray) -> float | None:
    """Trace of the covariance: half the mean squared distance of two points; None for fewer than two.

    Unbiased at every number of points, so that sides of different sizes can be compared.

    Args:
        points: `(N, D)` embeddings of one class.

    Example:
        >>> compute_spread(np.array([[0.0, 0.0], [2.0, 0.0]]))  # two points at a distance of 2
        2.0
        >>> compute_spread(np.array([[0.6, 0.8], [0.6, 0.8]]))  # a collapsed generator draws one image
        0.0
    """
    if len(points) < MIN_SPREAD_IMAGES:
        return None
    return float(((points - points.mean(axis=0)) ** 2).sum() / (len(points) - 1))


def bound_spread(points: FloatArray) -> Bounds:
    """Spread with its interval from leaving out one image at a time; n >= 3."""
    count = len(points)
    squares = ((points - points.mean(axis=0)) ** 2).sum(axis=1)
    total = float(squares.sum())
    # Without a point the mean moves away from it: n / (n - 1) of its square leaves the sum.
    left_out = (total - squares * count / (count - 1)) / (count - 2)
    return bound_one_sample(total / (count - 1), np.asarray(left_out))
