"""Fréchet distance of two normal distributions with the moments of two samples.

    d = |m1 - m2|^2 + tr(S1) + tr(S2) - 2 tr((S1 S2)^(1/2))

Source: Dowson and Landau 1982; Heusel et al. 2017, eq. 6 (where its features are those of an Inception, it is
the FID). Covariances divide by n - 1, as in the authors' code.

The last trace is computed without the root of a matrix: with S1 = A A^T and S2 = B B^T it is the sum of the
singular values of A^T B (the eigenvalues of S1 S2 are their squares). A and B are the centred images over
root(n - 1) where there are fewer images than dimensions, else roots of the covariances. Nothing
complex arises, and rank-deficient covariances cost no digits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.quality.estimates import Bounds, bound_two_samples
from imagenet_g.benchmark.statistics.accuracy import FloatArray

_SNAP = 1e-12
_SURE = 1e-4


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and covariance of one sample.

    Attributes:
        mean: `(D,)`.
        factor: `(D, R)` with factor @ factor.T the covariance, R the smaller of n and D.
    """

    mean: FloatArray
    factor: FloatArray

    @property
    def trace(self) -> float:
        """Of the covariance."""
        return float((self.factor**2).sum())


def fit_moments(points: FloatArray) -> Moments:
    """Moments of `(n, D)` points, n >= 2."""
    mean = points.mean(axis=0)
    centred = (points - mean) / np.sqrt(len(points) - 1)
    # The centred images are a root already, and smaller than one of 2048 x 2048 numbers.
    if len(points) <= points.shape[1]:
        return Moments(mean, centred.T)
    return Moments(mean, _find_root(centred.T @ centred))


def _find_root(covariance: FloatArray) -> FloatArray:
    """`(D, D)` root R of a covariance R R^T."""
    try:
        root = np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    except np.linalg.LinAlgError:
        return _find_symmetric_root(covariance)
    # A seventh of the time of a symmetric root, but near a singular covariance it is all rounding.
    pivots = np.diag(root)
    return root if pivots.min() > _SURE * pivots.max() else _find_symmetric_root(covariance)


def _find_symmetric_root(covariance: FloatArray) -> FloatArray:
    values, directions = np.linalg.eigh(covariance)
    # Rounding leaves values of about 1e-16 of the largest, whose roots would count as 1e-8 each.
    kept = np.where(values > _SNAP * max(values[-1], 0.0), values, 0.0)
    return np.asarray((directions * np.sqrt(kept)) @ directions.T)


def compute_moment_distance(first: Moments, second: Moments, *, quick: bool = False) -> float:
    """The distance of the module's docstring, >= 0.

    Args:
        first: Of one sample.
        second: Of the other.
        quick: Take singular values as roots of eigenvalues, in a quarter of the time and with half of the
            digits; for the differences between values that leave out images.
    """
    shift = float(((first.mean - second.mean) ** 2).sum())
    traces = first.trace + second.trace
    product = first.factor.T @ second.factor
    if quick:
        squares = np.linalg.eigvalsh(product @ product.T)
        # Zeros come out as small numbers of either sign, and a negative one has no root.
        overlap = float(np.sqrt(np.clip(squares, 0.0, None)).sum())
    else:
        overlap = float(np.linalg.svd(product, compute_uv=False).sum())
    return _round_off(shift + traces - 2 * overlap, shift + traces)


def _round_off(distance: float, size: float) -> float:
    # Equal samples leave a rounding error of either sign.
    return distance if distance > _SNAP * size else 0.0


def compute_frechet(first: FloatArray, second: FloatArray, *, quick: bool = False) -> float:
    """Fréchet distance of two samples.

    Args:
        first: `(n, D)` features, n >= 2.
        second: `(m, D)` features, m >= 2.
        quick: As in `compute_moment_distance`.

    Returns:
        In squared units of the features, >= 0.

    Example:
        >>> points = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]])
        >>> round(compute_frechet(points, points + 3.0), 6)  # moved by 3 in both directions
        18.0
        >>> round(compute_frechet(points, 2 * points - 1.0), 6)  # twice as wide about the same mean: 2 x 4/3
        2.666667
    """
    return compute_moment_distance(fit_moments(first), fit_moments(second), quick=quick)


@dataclass(frozen=True, slots=True)
class _CrossParts:
    """What the distance and all those with one image left out are computed from.

    Attributes:
        cross: `(n, m)` products of the centred images of both sides.
        shift: `(D,)` difference of the means.
    """

    first: FloatArray
    second: FloatArray
    cross: FloatArray
    shift: FloatArray


def bound_frechet(first: FloatArray, second: FloatArray) -> Bounds:
    """Distance of two samples with its interval from leaving out one image at a time, on either side.

    Without image i the centred rows of its side become c_j + c_i / (n - 1), so that each distance needs the
    singular values of a matrix of n x m numbers and no pass over the features. That matrix stands for A^T B
    of the module's docstring whether or not n exceeds D.

    Args:
        first: `(n, D)` features, n >= 3.
        second: `(m, D)` features, m >= 3.
    """
    parts = _make_parts(first, second)
    swapped = _CrossParts(parts.second, parts.first, parts.cross.T, -parts.shift)
    return bound_two_samples(compute_frechet(first, second), _leave_each_out(parts), _leave_each_out(swapped))


def _make_parts(first: FloatArray, second: FloatArray) -> _CrossParts:
    means = first.mean(axis=0), second.mean(axis=0)
    one, other = first - means[0], second - means[1]
    return _CrossParts(one, other, one @ other.T, means[0] - means[1])


def _leave_each_out(parts: _CrossParts) -> FloatArray:
    """`(n,)` distances with one image of the first side left out."""
    n, m = parts.cross.shape
    squares = (parts.first**2).sum(axis=1)
    shifts = ((parts.shift - parts.first / (n - 1)) ** 2).sum(axis=1)
    traces = (squares.sum() - squares * n / (n - 1)) / (n - 2)
    others = float((parts.second**2).sum()) / (m - 1)
    rows = parts.cross[None] + parts.cross[:, None] / (n - 1)
    keep = ~np.eye(n, dtype=bool)
    left = rows[keep].reshape(n, n - 1, m)
    overlaps = np.linalg.svd(left, compute_uv=False).sum(axis=1) / np.sqrt((n - 2) * (m - 1))
    return np.asarray(shifts + traces + others - 2 * overlaps)
