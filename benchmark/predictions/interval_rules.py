"""How the interval of a metric is computed: a metric's row names one of these rules.

Images of one class are not independent, so every rule but Wilson's takes the classes as the units that vary.
Classes that happen to be alike show no spread where there is doubt all the same, so no such interval is
shorter than the one from chance within classes. Earlier results name a rule without that; it is kept, so that
they can be computed again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.predictions.scored_images import ScoredImages
from imagenet_g.benchmark.statistics.accuracy import FloatArray
from imagenet_g.benchmark.statistics.intervals import (
    BOOTSTRAP_SEED,
    compute_wilson_interval,
    find_student_quantile,
)
from imagenet_g.benchmark.statistics.within import bound_within_classes, widen

MetricFunction: TypeAlias = Callable[[ScoredImages], float | None]
"""From images to a value; None where the predictions do not hold what the metric needs."""
Bounds: TypeAlias = tuple[float, float] | None
NUM_GROUPS = 20
"""Groups of images left out in turn; so many give a spread with 19 degrees of freedom."""


@dataclass(frozen=True, slots=True)
class IntervalRule:
    """A way to an interval.

    Attributes:
        name: Written into the result as `method`.
        compute: From the images, the metric's value on them and the metric's function to the bounds; None
            where there are too few classes.
        earlier: The rule that results written before this one name; None where it never changed.
    """

    name: str
    compute: Callable[[ScoredImages, float, MetricFunction], Bounds]
    earlier: IntervalRule | None = None


def _bound_proportion(images: ScoredImages, value: float, function: MetricFunction) -> Bounds:
    return compute_wilson_interval(round(value * len(images)), len(images))


def _bound_class_means(images: ScoredImages, value: float, function: MetricFunction) -> Bounds:
    means, _ = _compute_class_means(images, function)
    if len(means) < 2:
        return None
    if np.ptp(means) == 0:
        # All classes alike, as where all answers are right: the classes show no spread where there is doubt.
        return _bound_proportion(images, value, function) if value in (0.0, 1.0) else None
    half = _reach_over_classes(means)
    return value - half, value + half


def _bound_class_means_widened(images: ScoredImages, value: float, function: MetricFunction) -> Bounds:
    means, totals = _compute_class_means(images, function)
    if len(means) < 2:
        return None
    half = _reach_over_classes(means)
    # Only for a share is p (1 - p) the variance of one image, or more than it where images count in part.
    if means.min() < 0 or means.max() > 1:
        return (value - half, value + half) if half else None
    least = bound_within_classes(means * totals, totals, weights=np.full(len(means), 1 / len(means)))
    return widen((value - half, value + half), least)


def _compute_class_means(images: ScoredImages, function: MetricFunction) -> tuple[FloatArray, FloatArray]:
    """Value of each class that has one, and its number of images: two `(C,)` arrays."""
    # The function of one class alone is that class's own value, and the metric is their mean.
    order = np.argsort(images.classes, kind="stable")
    starts = np.flatnonzero(np.diff(images.classes[order])) + 1
    rows = np.split(order, starts)
    found = [(function(images.take(some)), len(some)) for some in rows]
    known = [(mean, total) for mean, total in found if mean is not None]
    means, totals = np.array(known, dtype=np.float64).reshape(-1, 2).T
    return means, totals


def _reach_over_classes(means: FloatArray) -> float:
    return find_student_quantile(len(means) - 1) * float(means.std(ddof=1)) / math.sqrt(len(means))


def _bound_by_jackknife(images: ScoredImages, value: float, function: MetricFunction) -> Bounds:
    classes = np.unique(images.classes)
    if len(classes) < 2:
        return None
    # Whole classes and not images: those of one class are right or wrong together.
    left_out = [function(images.take(np.flatnonzero(images.classes != one))) for one in classes]
    values = np.array([found for found in left_out if found is not None])
    if len(values) < 2:
        return None
    half = reach_by_jackknife(values)
    return value - half, value + half


def _bound_by_jackknife_widened(images: ScoredImages, value: float, function: MetricFunction) -> Bounds:
    bounds = _bound_by_jackknife(images, value, function)
    if bounds is None:
        return None
    left_out = [function(images.take(rows)) for rows in _leave_out_groups(images)]
    values = np.array([found for found in left_out if found is not None])
    half = reach_by_jackknife(values) if len(values) > 1 else 0.0
    low, high = widen(bounds, (value - half, value + half))
    # A function of any kind has no binomial noise to fall back on: where nothing varies, nothing is known.
    return (low, high) if low < high else None


def _leave_out_groups(images: ScoredImages) -> Iterator[npt.NDArray[np.intp]]:
    """Rows that are left when one of `NUM_GROUPS` groups is taken out, each with a like share of every class.

    The delete-a-group jackknife in strata (Kott 2001): few calls of the function, and what they vary by is
    chance within classes.
    """
    groups, number = group_images(images.classes)
    for group in range(number):
        yield np.flatnonzero(groups != group)


def group_images(classes: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.intp], int]:
    """`(N,)` the group of each image, with a like share of every class, and the number of groups.

    >>> groups, number = group_images(np.repeat([3, 7], 40))
    >>> number, np.bincount(groups[:40]).tolist() == [2] * 20
    (20, True)
    """
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    # Mixed first, because files may list the images of a class in an order that means something.
    mixed = rng.permutation(len(classes))
    order = mixed[np.argsort(classes[mixed], kind="stable")]
    number = min(NUM_GROUPS, len(order))
    groups = np.empty(len(order), dtype=np.intp)
    groups[order] = np.arange(len(order)) % number
    return groups, number


def reach_by_jackknife(values: FloatArray) -> float:
    """Half the length of an interval, from the values with one unit left out each."""
    return find_student_quantile(len(values) - 1) * math.sqrt(compute_jackknife_variance(values))


def compute_jackknife_variance(values: FloatArray) -> float:
    """Variance of an estimate from its `(C,)` values with one of C clusters left out (Efron and Stein 1981).

    >>> means = np.array([0.2, 0.4, 0.9])
    >>> left_out = np.array([0.65, 0.55, 0.3])
    >>> bool(np.isclose(compute_jackknife_variance(left_out), means.var(ddof=1) / 3))
    True
    """
    return float((len(values) - 1) / len(values) * ((values - values.mean()) ** 2).sum())


WILSON = IntervalRule("wilson", _bound_proportion)
"""For a share of the images (Wilson 1927)."""
CLASS_MEANS = IntervalRule(
    "class-t-widened", _bound_class_means_widened, earlier=IntervalRule("class-t", _bound_class_means)
)
"""For a share averaged over classes: Student's t over the classes, and at least `bound_within_classes`."""
CLASS_JACKKNIFE = IntervalRule(
    "class-jackknife-widened",
    _bound_by_jackknife_widened,
    earlier=IntervalRule("class-jackknife", _bound_by_jackknife),
)
"""For anything else: one class left out at a time, with Student's t, and at least what leaving out one of
twenty groups of images gives; calls the function once a class and once a group."""
NO_INTERVAL = IntervalRule("none", lambda images, value, function: None)
