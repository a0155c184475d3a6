"""The metrics of calibration, of proper scores and of selective prediction, with fast intervals.

Their intervals leave out one class at a time, like `CLASS_JACKKNIFE`. A general rule calls the metric once a
class, which takes minutes on 50,000 images of 1000 classes; here sums by class give the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.calibration.bins import (
    compute_debiased_ece,
    compute_ece,
    compute_largest_excess,
    sum_bins,
)
from imagenet_g.benchmark.calibration.selective import (
    compute_accuracy_at,
    compute_aurc,
    leave_out_of_accuracy,
    leave_out_of_aurc,
    sort_by_confidence,
)
from imagenet_g.benchmark.predictions.interval_rules import (
    CLASS_JACKKNIFE,
    Bounds,
    IntervalRule,
    MetricFunction,
    group_images,
    reach_by_jackknife,
)
from imagenet_g.benchmark.predictions.scored_images import ScoredImages
from imagenet_g.benchmark.statistics.accuracy import (
    NO_CLASS,
    BoolArray,
    FloatArray,
    compute_correct,
)

COVERAGE = 0.8
Units: TypeAlias = npt.NDArray[np.intp]
LeaveOut: TypeAlias = Callable[[ScoredImages, Units, int], FloatArray]
"""From images, the unit of each and the number of units to the metric without each unit."""


def make_rule(leave_out: LeaveOut) -> IntervalRule:
    """`CLASS_JACKKNIFE` with the values without each class from one function, and not from many calls."""

    def bound(images: ScoredImages, value: float, function: MetricFunction) -> Bounds:
        half = reach_over_units(images, leave_out)
        return None if not half else (value - half, value + half)

    return IntervalRule(CLASS_JACKKNIFE.name, bound)


def reach_over_units(images: ScoredImages, leave_out: LeaveOut) -> float | None:
    """Half the length of an interval: over the classes, and at least over twenty groups within them.

    Returns:
        None with fewer than two classes.
    """
    classes, units = np.unique(images.classes, return_inverse=True)
    groups, num_groups = group_images(images.classes)
    if len(classes) < 2:
        return None
    reaches = [
        reach_by_jackknife(values[np.isfinite(values)])
        for values in (leave_out(images, units, len(classes)), leave_out(images, groups, num_groups))
        if np.isfinite(values).sum() > 1
    ]
    return max(reaches, default=None)


def compute_ece_of(images: ScoredImages) -> float | None:
    """Expected calibration error of the first answer; images without one are left out."""
    return _sum_to_one(images, compute_ece)


def compute_debiased_ece_of(images: ScoredImages) -> float | None:
    """The same without what chance adds to it."""
    return _sum_to_one(images, compute_debiased_ece)


def _sum_to_one(images: ScoredImages, function: Callable[[FloatArray], FloatArray]) -> float | None:
    if not images.has_probabilities:
        return None
    sums = _sum_bins(images, np.zeros(len(images), dtype=np.intp), 1)
    return float(function(sums)[0]) if sums[0, 0].any() else None


def _sum_bins(images: ScoredImages, units: Units, num_units: int) -> FloatArray:
    answered, confidence, correct = _list_answers(images)
    return sum_bins(confidence[answered], correct[answered], units[answered], num_units)


def _list_answers(images: ScoredImages) -> tuple[BoolArray, FloatArray, BoolArray]:
    """Whether an image has an answer, the probability of the first one, and whether it is right."""
    top5 = images.top5
    answered: BoolArray = top5.indices[:, 0] != NO_CLASS
    return (
        answered,
        top5.probabilities[:, 0].astype(np.float64),
        compute_correct(top5.indices, images.labels, k=1),
    )


def _leave_out_of_ece(images: ScoredImages, units: Units, num_units: int) -> FloatArray:
    sums = _sum_bins(images, units, num_units)
    with np.errstate(invalid="ignore"):
        # NaN where nothing is left.
        return compute_ece(sums.sum(axis=0) - sums)


def _bound_ece(images: ScoredImages, value: float, function: MetricFunction) -> Bounds:
    """From the plain error down by all that chance may have added to it, and a reach on either side.

    A reach alone, around the plain error, would leave out the truth of every model that is calibrated, and
    around the debiased one it would for most of them.
    """
    half = reach_over_units(images, _leave_out_of_ece)
    if not half:
        return None
    classes, units = np.unique(images.classes, return_inverse=True)
    sums = _sum_bins(images, units, len(classes))
    plain = float(compute_ece(sums.sum(axis=0)))
    return max(plain - compute_largest_excess(sums) - half, 0.0), plain + half


ECE_RULE = IntervalRule("class-jackknife-excess", _bound_ece)
"""Of both estimates: the reach of `CLASS_JACKKNIFE`, and downwards the excess by chance as well."""


def compute_nll(images: ScoredImages) -> float | None:
    """Mean of -log p of the right answer; None where it is not stored, or where some p is 0."""
    return _average(_list_losses(images))


def compute_brier(images: ScoredImages) -> float | None:
    """Mean of S - 2 p + 1, the squared distance of all probabilities from the right ones (Brier 1950)."""
    return _average(_list_brier(images))


def _average(losses: FloatArray | None) -> float | None:
    known = None if losses is None else losses[~np.isnan(losses)]
    return None if known is None or not len(known) or not np.isfinite(known).all() else float(known.mean())


def _list_losses(images: ScoredImages) -> FloatArray | None:
    sums = images.top5.sums
    return None if sums is None else -sums.log_label.astype(np.float64)


def _list_brier(images: ScoredImages) -> FloatArray | None:
    sums = images.top5.sums
    if sums is None:
        return None
    scores: FloatArray = sums.squares.astype(np.float64) - 2 * np.exp(sums.log_label.astype(np.float64)) + 1
    # A certain and right answer is 0 up to the rounding of float32.
    return np.maximum(scores, 0)


def _leave_out_of_mean(list_values: Callable[[ScoredImages], FloatArray | None]) -> LeaveOut:
    def leave_out(images: ScoredImages, units: Units, num_units: int) -> FloatArray:
        values = list_values(images)
        if values is None:
            return np.empty(0)
        known = ~np.isnan(values)
        total = np.bincount(units[known], values[known], minlength=num_units)
        count = np.bincount(units[known], minlength=num_units)
        with np.errstate(invalid="ignore", divide="ignore"):
            left: FloatArray = (total.sum() - total) / (count.sum() - count)
        return left

    return leave_out


def compute_aurc_of(images: ScoredImages) -> float | None:
    """Area under the risk-coverage curve; an image without an answer is wrong, and comes last."""
    return None if not images.has_probabilities else compute_aurc(*_sort(images)[1:])


def compute_selective_accuracy(images: ScoredImages) -> float | None:
    """Accuracy on the most confident 80 % of the images; one without an answer comes last."""
    return (
        None if not images.has_probabilities else compute_accuracy_at(*_sort(images)[1:], coverage=COVERAGE)
    )


def _sort(images: ScoredImages) -> tuple[Units, FloatArray, FloatArray]:
    """The order by confidence, highest first, with confidences and wrong answers in it."""
    answered, confidence, correct = _list_answers(images)
    # Below every answer, of which the least confident one of 1000 classes has 0.001.
    confidence = np.where(answered, confidence, -1.0)
    return (np.argsort(-confidence, kind="stable"), *sort_by_confidence(confidence, correct))


def _leave_out_of_aurc(images: ScoredImages, units: Units, num_units: int) -> FloatArray:
    order, confidence, wrong = _sort(images)
    return leave_out_of_aurc(confidence, wrong, units[order], num_units)


def _leave_out_of_accuracy(images: ScoredImages, units: Units, num_units: int) -> FloatArray:
    order, confidence, wrong = _sort(images)
    return leave_out_of_accuracy(confidence, wrong, units[order], num_units, coverage=COVERAGE)


NLL_RULE = make_rule(_leave_out_of_mean(_list_losses))
BRIER_RULE = make_rule(_leave_out_of_mean(_list_brier))
AURC_RULE = make_rule(_leave_out_of_aurc)
SELECTIVE_RULE = make_rule(_leave_out_of_accuracy)
