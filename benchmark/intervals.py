"""How far a number could be off: Wilson intervals and the class-clustered bootstrap.

Images of one class are not independent (a model that does not know the class fails on all of them), so a
bootstrap resamples whole classes. Images made from one source photograph lie within one class, so drawing
classes keeps them together too (Davison and Hinkley 1997, section 3.8).
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from imagenet_g.benchmark.accuracy import FloatArray
from imagenet_g.benchmark.errors import InputError

CONFIDENCE = 0.95
NUM_RESAMPLES = 1000
BOOTSTRAP_SEED = 0


def compute_wilson_interval(
    right: float, total: float, *, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Wilson score interval of a proportion (Wilson 1927).

    Args:
        right: Number of successes, 0 <= right <= total.
        total: Number of trials, > 0.
        confidence: Nominal coverage in (0, 1).

    Returns:
        Lower and upper bound, fractions in [0, 1].

    Raises:
        InputError: The counts are impossible.

    Example:
        >>> [round(bound, 4) for bound in compute_wilson_interval(50, 100)]
        [0.4038, 0.5962]
    """
    if total <= 0 or not 0 <= right <= total:
        raise InputError(
            f"{right} right of {total} is not a proportion; need 0 <= right <= total, total > 0."
        )
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = right / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return max(0.0, centre - half), min(1.0, centre + half)


def draw_cluster_weights(num_clusters: int, *, num_resamples: int, rng: np.random.Generator) -> FloatArray:
    """How often each cluster is drawn in each bootstrap resample.

    Args:
        num_clusters: C, number of clusters to draw from with replacement, C draws a resample.
        num_resamples: B, number of resamples.
        rng: Source of randomness.

    Returns:
        `(B, C)` float64 counts; every row sums to C.
    """
    uniform = np.full(num_clusters, 1.0 / num_clusters)
    return np.asarray(rng.multinomial(num_clusters, uniform, size=num_resamples), dtype=np.float64)


def compute_resampled_accuracy(weights: FloatArray, right: FloatArray, total: FloatArray) -> FloatArray:
    """Accuracy in each bootstrap resample of clusters.

    Args:
        weights: `(B, C)` draws from `draw_cluster_weights`.
        right: `(C,)` right answers per cluster.
        total: `(C,)` images per cluster.

    Returns:
        `(B,)` fractions. A resample without any image is NaN, which cannot happen when every total is > 0.
    """
    images = weights @ total
    return np.divide(weights @ right, images, out=np.full(len(images), np.nan), where=images > 0)


def compute_percentile_interval(draws: FloatArray, *, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Percentile bootstrap interval of `(B,)` draws (Efron and Tibshirani 1993, chapter 13)."""
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return float(low), float(high)
