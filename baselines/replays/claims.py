"""Whether the tables of a replay agree with the paper: differences, their intervals, a verdict. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from imagenet_g.baselines.replays.comparisons import Difference, choose_verdict, judge_differences
from imagenet_g.baselines.replays.records import ClaimRecord
from imagenet_g.baselines.replays.specs import ClaimSpec
from imagenet_g.benchmark.predictions.class_counts import SetCounts
from imagenet_g.benchmark.results import EffectiveRobustness, Entry
from imagenet_g.benchmark.robustness.jackknife import compute_variances, explain_no_interval, find_reach
from imagenet_g.benchmark.robustness.points import BaselinePoints, EvaluatedModel
from imagenet_g.benchmark.statistics.accuracy import BoolArray
from imagenet_g.benchmark.statistics.gaps import compute_gap_interval
from imagenet_g.benchmark.statistics.intervals import (
    BOOTSTRAP_SEED,
    NUM_RESAMPLES,
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
        clean: The same on the clean images of the same classes; None where they are not counted.
    """

    row: str
    column: str
    entry: Entry
    counts: SetCounts
    clean: SetCounts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The cells of a replay's tables; those of training are empty where nothing was trained."""

    gaps: Sequence[Cell]
    filtered: Sequence[Cell]
    training: Sequence[Cell]
    lines: Mapping[str, tuple[BaselinePoints, str]] = field(default_factory=dict)
    """The line's points and its link, by the column of training."""


def judge_claim(claim: ClaimSpec, tables: Tables) -> ClaimRecord:
    """Compare a claim with the tables, its comparisons corrected for their number."""
    comparisons = judge_differences(tuple(_LISTERS[claim.kind](claim, tables)))
    return ClaimRecord(
        text=claim.text,
        source=claim.source,
        comparisons=comparisons,
        verdict=choose_verdict([comparison.answer for comparison in comparisons]),
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
    first: Cell, second: Cell, points: BaselinePoints, link: str
) -> tuple[tuple[float, float] | None, float]:
    """Interval of the effective robustness of the first less that of the second, and its freedom.

    Both are judged by one line on the same images, so their errors are not independent: classes and families
    are left out for both at once, and what the two share cancels (`jackknife.compute_variances`).

    Args:
        first: A cell with its clean counts and its effective robustness.
        second: Likewise, on the same split.
        points: The baseline behind both.
        link: Name of the link.

    Returns:
        The interval, None where it cannot be computed, and its degrees of freedom.
    """
    gone = {*(_read(first).left_out or ()), *(_read(first).kin_left_out or ())}
    kept = points.take(np.array([row for row, model in enumerate(points.models) if model not in gone]))
    ours, theirs = _make_evaluated(first), _make_evaluated(second)
    if ours is None or theirs is None or explain_no_interval(kept, ours) is not None:
        return None, 1
    variances = compute_variances(kept, ours, link, less=theirs)
    value, reach = _read(first).value - _read(second).value, find_reach(variances)
    return (value - reach, value + reach), variances.freedom


def _read(cell: Cell) -> EffectiveRobustness:
    return cell.entry.effective_robustness[0]


def _make_evaluated(cell: Cell) -> EvaluatedModel | None:
    if cell.clean is None:
        return None
    clean, shifted = (_observe(counts, counts.total > 0, whole=True) for counts in (cell.clean, cell.counts))
    return EvaluatedModel(reference=(clean,), shifted=shifted)


def _observe(counts: SetCounts, used: BoolArray, *, whole: bool = False) -> Observation:
    """Right answers on the used classes; `whole` keeps the arrays at all 1000, as a baseline's are."""
    right, total = counts.right[used], counts.total[used]
    top1, n = float(right.sum() / total.sum()), int(total.sum())
    if whole:
        right, total = counts.right, counts.total
    return Observation(top1=top1, n=n, right=right, total=total)


def _index(cells: Sequence[Cell]) -> dict[tuple[str, str], Cell]:
    return {(cell.row, cell.column): cell for cell in cells}


def _count_freedom(*counts: SetCounts) -> int:
    """Classes that all have, less 1; at least 1, where there is no interval to need it."""
    shared = np.all([one.total > 0 for one in counts], axis=0)
    return max(1, int(shared.sum()) - 1)


def _list_gaps(claim: ClaimSpec, tables: Tables) -> Iterator[Difference]:
    yield from _read_gaps(claim, tables.gaps, rises=False)


def _list_filtered_gaps(claim: ClaimSpec, tables: Tables) -> Iterator[Difference]:
    yield from _read_gaps(claim, tables.filtered, rises=False)


def _list_exempt(claim: ClaimSpec, tables: Tables) -> Iterator[Difference]:
    yield from _read_gaps(claim, tables.gaps, rises=True)


def _read_gaps(claim: ClaimSpec, cells: Sequence[Cell], *, rises: bool) -> Iterator[Difference]:
    for cell in cells:
        named = (not claim.models or cell.row in claim.models) and (
            not claim.columns or cell.column in claim.columns
        )
        if not named:
            continue
        # The first gap is against the replay's own reference; a slice, because an entry may have no gap.
        for gap in cell.entry.gaps[:1]:
            yield Difference(
                label=cell.row,
                column=cell.column,
                value=gap.value,
                interval=None if gap.low is None or gap.high is None else (gap.low, gap.high),
                freedom=_count_freedom(cell.counts),
                rises=rises,
            )


def _list_orders(claim: ClaimSpec, tables: Tables) -> Iterator[Difference]:
    cells = _index(tables.gaps)
    # Accuracies stand for gaps: both columns have the same clean reference, which would cancel out and only
    # add its own noise to the interval.
    for row in dict.fromkeys(cell.row for cell in tables.gaps):
        first, second = cells[row, str(claim.first)], cells[row, str(claim.second)]
        value, interval = compute_difference(first.counts, second.counts)
        freedom = _count_freedom(first.counts, second.counts)
        yield Difference(label=row, value=value, interval=interval, freedom=freedom, rises=False)


def _list_accuracies(claim: ClaimSpec, tables: Tables) -> Iterator[Difference]:
    for column, first, second in _pair_mixtures((str(claim.first), str(claim.second)), tables):
        value, interval = compute_difference(first.counts, second.counts)
        freedom = _count_freedom(first.counts, second.counts)
        yield Difference(
            label=column, column=column, value=value, interval=interval, freedom=freedom, rises=True
        )


def _list_robustness(claim: ClaimSpec, tables: Tables) -> Iterator[Difference]:
    # Neighbours of the ranking decide it: the first above the second, the second above the third.
    for pair in pairwise(claim.order):
        for column, first, second in _pair_mixtures(pair, tables):
            # A line that is refused for one of them gives no difference to test.
            if not (first.entry.effective_robustness and second.entry.effective_robustness):
                continue
            interval, freedom = subtract_robustness(first, second, *tables.lines[column])
            yield Difference(
                label=f"{pair[0]} less {pair[1]}",
                column=column,
                value=_read(first).value - _read(second).value,
                interval=interval,
                freedom=freedom,
                rises=True,
            )


def _pair_mixtures(names: tuple[str, str], tables: Tables) -> Iterator[tuple[str, Cell, Cell]]:
    cells = _index(tables.training)
    for column in dict.fromkeys(cell.column for cell in tables.training):
        yield column, cells[names[0], column], cells[names[1], column]


_LISTERS = {
    "gap": _list_gaps,
    "order": _list_orders,
    "filtered-gap": _list_filtered_gaps,
    "exempt": _list_exempt,
    "accuracy": _list_accuracies,
    "robustness": _list_robustness,
}
