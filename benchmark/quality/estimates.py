"""Values with their intervals: an image left out at a time within a class, whole classes resampled."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.quality.records import BoundedValue, ClassAverage
from imagenet_g.benchmark.statistics.accuracy import FloatArray, IntArray
from imagenet_g.benchmark.statistics.intervals import (
    BOOTSTRAP_SEED,
    NUM_RESAMPLES,
    compute_clustered_interval,
    draw_cluster_weights,
    find_student_quantile,
)
from imagenet_g.benchmark.statistics.within import bound_within_classes, widen

JACKKNIFE = "jackknife"
GROUP_JACKKNIFE = "class-group-jackknife"
CLASS_BOOTSTRAP = "class-bootstrap"
CLASS_BOOTSTRAP_WIDENED = "class-bootstrap-widened"
_STILL = 1e-14
"""What rounding leaves of a spread."""
NUM_CLASS_GROUPS = 20
"""Groups of classes left out in turn; so many give a spread with 19 degrees of freedom."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """A value with the half length of its interval.

    Attributes:
        value: The estimate.
        reach: Half the length; None where it is unknown.
    """

    value: float
    reach: float | None

    def record(self, method: str = JACKKNIFE) -> BoundedValue:
        """As it is stored; where nothing varies, nothing is known of the interval."""
        if self.reach is None or self.reach <= _STILL:
            return BoundedValue(value=self.value, low=None, high=None, method="none")
        return BoundedValue(
            value=self.value, low=self.value - self.reach, high=self.value + self.reach, method=method
        )


def compute_left_out_variance(values: FloatArray) -> float:
    """Variance of an estimate from its `(n,)` values with one unit left out each (Efron and Stein 1981).

    Example:
        >>> points = np.array([0.2, 0.4, 0.9])
        >>> left_out = (points.sum() - points) / 2
        >>> bool(np.isclose(compute_left_out_variance(left_out), points.var(ddof=1) / 3))
        True
    """
    return float((len(values) - 1) / len(values) * ((values - values.mean()) ** 2).sum())


def bound_one_sample(value: float, left_out: FloatArray) -> Bounds:
    """Interval of an estimate by Student's t, from its `(n,)` values with one unit left out each.

    Example:
        >>> points = np.array([1.0, 2.0, 3.0])
        >>> round(bound_one_sample(2.0, (6.0 - points) / 2).reach, 3)  # t with 2 degrees times 1 / root(3)
        2.484
    """
    if len(left_out) < 2:
        return Bounds(value, None)
    variance = compute_left_out_variance(left_out)
    return Bounds(value, find_student_quantile(len(left_out) - 1) * math.sqrt(variance))


def bound_two_samples(value: float, first: FloatArray, second: FloatArray) -> Bounds:
    """Interval of an estimate from two independent samples, each with one image left out at a time.

    The variances add up (Arvesen 1969); degrees of freedom follow Satterthwaite 1946.

    Args:
        value: The estimate.
        first: `(n,)` estimates with one image of the first sample left out, n >= 2.
        second: `(m,)` of the second.
    """
    parts = [(compute_left_out_variance(side), len(side) - 1) for side in (first, second)]
    total = sum(variance for variance, _ in parts)
    if total == 0:
        return Bounds(value, 0.0)
    # n + m - 2 degrees would be too many where one side varies far more than the other.
    freedom = total**2 / sum(variance**2 / degrees for variance, degrees in parts)
    return Bounds(value, find_student_quantile(freedom) * math.sqrt(total))


def average_classes(values: FloatArray) -> ClassAverage:
    """Mean over classes with its interval from resampling classes.

    Args:
        values: `(C,)` values of the classes, C >= 1.

    Example:
        >>> average_classes(np.array([0.25])).low is None  # one class: a value without an interval
        True
        >>> mean = average_classes(np.array([0.1, 0.2, 0.3]))
        >>> round(mean.value, 6), mean.low < 0.2 < mean.high
        (0.2, True)
    """
    value = float(values.mean())
    if len(values) < 2 or np.ptp(values) <= _STILL:
        return ClassAverage(value=value, low=None, high=None, method="none", num_classes=len(values))
    low, high = compute_clustered_interval(value, _draw_classes(values), len(values))
    return ClassAverage(value=value, low=low, high=high, method=CLASS_BOOTSTRAP, num_classes=len(values))


def bound_class_mean(values: FloatArray) -> BoundedValue:
    """`average_classes` of a value that is stored without the number of classes."""
    return BoundedValue.model_validate(average_classes(values).model_dump(exclude={"num_classes"}))


def bound_class_share(right: FloatArray, total: FloatArray) -> BoundedValue:
    """Mean over classes of a share of their images, with an interval that is never shorter than by chance.

    Classes that are all alike, as where every image counts, show no spread where there is doubt.

    Args:
        right: `(C,)` images that count, by class.
        total: `(C,)` images by class, all > 0.

    Example:
        >>> share = bound_class_share(np.full(10, 5.0), np.full(10, 5.0))  # 50 of 50
        >>> share.value, round(share.low, 3), share.high
        (1.0, 0.929, 1.0)
    """
    average = average_classes(right / total)
    weights = np.full(len(total), 1 / len(total))
    low, high = bound_within_classes(right, total, weights=weights)
    if average.low is not None and average.high is not None:
        low, high = widen((average.low, average.high), (low, high))
    # Resampled classes reach past the ends of a share, and rounding stops short of them.
    low, high = max(0.0, min(low, average.value)), min(1.0, max(high, average.value))
    return BoundedValue(value=average.value, low=low, high=high, method=CLASS_BOOTSTRAP_WIDENED)


def bound_class_ratio(first: FloatArray, second: FloatArray) -> BoundedValue | None:
    """Ratio of two means over the same classes, which are resampled in pairs; None where the second is 0.

    Args:
        first: `(C,)` values of the classes, C >= 1.
        second: `(C,)` values >= 0.

    Example:
        >>> ratio = bound_class_ratio(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 7.0]))
        >>> ratio.value, ratio.low < 0.5 < ratio.high
        (0.5, True)
    """
    if second.sum() <= 0:
        return None
    # Of sums: the mean of the classes' own ratios would hang on those whose reference is near 0.
    value = float(first.sum() / second.sum())
    if len(first) < 2:
        return BoundedValue(value=value, low=None, high=None, method="none")
    weights = draw_cluster_weights(
        len(first), num_resamples=NUM_RESAMPLES, rng=np.random.default_rng(BOOTSTRAP_SEED)
    )
    sums = weights @ second
    draws = np.full(len(sums), np.nan)
    np.divide(weights @ first, sums, out=draws, where=sums > 0)
    if np.nanmax(draws) - np.nanmin(draws) <= _STILL:
        return BoundedValue(value=value, low=None, high=None, method="none")
    low, high = compute_clustered_interval(value, draws, len(first))
    return BoundedValue(value=value, low=low, high=high, method=CLASS_BOOTSTRAP)


def _draw_classes(values: FloatArray) -> FloatArray:
    # The same draws of classes for every number of a report, so that differences between them are not noise.
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    weights = draw_cluster_weights(len(values), num_resamples=NUM_RESAMPLES, rng=rng)
    return np.asarray(weights @ values / len(values))


def group_classes(num_classes: int) -> IntArray | None:
    """`(C,)` group of each class, with as equal a share as can be; None for fewer than two classes.

    Example:
        >>> np.bincount(group_classes(50)).tolist() == [3] * 10 + [2] * 10
        True
        >>> group_classes(1) is None
        True
    """
    if num_classes < 2:
        return None
    # Mixed first: classes near each other in the order of ImageNet are alike.
    mixed = np.random.default_rng(BOOTSTRAP_SEED).permutation(num_classes)
    groups = np.empty(num_classes, dtype=np.intp)
    groups[mixed] = np.arange(num_classes) % min(NUM_CLASS_GROUPS, num_classes)
    return groups
