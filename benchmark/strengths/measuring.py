"""Accuracy by strength, and the failure point of each series."""

from __future__ import annotations

import numpy as np

from imagenet_g.benchmark.formats.strengths import (
    FailurePoint,
    StrengthPoint,
    StrengthRecord,
    SurvivalStep,
)
from imagenet_g.benchmark.records import Estimate
from imagenet_g.benchmark.statistics.accuracy import BoolArray, FloatArray, IntArray
from imagenet_g.benchmark.statistics.intervals import compute_wilson_interval
from imagenet_g.benchmark.statistics.survival import SurvivalCurve, compute_survival, find_median
from imagenet_g.benchmark.strengths.axis import Strengths


def measure_strengths(strengths: Strengths, correct: BoolArray, classes: IntArray) -> StrengthRecord:
    """What a model's answers are at each strength.

    Args:
        strengths: Of N images, at least one.
        correct: `(N,)` whether each is answered rightly; an image without an answer is not.
        classes: `(N,)` the class of each.

    Example:
        >>> ladder = Strengths(np.array([0.0, 1.0, 2.0]), ("a", "a", "a"))
        >>> found = measure_strengths(ladder, np.array([True, True, False]), np.array([3, 3, 3]))
        >>> [point.top1.value for point in found.points], found.failure.median
        ([1.0, 1.0, 0.0], 2.0)
    """
    found = np.unique(strengths.values)
    return StrengthRecord(
        points=tuple(_make_point(float(one), correct[strengths.values == one]) for one in found),
        failure=_measure_failure(strengths, correct, classes),
    )


def _make_point(strength: float, correct: BoolArray) -> StrengthPoint:
    right, n = int(correct.sum()), len(correct)
    return StrengthPoint(strength=strength, n=n, right=right, top1=estimate_accuracy(right, n))


def estimate_accuracy(part: int, total: int) -> Estimate:
    """A proportion with its Wilson interval.

    Args:
        part: Number of successes, 0 <= part <= total.
        total: Number of trials, > 0.

    Raises:
        InputError: The counts are impossible.

    Example:
        >>> estimate = estimate_accuracy(50, 100)
        >>> estimate.value, round(estimate.low, 4), round(estimate.high, 4), estimate.method
        (0.5, 0.4038, 0.5962, 'wilson')
    """
    low, high = compute_wilson_interval(part, total)
    return Estimate(value=part / total, low=low, high=high, method="wilson")


def _measure_failure(strengths: Strengths, correct: BoolArray, classes: IntArray) -> FailurePoint | None:
    if strengths.series is None:
        return None
    names, starts, units = np.unique(np.array(strengths.series), return_index=True, return_inverse=True)
    first_wrong, last = find_turns(strengths.values, units, correct, len(names))
    has_zero = np.zeros(len(names), dtype=np.bool_)
    has_zero[units[strengths.values == 0]] = True
    begins_at_zero = bool(has_zero.any())
    # With nothing at 0 in the whole split, the first strength of each series may turn its answer.
    followed = (has_zero | (not begins_at_zero)) & (first_wrong > 0) & (last > 0)
    if not followed.any():
        return None
    failed = np.isfinite(first_wrong[followed])
    curve = compute_survival(
        np.minimum(first_wrong, last)[followed], failed, clusters=classes[starts][followed]
    )
    wrong_at_zero, number = int((first_wrong == 0).sum()), int(followed.sum())
    median, low, high = find_median(curve)
    return FailurePoint(
        num_series=len(names),
        wrong_at_zero=wrong_at_zero,
        not_followed=len(names) - wrong_at_zero - number,
        followed=number,
        begins_at_zero=begins_at_zero,
        failed=int(failed.sum()),
        never=estimate_accuracy(number - int(failed.sum()), number),
        median=median,
        low=low,
        high=high,
        method=curve.method,
        steps=_list_steps(curve),
    )


def find_turns(
    values: FloatArray, units: IntArray, correct: BoolArray, num_units: int
) -> tuple[FloatArray, FloatArray]:
    """The strength at which each unit is first wrong, infinity for never, and its greatest strength.

    An answer that is right again at a greater strength has failed all the same.

    Args:
        values: `(N,)` strengths.
        units: `(N,)` the unit of each image, 0 .. num_units - 1, each of which has some.
        correct: `(N,)` whether it is answered rightly.
        num_units: S.

    Returns:
        Two `(S,)` arrays.

    Example:
        >>> first, last = find_turns(np.array([2.0, 0.0, 1.0, 0.0]), np.array([0, 0, 0, 1]),
        ...                          np.array([True, True, False, True]), 2)
        >>> first.tolist(), last.tolist()
        ([1.0, inf], [2.0, 0.0])
    """
    first, last = np.full(num_units, np.inf), np.zeros(num_units)
    np.minimum.at(first, units[~correct], values[~correct])
    np.maximum.at(last, units, values)
    return first, last


def _list_steps(curve: SurvivalCurve) -> tuple[SurvivalStep, ...]:
    return tuple(
        SurvivalStep(
            strength=float(curve.times[place]),
            at_risk=int(curve.at_risk[place]),
            failed=int(curve.failed[place]),
            survival=float(curve.survival[place]),
            low=float(curve.low[place]),
            high=float(curve.high[place]),
        )
        for place in range(len(curve.times))
    )
