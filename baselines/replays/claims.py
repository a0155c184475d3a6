"""Whether the tables of a replay agree with the paper: differences, their intervals, a verdict. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imagenet_g.baselines.replays.records import Answer, ClaimRecord, ComparisonRecord, Verdict
from imagenet_g.baselines.replays.specs import ClaimSpec
from imagenet_g.benchmark.predictions.class_counts import SetCounts
from imagenet_g.benchmark.results import EffectiveRobustness, Entry
from imagenet_g.benchmark.statistics.accuracy import BoolArray
from imagenet_g.benchmark.statistics.gaps import compute_gap_interval
from imagenet_g.benchmark.statistics.intervals import (
    BOOTSTRAP_SEED,
    NUM_RESAMPLES,
    compute_difference_interval,
)
from imagenet_g.benchmark.statistics.observations import Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of a table, with what lies behind it.

    Attributes:
        row: Model or mixture.
        column: Split, as the table names it.
        entry: The numbers.
        counts: Right answers and images by class.
    """

    row: str
    column: str
    entry: Entry
    counts: SetCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The cells of a replay's tables."""

    gaps: Sequence[Cell]
    filtered: Sequence[Cell]
    training: Sequence[Cell]


def judge_claim(claim: ClaimSpec, tables: Tables) -> ClaimRecord:
    """Compare a claim with the tables."""
    comparisons = tuple(_LISTERS[claim.kind](claim, tables))
    return ClaimRecord(
        text=claim.text,
        source=claim.source,
        comparisons=comparisons,
        verdict=choose_verdict([comparison.answer for comparison in comparisons]),
    )


def choose_verdict(answers: Sequence[Answer]) -> Verdict:
    """One word for several answers: more than half must be alike, without a contrary one.

    Returns:
        "agrees" for more than half "yes" and no "no", "disagrees" for more than half "no" and no "yes",
        "mixed" for at least one of each, else "open".

    Example:
        >>> choose_verdict(["yes", "yes", "open"])
        'agrees'
        >>> choose_verdict(["yes", "yes", "no"])
        'mixed'
        >>> choose_verdict(["yes", "open"])  # half is not most
        'open'
    """
    yes, no = answers.count("yes"), answers.count("no")
    # Before the majority is counted: many cells that agree must not hide one significant contradiction.
    if yes and no:
        return "mixed"
    if 2 * yes > len(answers):
        return "agrees"
    return "disagrees" if 2 * no > len(answers) else "open"


def make_comparison(
    label: str, value: float, interval: tuple[float, float] | None, *, rises: bool
) -> ComparisonRecord:
    """A difference, and whether its interval lies on the expected side of 0.

    Example:
        >>> make_comparison("SD-L", -0.1, (-0.15, -0.05), rises=False).answer
        'yes'
        >>> make_comparison("SD-L", -0.1, (-0.25, 0.05), rises=False).answer
        'open'
    """
    # An interval that holds 0 stays open and is not a "no": a small split cannot show that two are equal.
    answer: Answer = "open"
    if interval is not None and not interval[0] <= 0 <= interval[1]:
        answer = "yes" if (interval[0] > 0) == rises else "no"
    return ComparisonRecord(
        label=label,
        value=value,
        # The bounds are the estimate plus and minus a stretched spread, which may leave [-1, 1]; the type of
        # the record refuses such a difference.
        low=None if interval is None else max(-1.0, interval[0]),
        high=None if interval is None else min(1.0, interval[1]),
        expected="above 0" if rises else "below 0",
        answer=answer,
    )


