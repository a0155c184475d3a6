"""How the interval of a metric is computed: a metric's row names one of these rules.

Images of one class are not independent, so every rule but Wilson's takes the classes as the units that vary.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from imagenet_g.benchmark.predictions.scored_images import ScoredImages
from imagenet_g.benchmark.statistics.accuracy import FloatArray
from imagenet_g.benchmark.statistics.intervals import CONFIDENCE, compute_wilson_interval

MetricFunction: TypeAlias = Callable[[ScoredImages], float | None]
"""From images to a value; None where the predictions do not hold what the metric needs."""
Bounds: TypeAlias = tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class IntervalRule:
    """A way to an interval.

    Attributes:
        name: Written into the result as `method`.
        compute: From the images, the metric's value on them and the metric's function to the bounds; None
            where there are too few classes.
    """

    name: str
    compute: Callable[[ScoredImages, float, MetricFunction], Bounds]


def _bound_proportion(images: ScoredImages, value: float, function: MetricFunction) -> Bounds:
    return compute_wilson_interval(round(value * len(images)), len(images))


def _bound_class_means(images: ScoredImages, value: float, function: MetricFunction) -> Bounds:
    # The function of one class alone is that class's own value, and the metric is their mean.
    order = np.argsort(images.classes, kind="stable")
    starts = np.flatnonzero(np.diff(images.classes[order])) + 1
    found = [function(images.take(rows)) for rows in np.split(order, starts)]
    means = np.array([mean for mean in found if mean is not None])
    if len(means) < 2:
        return None
    spread = float(means.std(ddof=1)) / math.sqrt(len(means))
    if spread == 0:
        # All classes alike, as where all answers are right: the classes show no spread where there is doubt.
        return _bound_proportion(images, value, function) if value in (0.0, 1.0) else None
    half = find_student_quantile(len(means) - 1) * spread
    return value - half, value + half


def _bound_by_jackknife(images: ScoredImages, value: float, function: MetricFunction) -> Bounds:
    classes = np.unique(images.classes)
    if len(classes) < 2:
        return None
    # Whole classes and not images: those of one class are right or wrong together.
    left_out = [function(images.take(np.flatnonzero(images.classes != one))) for one in classes]
    values = np.array([found for found in left_out if found is not None])
    if len(values) < 2:
        return None
    half = find_student_quantile(len(values) - 1) * math.sqrt(compute_jackknife_variance(values))
    return value - half, value + half


def compute_jackknife_variance(values: FloatArray) -> float:
    """Variance of an estimate from its `(C,)` values with one of C clusters left out (Efron and Stein 1981).

    >>> means = np.array([0.2, 0.4, 0.9])
    >>> left_out = np.array([0.65, 0.55, 0.3])
    >>> bool(np.isclose(compute_jackknife_variance(left_out), means.var(ddof=1) / 3))
    True
    """
    return float((len(values) - 1) / len(values) * ((values - values.mean()) ** 2).sum())


def find_student_quantile(freedom: int, *, confidence: float = CONFIDENCE) -> float:
    """Student's t that leaves half of `1 - confidence` above it.

    >>> round(find_student_quantile(9), 3)
    2.262
    """
    # Not scipy.stats, whose import takes longer than the whole computation.
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.5 + confidence / 2))


WILSON = IntervalRule("wilson", _bound_proportion)
"""For a share of the images (Wilson 1927)."""
CLASS_MEANS = IntervalRule("class-t", _bound_class_means)
"""For a share averaged over classes: Student's t over the classes."""
CLASS_JACKKNIFE = IntervalRule("class-jackknife", _bound_by_jackknife)
"""For anything else: one class left out at a time, with Student's t; calls the function once a class."""
NO_INTERVAL = IntervalRule("none", lambda images, value, function: None)
