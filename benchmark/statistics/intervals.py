"""How far a number could be off: Wilson intervals and the class-clustered bootstrap.

Images of one class are not independent (a model that has not learnt a class fails on all of them), so a
bootstrap resamples whole classes. Images made from one source photograph lie within one class, so drawing
classes keeps them together too (Davison and Hinkley 1997, section 3.8).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.accuracy import FloatArray

CONFIDENCE = 0.95
# So many that a bound at 2.5 % rests on 25 draws and not on a few.
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
    # On paper the bounds stay within [0, 1]; rounding carries them out at 0 and at n.
    return max(0.0, centre - half), min(1.0, centre + half)


def find_student_quantile(freedom: float, *, confidence: float = CONFIDENCE) -> float:
    """Student's t that leaves half of `1 - confidence` above it; the normal quantile at infinity.

    Args:
        freedom: Degrees of freedom, > 0.
        confidence: In (0, 1).

    Example:
        >>> round(find_student_quantile(9), 3), round(find_student_quantile(math.inf), 3)
        (2.262, 1.96)
    """
    # Not scipy.stats, whose import takes longer than the whole computation.
    from scipy.special import stdtrit

    if math.isinf(freedom):
        return NormalDist().inv_cdf(0.5 + confidence / 2)
    return float(stdtrit(freedom, 0.5 + confidence / 2))


def compute_difference_interval(
    first: tuple[float, float, float], second: tuple[float, float, float]
) -> tuple[float, float]:
    """Interval of first less second, each given as value, low, high and independent of the other.

    Source: Newcombe 1998, method 10 (for Wilson intervals); Zou and Donner 2008 for any interval (MOVER).

    Example:
        >>> [round(bound, 3) for bound in compute_difference_interval((0.8, 0.77, 0.83), (0.7, 0.66, 0.74))]
        [0.05, 0.15]
    """
    (value, low, high), (other, other_low, other_high) = first, second
    below, above = math.hypot(value - low, other_high - other), math.hypot(high - value, other - other_low)
    return value - other - below, value - other + above


def draw_cluster_weights(num_clusters: int, *, num_resamples: int, rng: np.random.Generator) -> FloatArray:
    """How often each cluster is drawn in each bootstrap resample.

    Args:
        num_clusters: C, number of clusters to draw from with replacement, C draws a resample.
        num_resamples: B, number of resamples.
        rng: Source of randomness.

    Returns:
        `(B, C)` float64 counts; every row sums to C.

    Example:
        >>> weights = draw_cluster_weights(3, num_resamples=2, rng=np.random.default_rng(0))
        >>> weights.shape, weights.sum(axis=1).tolist()
        ((2, 3), [3.0, 3.0])
    """
    # Counts and not lists of drawn clusters: a resample is then one row of a matrix product.
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

    Example:
        >>> weights = np.array([[1.0, 1.0], [2.0, 0.0]])  # each class once; the first one twice
        >>> compute_resampled_accuracy(weights, np.array([4.0, 1.0]), np.array([5.0, 5.0])).tolist()
        [0.5, 0.8]
    """
    images = weights @ total
    accuracy = np.full(len(images), np.nan)
    np.divide(weights @ right, images, out=accuracy, where=images > 0)
    return accuracy


def compute_percentile_interval(draws: FloatArray, *, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Percentile bootstrap interval of `(B,)` draws (Efron and Tibshirani 1993, chapter 13).

    Example:
        >>> compute_percentile_interval(np.arange(101.0), confidence=0.5)
        (25.0, 75.0)
    """
    tail = (1 - confidence) / 2
    # NaN is a resample without images; it is left out, not counted as an accuracy of 0.
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return float(low), float(high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """One source of uncertainty in a bootstrap.

    Attributes:
        draws: `(B,)` the estimate with only this source redrawn.
        inflation: What the bootstrap variance must be multiplied by to be unbiased, >= 1.
        freedom: Degrees of freedom, > 0; infinity for independent images.
    """

    draws: FloatArray
    inflation: float = 1.0
    freedom: float = math.inf


def make_cluster_spread(draws: FloatArray, num_clusters: int) -> Spread:
    """The spread of a bootstrap over C clusters: its variance is (C - 1) / C too small."""
    return Spread(draws=draws, inflation=num_clusters / (num_clusters - 1), freedom=num_clusters - 1)


def compute_bootstrap_interval(
    value: float, draws: FloatArray, *, parts: Sequence[Spread], confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Percentile interval stretched about the estimate by what few clusters cost it.

    With few clusters the percentile interval is too short twice over: its variance is too small, and it takes
    normal quantiles where Student's t belongs (Hesterberg 2015, section 5.2). Over the sources of uncertainty
    the variances add up and the degrees of freedom follow Satterthwaite 1946.

    Args:
        value: The estimate.
        draws: `(B,)` the estimate with every source redrawn; NaN is left out.
        parts: Each source redrawn on its own.
        confidence: Nominal coverage in (0, 1).

    Returns:
        Lower and upper bound; both `value` where nothing varies.

    Example:
        >>> compute_bootstrap_interval(0.5, np.full(10, 0.5), parts=[Spread(draws=np.full(10, 0.5))])
        (0.5, 0.5)
    """
    low, high = compute_percentile_interval(draws, confidence=confidence)
    stretch = compute_stretch(parts, confidence=confidence)
    # Draws may be so skewed that both percentiles lie on one side of the estimate; the interval must hold it.
    return min(value, value + stretch * (low - value)), max(value, value + stretch * (high - value))


def compute_clustered_interval(
    value: float, draws: FloatArray, num_clusters: int, *, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """`compute_bootstrap_interval` where `num_clusters` >= 2 clusters are all that was redrawn."""
    return compute_bootstrap_interval(
        value, draws, parts=(make_cluster_spread(draws, num_clusters),), confidence=confidence
    )


def compute_stretch(parts: Sequence[Spread], *, confidence: float = CONFIDENCE) -> float:
    """Student's t over the normal quantile, times the root of the variance's inflation; >= 1.

    Example:
        >>> draws = np.array([0.4, 0.5, 0.6])
        >>> compute_stretch([Spread(draws=draws)])  # independent images: the normal quantile is right
        1.0
        >>> round(compute_stretch([make_cluster_spread(draws, 2)]), 2)  # two classes only
        9.17
    """
    # Not scipy.stats, whose import takes longer than the whole computation.
    from scipy.special import stdtrit

    raw = [float(np.nanvar(part.draws)) for part in parts]
    total = sum(raw)
    if total == 0:
        return 1.0
    inflated = [variance * part.inflation for variance, part in zip(raw, parts, strict=True)]
    pieces = [square**2 / part.freedom for square, part in zip(inflated, parts, strict=True)]
    # Independent images have infinite freedom: they add to the variance and nothing to this sum.
    freedom = sum(inflated) ** 2 / sum(pieces) if sum(pieces) > 0 else math.inf
    normal = NormalDist().inv_cdf(0.5 + confidence / 2)
    student = normal if math.isinf(freedom) else float(stdtrit(freedom, 0.5 + confidence / 2))
    return student / normal * math.sqrt(sum(inflated) / total)