def compute_difference(
    first: SetCounts,
    second: SetCounts,
    *,
    nested: bool = False,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = BOOTSTRAP_SEED,
) -> tuple[float, tuple[float, float] | None]:
    """Accuracy of the first less that of the second on the classes both have, classes drawn together.

    Args:
        first: Right answers and images by class.
        second: Likewise; of the same classes, not of the same images.
        nested: Whether the images of one are among those of the other, as in a view by a filter.
        num_resamples: Bootstrap resamples.
        seed: Seed of the resampling.

    Returns:
        The difference and its 95 % interval, None with fewer than two shared classes.

    Example:
        >>> import numpy as np
        >>> total = np.array([10.0, 10.0, 0.0])
        >>> first = SetCounts(right=np.array([9.0, 7.0, 0.0]), total=total)
        >>> second = SetCounts(right=np.array([5.0, 3.0, 0.0]), total=total)
        >>> difference, (low, high) = compute_difference(first, second)
        >>> round(difference, 2), low <= 0.4 <= high
        (0.4, True)
    """
    # A filter can remove every image of a class. On unlike classes the difference would measure the classes.
    used = (first.total > 0) & (second.total > 0)
    if not used.any():
        return 0.0, None
    ours, theirs = _observe(first, used), _observe(second, used)
    # One draw of classes serves both sets. A class that is hard in one is hard in the other, and this pairing
    # is what makes the interval of the difference shorter than that of two independent accuracies.
    interval = compute_gap_interval(ours, theirs, nested=nested, num_resamples=num_resamples, seed=seed)
    return ours.top1 - theirs.top1, interval


def subtract_robustness(
    first: EffectiveRobustness, second: EffectiveRobustness
) -> tuple[float, tuple[float, float] | None]:
    """Effective robustness of the first less that of the second, intervals combined as if independent.

    Square-and-add (Zou and Donner 2008). Two models on the same images and line have correlated errors, so
    the interval is too wide rather than too narrow.
    """
    value = first.value - second.value
    if first.low is None or first.high is None or second.low is None or second.high is None:
        return value, None
    ours, theirs = (first.value, first.low, first.high), (second.value, second.low, second.high)
    return value, compute_difference_interval(ours, theirs)


def _observe(counts: SetCounts, used: BoolArray) -> Observation:
    right, total = counts.right[used], counts.total[used]
    return Observation(top1=float(right.sum() / total.sum()), n=int(total.sum()), right=right, total=total)


def _index(cells: Sequence[Cell]) -> dict[tuple[str, str], Cell]:
    return {(cell.row, cell.column): cell for cell in cells}


def _list_gaps(claim: ClaimSpec, tables: Tables) -> Iterator[ComparisonRecord]:
    for cell in tables.gaps:
        # The first gap is against the replay's own reference; a slice, because an entry may have no gap.
        for gap in cell.entry.gaps[:1]:
            interval = None if gap.low is None or gap.high is None else (gap.low, gap.high)
            yield make_comparison(f"{cell.row}, {cell.column}", gap.value, interval, rises=False)


def _list_orders(claim: ClaimSpec, tables: Tables) -> Iterator[ComparisonRecord]:
    cells = _index(tables.gaps)
    # Accuracies stand for gaps: both columns have the same clean reference, which would cancel out and only
    # add its own noise to the interval.
    for row in dict.fromkeys(cell.row for cell in tables.gaps):
        first, second = cells[row, str(claim.first)], cells[row, str(claim.second)]
        yield make_comparison(row, *compute_difference(first.counts, second.counts), rises=False)


def _list_filters(claim: ClaimSpec, tables: Tables) -> Iterator[ComparisonRecord]:
    whole = _index(tables.gaps)
    for cell in tables.filtered:
        difference = compute_difference(cell.counts, whole[cell.row, cell.column].counts, nested=True)
        yield make_comparison(f"{cell.row}, {cell.column}", *difference, rises=True)


def _list_accuracies(claim: ClaimSpec, tables: Tables) -> Iterator[ComparisonRecord]:
    for column, first, second in _pair_mixtures(claim, tables):
        yield make_comparison(column, *compute_difference(first.counts, second.counts), rises=True)


def _list_robustness(claim: ClaimSpec, tables: Tables) -> Iterator[ComparisonRecord]:
    for column, first, second in _pair_mixtures(claim, tables):
        ours, theirs = (cell.entry.effective_robustness[0] for cell in (first, second))
        yield make_comparison(column, *subtract_robustness(ours, theirs), rises=True)


def _pair_mixtures(claim: ClaimSpec, tables: Tables) -> Iterator[tuple[str, Cell, Cell]]:
    cells = _index(tables.training)
    for column in dict.fromkeys(cell.column for cell in tables.training):
        yield column, cells[str(claim.first), column], cells[str(claim.second), column]


_LISTERS = {
    "gap": _list_gaps,
    "order": _list_orders,
    "filter": _list_filters,
    "accuracy": _list_accuracies,
    "robustness": _list_robustness,
}
