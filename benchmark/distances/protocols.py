"""The Mahalanobis distance as the paper printed it, and what that figure must be whatever the images are.

Ramos, Alampay and Abu 2023, Table 1, measure the 128 images of a class against the mean and the covariance
that these very images made, without shrinkage. N points in K dimensions then have a mean squared distance of
K (N - 1) / N, an identity of arithmetic: their 7.90 for the base distribution stands beside its root, 7.97.
New images of the same distribution are farther, since they did not help to fit: for normal points the mean
squared distance is K (N^2 - 1) / (N (N - K - 2)), the root 11.49. So the protocol puts unshifted images at
11.4, and a figure for shifted images has to be compared with that and not with 7.90.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from imagenet_g.benchmark.distances.geometry import ShapeFit, compute_mahalanobis
from imagenet_g.benchmark.statistics.accuracy import FloatArray

Protocol = Literal["ours", "paper"]
_SINGULAR = 1e-10


def fit_plain_shape(points: FloatArray) -> ShapeFit | None:
    """Mean and sample covariance, not shrunk; None where it has no inverse.

    Args:
        points: `(N, K)`; N - 1 >= K is needed.

    Example:
        >>> shape = fit_plain_shape(np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]))
        >>> shape.covariance.round(3).tolist(), shape.shrinkage
        ([[0.667, 0.0], [0.0, 0.667]], 0.0)
        >>> fit_plain_shape(np.array([[1.0, 0.0], [0.0, 1.0]])) is None  # two points span no plane
        True
    """
    if len(points) <= points.shape[1]:
        return None
    covariance = np.atleast_2d(np.cov(points, rowvar=False))
    values = np.linalg.eigvalsh(covariance)
    if values[-1] <= 0 or values[0] <= _SINGULAR * values[-1]:
        return None
    return ShapeFit(points.mean(axis=0), covariance, 0.0)


def compute_held_out(points: FloatArray, shape: ShapeFit) -> FloatArray | None:
    """Distance of each of the points to the class fitted without it, `(N,)`, from one fit of them all.

    With q = d^2 / (N - 1) and c = N / (N - 1) the squared distance to the others is
    c^2 (N - 2) q / (1 - c q), by the formula of Sherman and Morrison for a covariance without one point.

    Args:
        points: `(N, K)` with N >= K + 2.
        shape: Their own, from `fit_plain_shape`.

    Returns:
        None where the others have no covariance with an inverse.
    """
    count, size = points.shape
    if count < size + 2:
        return None
    ratio = count / (count - 1)
    share = compute_mahalanobis(points, shape) ** 2 / (count - 1)
    rest = 1 - ratio * share
    # A point that alone spans a direction leaves a singular covariance behind.
    if (rest <= _SINGULAR).any():
        return None
    return np.asarray(np.sqrt(ratio**2 * (count - 2) * share / rest))


def expect_fitted(num_dimensions: int, num_points: int) -> float:
    """Root mean square distance of points to the class that they made, whatever the points are.

    Example:
        >>> round(expect_fitted(64, 128), 2)
        7.97
    """
    return math.sqrt(num_dimensions * (num_points - 1) / num_points)


def expect_unshifted(num_dimensions: int, num_points: int) -> float | None:
    """Root mean square distance of new points of the same normal distribution; None for too few points.

    Source: N / (N + 1) times the squared distance is Hotelling's T^2 of K and N - 1 degrees of freedom, whose
    mean is K (N - 1) / (N - K - 2).

    Example:
        >>> round(expect_unshifted(64, 128), 2), expect_unshifted(64, 66)
        (11.49, None)
    """
    spare = num_points - num_dimensions - 2
    if spare <= 0:
        return None
    return math.sqrt(num_dimensions * (num_points**2 - 1) / (num_points * spare))
