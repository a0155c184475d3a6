"""Selective prediction: how often a model is wrong on the images that it is most confident about.

Answers of equal confidence have no order; each number here is its mean over all orders of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.statistics.accuracy import BoolArray, FloatArray

IntArray = npt.NDArray[np.intp]
MAX_TABLE = 5_000_000
"""Numbers in a table; 40 MB. ImageNet-val has half as many: 50 images a class, 50,000 in all."""


def sort_by_confidence(confidence: FloatArray, correct: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Confidences from the highest to the lowest, and 1 for each wrong answer: two `(N,)` arrays.

    Example:
        >>> [one.tolist() for one in sort_by_confidence(np.array([0.2, 0.9]), np.array([False, True]))]
        [[0.9, 0.2], [0.0, 1.0]]
    """
    order = np.argsort(-confidence, kind="stable")
    return confidence[order], (~correct[order]).astype(np.float64)


def compute_aurc(confidence: FloatArray, wrong: FloatArray) -> float:
    """Area under the risk-coverage curve: the share of wrong answers, averaged over every coverage.

    Geifman and El-Yaniv (2017), "Selective Classification for Deep Neural Networks": the mean over k = 1 to N
    of the error among the k most confident answers. 0 is best.

    Args:
        confidence: `(N,)` from the highest to the lowest, N at least 1.
        wrong: `(N,)` 1 for a wrong answer, else 0, in the same order.

    Example:
        >>> compute_aurc(np.array([0.9, 0.5]), np.array([0.0, 1.0]))  # (0 + 1/2) / 2
        0.25
    """
    return float((np.cumsum(_spread_ties(confidence, wrong)) / np.arange(1, len(wrong) + 1)).mean())


def compute_accuracy_at(confidence: FloatArray, wrong: FloatArray, *, coverage: float) -> float:
    """Accuracy on the most confident share of the images.

    Args:
        confidence: As `compute_aurc`.
        wrong: As `compute_aurc`.
        coverage: The share, above 0; of a fraction of an image, the whole image counts.

    Example:
        >>> compute_accuracy_at(np.array([0.9, 0.8, 0.3]), np.array([0.0, 1.0, 1.0]), coverage=0.5)
        0.5
    """
    kept = _count_kept(len(wrong), coverage)
    return float(1 - _spread_ties(confidence, wrong)[:kept].mean())


def leave_out_of_aurc(
    confidence: FloatArray, wrong: FloatArray, units: IntArray, num_units: int
) -> FloatArray:
    """`compute_aurc` without each unit in turn.

    With harmonic numbers H the area is the mean of `wrong[i] (H[N] - H[i])`. Without a unit of m images an
    image moves up by the number of them in front of it, 0 to m. One running sum for each such number gives
    every area by look-ups; where that table would be large, units are few and each area is computed anew.
    Where answers of equal confidence lose some images, the rest of them is wrong by another share.

    Args:
        confidence: As `compute_aurc`.
        wrong: As `compute_aurc`.
        units: `(N,)` the unit of each image in this order, 0 to U - 1.
        num_units: U.

    Returns:
        `(U,)`; NaN where nothing is left.
    """
    sizes = np.bincount(units, minlength=num_units)
    if sizes.max() * len(wrong) > MAX_TABLE:
        kept = (units != unit for unit in range(num_units))
        return np.array(
            [compute_aurc(confidence[rows], wrong[rows]) if rows.any() else np.nan for rows in kept]
        )
    table = _sum_by_shift(_spread_ties(confidence, wrong), int(sizes.max()))
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, len(wrong) + 1))])
    running, ties = np.concatenate([[0.0], np.cumsum(harmonic)]), _find_ties(confidence, wrong)
    found = np.full(num_units, np.nan)
    for unit, places in enumerate(_list_places(units, sizes)):
        if left := len(wrong) - len(places):
            starts, rest, changes = ties.leave_out(places)
            weights = rest * harmonic[left] - (running[starts + rest] - running[starts])
            found[unit] = _sum_segments(table, places, harmonic, len(wrong)) + changes @ weights / left
    return found


