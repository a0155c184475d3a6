"""What no honest run can break in stored answers, each row by itself."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.answers.top_five import OutputSums, TopFive
from imagenet_g.benchmark.classes import NUM_CLASSES
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS

_ROUNDING = 1e-5
"""Of float32 in a probability of about 1, and of a log relative to its size."""
_SUM_ROUNDING = 1e-3
"""Of the sum of five probabilities: a softmax in half precision is off by that much."""
_LEAST = 1e-30
"""Smaller probabilities are subnormal in float32, or 0."""
ALL_CLASSES = tuple(range(NUM_CLASSES))
FloatArray = npt.NDArray[np.float64]


def check_top_five(
    top5: TopFive,
    labels: npt.NDArray[np.int16],
    *,
    source: str,
    classes: tuple[int, ...] = ALL_CLASSES,
) -> None:
    """Check the answers of one class set.

    Args:
        top5: The answers.
        labels: `(N, L)` acceptable classes, padded with -1.
        source: What the answers are called in a message.
        classes: The class set.

    Raises:
        DataError: Classes outside 0..999 or repeated, probabilities outside [0, 1], increasing or together
            above 1, or sums that do not follow from any outputs with these best five.
    """
    indices, probabilities = top5.indices, top5.probabilities
    if ((indices < NO_CLASS) | (indices > NUM_CLASSES - 1)).any():
        raise DataError(f"'{source}' predicts classes outside 0..999.")
    if not np.isfinite(probabilities).all() or ((probabilities < 0) | (probabilities > 1)).any():
        raise DataError(f"'{source}' has probabilities outside [0, 1].")
    if (probabilities.sum(axis=1, dtype=np.float64) > 1 + _SUM_ROUNDING).any():
        raise DataError(f"'{source}' has five probabilities of one image that are together above 1.")
    # Equal ones are allowed: ties are in the order of the classes.
    if (np.diff(probabilities, axis=1) > 0).any():
        raise DataError(f"'{source}' has a top-5 that is not sorted by probability.")
    ordered = np.sort(indices, axis=1)
    if ((np.diff(ordered, axis=1) == 0) & (ordered[:, 1:] != NO_CLASS)).any():
        raise DataError(f"'{source}' predicts one class twice for one image.")
    if top5.sums is not None:
        _check_sums(top5, top5.sums, labels, source, classes)


def _check_sums(
    top5: TopFive, sums: OutputSums, labels: npt.NDArray[np.int16], source: str, classes: tuple[int, ...]
) -> None:
    present = top5.indices[:, 0] != NO_CLASS
    if ((np.isnan(sums.log_label) == present) | (np.isnan(sums.squares) == present)).any():
        raise DataError(f"'{source}' has sums over its outputs without an answer, or an answer without them.")
    rows = np.flatnonzero(present)
    top5, sums = top5.take(rows), sums.take(rows)
    log_label, squares = sums.log_label.astype(np.float64), sums.squares.astype(np.float64)
    if (log_label > 0).any():
        raise DataError(f"'{source}' has a probability of the right answer above 1.")
    least = (1 - _ROUNDING) / len(classes)
    if ((squares < least) | (squares > 1 + _ROUNDING)).any():
        raise DataError(f"'{source}' has sums of squared probabilities outside of 1/{len(classes)} to 1.")
    low, high, several = _bound_label(top5, labels[rows], classes)
    if (_is_below(log_label, low) | _is_below(_log(high), np.exp(log_label))).any():
        raise DataError(f"'{source}' has probabilities of the right answer that contradict its best five.")
    low, high = _bound_squares(top5, len(classes), np.where(several, np.exp(2 * log_label), 0))
    if ((squares < low - _ROUNDING) | (squares > high + _ROUNDING)).any():
        raise DataError(f"'{source}' has sums of squared probabilities that contradict its best five.")


def _bound_label(
    top5: TopFive, labels: npt.NDArray[np.int16], classes: tuple[int, ...]
) -> tuple[FloatArray, FloatArray, npt.NDArray[np.bool_]]:
    """Least and greatest probability that the right answer can have; whether several classes are right."""
    right = np.where(np.isin(labels, classes), labels, NO_CLASS)
    same = (top5.indices[:, :, None] == right[:, None, :]) & (right[:, None, :] != NO_CLASS)
    probabilities = top5.probabilities.astype(np.float64)
    low = np.where(same.any(axis=2), probabilities, 0).sum(axis=1)
    outside = ((right != NO_CLASS) & ~same.any(axis=1)).sum(axis=1)
    # A class that is not among the best five has at most the probability of the fifth, and of what is left.
    high = low + np.minimum(outside * probabilities[:, -1], _count_rest(probabilities) + _ROUNDING)
    return low, high, (right != NO_CLASS).sum(axis=1) > 1


def _bound_squares(top5: TopFive, num_classes: int, merged: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Least and greatest sum of squares: the rest spread over all others, or in as few as it can be."""
    probabilities = top5.probabilities.astype(np.float64)
    leading, rest = (probabilities**2).sum(axis=1), _count_rest(probabilities)
    spread = rest**2 / max(num_classes - probabilities.shape[1], 1)
    return leading + spread, leading + rest * probabilities[:, -1] + merged


def _count_rest(probabilities: FloatArray) -> FloatArray:
    rest: FloatArray = np.maximum(1 - probabilities.sum(axis=1), 0)
    return rest


def _log(values: FloatArray) -> FloatArray:
    logs: FloatArray = np.log(np.maximum(values, _LEAST))
    return logs


def _is_below(log: FloatArray, least: FloatArray) -> npt.NDArray[np.bool_]:
    """Whether a log lies below that of a probability by more than rounding; tiny ones all pass."""
    bound = _log(least)
    return (least > _LEAST) & (log < bound - _ROUNDING * (1 + np.abs(bound)))
