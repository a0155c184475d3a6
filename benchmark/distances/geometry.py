"""How far images lie from a class: pure functions over embeddings.

Two measures of Ramos, Alampay and Abu 2023, "Exploring Text-Guided Synthetic Distribution Shifts for Robust
Image Classification": the cosine to the mean of the class, and the Mahalanobis distance to the class after a
PCA. The real images of a class made its mean and its covariance, so they lie closer to both than any new
image can: each of them is therefore measured against a class fitted without it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.accuracy import FloatArray

MIN_COSINE_IMAGES = 2
"""Images a class needs so that one of them can be left out of the mean."""
MIN_SHAPE_IMAGES = 4
"""Images a class needs so that a covariance is left when one of them is left out."""
NUM_FOLDS = 20
"""So many that the fit without a fold is nearly the fit with it."""
_SMALLEST_VARIANCE = 1e-12
_SMALLEST_SHRINKAGE = 1e-9


@dataclass(frozen=True, slots=True)
class PcaFit:
    """The main directions of a cloud of points.

    Attributes:
        mean: `(D,)` of all points.
        directions: `(K, D)` orthonormal, by falling variance; the largest entry of each is positive.
        explained: `(K,)` share of the whole variance along each, in [0, 1].
    """

    mean: FloatArray
    directions: FloatArray
    explained: FloatArray

    def project(self, points: FloatArray) -> FloatArray:
        """`(N, K)` coordinates of `(N, D)` points."""
        return np.asarray((points - self.mean) @ self.directions.T)


@dataclass(frozen=True, slots=True)
class ShapeFit:
    """Place and spread of one class.

    Attributes:
        mean: `(K,)`.
        covariance: `(K, K)`, positive definite.
        shrinkage: Weight of the round covariance it was mixed with, in [0, 1].
    """

    mean: FloatArray
    covariance: FloatArray
    shrinkage: float


def normalize_rows(points: FloatArray) -> FloatArray:
    """`(N, D)` points brought to length 1.

    Raises:
        InputError: A point has no direction: all zeros, or not finite.

    Example:
        >>> normalize_rows(np.array([[3.0, 4.0]])).tolist()
        [[0.6, 0.8]]
    """
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or (lengths == 0).any():
        raise InputError("An embedding is zero or not finite: it has no direction to compare.")
    return np.asarray(points / lengths)


def compute_cosines(points: FloatArray, mean: FloatArray) -> FloatArray:
    """Cosine of each point and a mean, `(N,)` in [-1, 1].

    Args:
        points: `(N, D)`, of any length.
        mean: `(D,)`.

    Raises:
        InputError: A point or the mean is zero.

    Example:
        >>> compute_cosines(np.array([[2.0, 0.0], [0.0, 5.0], [-1.0, 0.0]]), np.array([1.0, 0.0])).tolist()
        [1.0, 0.0, -1.0]
    """
    directions, target = normalize_rows(points), normalize_rows(mean[None])[0]
    # Rounding carries the cosine of equal directions past 1, which the report's schema refuses.
    return np.asarray(np.clip(directions @ target, -1.0, 1.0))


def compute_own_cosines(points: FloatArray) -> FloatArray:
    """Cosine of each point and the mean of the others, `(N,)` in [-1, 1].

    A point is nearer to a mean that it is part of: by about 1/N, which for few images is more than what is to
    be measured.

    Args:
        points: `(N, D)` with N >= 2.

    Raises:
        InputError: Fewer than two points.

    Example:
        >>> compute_own_cosines(np.array([[1.0, 0.0], [0.0, 1.0]])).tolist()  # each against the other
        [0.0, 0.0]
    """
    if len(points) < MIN_COSINE_IMAGES:
        raise InputError(f"{len(points)} image has no others to be compared with; two are needed.")
    directions, others = normalize_rows(points), normalize_rows(points.sum(axis=0) - points)
    return np.asarray(np.clip((directions * others).sum(axis=1), -1.0, 1.0))


def compute_reduction(reference: float, measured: float) -> float | None:
    """The fraction by which a similarity fell: 0.8 to 0.6 is 0.25; None where the first is not positive.

    The percent reduction of the paper's Fig. 4, as a fraction.

    Example:
        >>> round(compute_reduction(0.8, 0.6), 6), compute_reduction(0.0, 0.6)
        (0.25, None)
    """
    return 1.0 - measured / reference if reference > 0 else None


def fit_pca(points: FloatArray, num_components: int) -> PcaFit | None:
    """Principal components, by the eigenvectors of the covariance; None where the points do not differ.

    Args:
        points: `(N, D)`.
        num_components: K wanted; fewer come back where N - 1 or D is smaller.

    Example:
        >>> fit = fit_pca(np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 0.0]]), 2)
        >>> fit.mean.tolist(), fit.explained.tolist(), fit.project(np.array([[5.0, 7.0]]))[:, 0].tolist()
        ([2.0, 0.0], [1.0, 0.0], [3.0])
        >>> fit_pca(np.array([[1.0, 2.0], [1.0, 2.0]]), 2) is None  # the points do not differ
        True
    """
    if len(points) < 2:
        return None
    mean = points.mean(axis=0)
    centred = points - mean
    values, vectors = np.linalg.eigh(centred.T @ centred / (len(points) - 1))
    # Rounding leaves directions without variance slightly below zero.
    values, vectors = values[::-1].clip(min=0.0), vectors[:, ::-1].T
    if values.sum() <= _SMALLEST_VARIANCE:
        return None
    # N points have no more than N - 1 directions about their mean; the rest would be noise.
    kept = min(num_components, len(points) - 1, points.shape[1])
    directions = vectors[:kept]
    # The sign of an eigenvector is arbitrary; a plot must not flip with it.
    largest = np.abs(directions).argmax(axis=1)
    signs = np.sign(directions[np.arange(kept), largest])
    return PcaFit(mean, directions * signs[:, None], values[:kept] / values.sum())


def fit_shape(points: FloatArray) -> ShapeFit | None:
    """Mean and shrunk covariance of one class; None where the images do not differ at all.

    The sample covariance of N points in K > N dimensions has no inverse. It is mixed with the round one of
    the same trace, with the weight that is best in expected squared error (Ledoit and Wolf 2004, "A
    well-conditioned estimator for large-dimensional covariance matrices").

    Args:
        points: `(N, K)`, N >= 2.

    Example:
        >>> shape = fit_shape(np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]))
        >>> shape.covariance.tolist()  # as wide in one direction as in the other
        [[0.5, 0.0], [0.0, 0.5]]
    """
    mean = points.mean(axis=0)
    centred = points - mean
    num_points, num_dimensions = centred.shape
    # Divided by N and not N - 1: the weight below is derived for this estimate.
    sample = centred.T @ centred / num_points
    scale = float(np.trace(sample)) / num_dimensions
    if scale <= _SMALLEST_VARIANCE:
        return None
    round_part = scale * np.eye(num_dimensions)
    away = float(((sample - round_part) ** 2).sum())
    # Sum over points of the squared distance between their own outer product and the sample covariance.
    scatter = float(((centred**2).sum(axis=1) ** 2).sum()) / num_points - float((sample**2).sum())
    # b^2 and d^2 of the paper; its estimate of b^2 can exceed d^2, and a weight cannot exceed 1.
    shrinkage = min(scatter / num_points, away) / away if away > 0 else 1.0
    # Points placed symmetrically about their mean need no shrinkage, and would leave nothing to invert.
    shrinkage = max(shrinkage, _SMALLEST_SHRINKAGE)
    return ShapeFit(mean, (1 - shrinkage) * sample + shrinkage * round_part, shrinkage)


def compute_mahalanobis(points: FloatArray, shape: ShapeFit) -> FloatArray:
    """Mahalanobis distance of each point to a class, `(N,)`, not squared.

    Source: Mahalanobis 1936; by a Cholesky factor, so that nothing is inverted.

    Example:
        >>> shape = ShapeFit(np.zeros(2), np.diag([4.0, 1.0]), 0.0)
        >>> compute_mahalanobis(np.array([[2.0, 0.0], [0.0, 2.0]]), shape).tolist()  # in standard deviations
        [1.0, 2.0]
    """
    from scipy.linalg import solve_triangular

    factor = np.linalg.cholesky(shape.covariance)
    whitened = solve_triangular(factor, (points - shape.mean).T, lower=True)
    return np.asarray(np.sqrt((whitened**2).sum(axis=0)))


def compute_own_mahalanobis(points: FloatArray) -> FloatArray | None:
    """Mahalanobis distance of each point to the class fitted without it, `(N,)`.

    The points are dealt into at most `NUM_FOLDS` folds, and each fold is measured against the others. A
    projection that came before has seen all of them; among thousands of images one hardly turns it.

    Args:
        points: `(N, K)` with N >= `MIN_SHAPE_IMAGES`.

    Returns:
        None where the points left do not differ.

    Raises:
        InputError: Fewer than `MIN_SHAPE_IMAGES` points.
    """
    if len(points) < MIN_SHAPE_IMAGES:
        raise InputError(f"{len(points)} images are too few for a covariance; {MIN_SHAPE_IMAGES} are needed.")
    # Dealt in turn and not at random: the same images have the same distances without a seed.
    folds = np.arange(len(points)) % min(NUM_FOLDS, len(points))
    distances = np.empty(len(points))
    for fold in np.unique(folds):
        shape = fit_shape(points[folds != fold])
        if shape is None:
            return None
        distances[folds == fold] = compute_mahalanobis(points[folds == fold], shape)
    return distances