def _sum_by_shift(wrong: FloatArray, shifts: int) -> FloatArray:
    """`(shifts + 1, 2, N + 1)` running sums of wrong[i] and of wrong[i] H[i - shift]."""
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, len(wrong) + 1))])
    table = np.zeros((shifts + 1, 2, len(wrong) + 1))
    for shift in range(shifts + 1):
        moved = harmonic[np.maximum(np.arange(len(wrong)) - shift, 0)]
        table[shift, 0, 1:] = np.cumsum(wrong)
        table[shift, 1, 1:] = np.cumsum(wrong * moved)
    return table


def _sum_segments(table: FloatArray, places: IntArray, harmonic: FloatArray, number: int) -> float:
    """The area without the images at some places: sums over the stretches between them."""
    left = number - len(places)
    starts, stops = np.append(-1, places) + 1, np.append(places, number)
    shifts = np.arange(len(starts))
    errors, weighted = (table[shifts, :, stops] - table[shifts, :, starts]).sum(axis=0)
    return float((errors * harmonic[left] - weighted) / left)


def leave_out_of_accuracy(
    confidence: FloatArray, wrong: FloatArray, units: IntArray, num_units: int, *, coverage: float
) -> FloatArray:
    """`compute_accuracy_at` without each unit in turn; arguments and result as `leave_out_of_aurc`."""
    spread = _spread_ties(confidence, wrong)
    errors = np.concatenate([[0.0], np.cumsum(spread)])
    sizes, ties = np.bincount(units, minlength=num_units), _find_ties(confidence, wrong)
    found = np.full(num_units, np.nan)
    for unit, places in enumerate(_list_places(units, sizes)):
        if left := len(wrong) - len(places):
            starts, rest, changes = ties.leave_out(places)
            kept = _count_kept(left, coverage)
            # An image of the unit lies in front of the last one kept if fewer than all kept lie before it.
            passed = int(np.searchsorted(places - np.arange(len(places)), kept))
            changed = changes @ np.clip(kept - starts, 0, rest)
            found[unit] = 1 - (errors[kept + passed] - spread[places[:passed]].sum() + changed) / kept
    return found


def _list_places(units: IntArray, sizes: IntArray) -> list[IntArray]:
    """Places of each unit's images, in order."""
    return np.split(np.argsort(units, kind="stable"), np.cumsum(sizes)[:-1])


def _count_kept(number: int, coverage: float) -> int:
    # Less a rounding error, or 0.8 of 5 images could be 5.
    return max(1, math.ceil(coverage * number - 1e-9))


def _spread_ties(confidence: FloatArray, wrong: FloatArray) -> FloatArray:
    """Wrong answers spread evenly over answers of equal confidence."""
    starts = np.flatnonzero(np.diff(confidence, prepend=np.inf))
    if len(starts) == len(wrong):
        return wrong
    sizes = np.diff(starts, append=len(wrong))
    return np.repeat(np.add.reduceat(wrong, starts) / sizes, sizes)


@dataclass(frozen=True, slots=True)
class _Ties:
    """Runs of equal confidence, R of them, one answer alone being one too.

    Attributes:
        wrong: `(N,)` as in `compute_aurc`.
        run_of: `(N,)` the run of each answer.
        starts: `(R,)` place of its first answer.
        sizes: `(R,)` its number of answers.
        errors: `(R,)` how many of them are wrong.
    """

    wrong: FloatArray
    run_of: IntArray
    starts: IntArray
    sizes: IntArray
    errors: FloatArray

    def leave_out(self, places: IntArray) -> tuple[IntArray, IntArray, FloatArray]:
        """What leaving out the answers at some places does to the runs that keep others.

        Returns:
            Where each such run starts then, how many answers it keeps, and by how much the share of wrong
            ones among them changes.
        """
        runs, index, gone = np.unique(self.run_of[places], return_inverse=True, return_counts=True)
        rest = self.sizes[runs] - gone
        shares = self.errors[runs] / self.sizes[runs]
        errors = self.errors[runs] - np.bincount(index, self.wrong[places], minlength=len(runs))
        changes = errors / np.maximum(rest, 1) - shares
        starts = self.starts[runs] - np.searchsorted(places, self.starts[runs])
        some = rest > 0
        return starts[some], rest[some], changes[some]


def _find_ties(confidence: FloatArray, wrong: FloatArray) -> _Ties:
    starts = np.flatnonzero(np.diff(confidence, prepend=np.inf))
    sizes = np.diff(starts, append=len(wrong))
    runs = np.repeat(np.arange(len(starts)), sizes)
    return _Ties(wrong, runs, starts, sizes, np.add.reduceat(wrong, starts))
