"""The numbers of an experiment: each cell with its interval, and the differences that its claims are about.

Pure, from right answers by run and class.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from imagenet_g.baselines.replays.cells.specs import DISTANCES, FEATURES, Measure
from imagenet_g.baselines.replays.comparisons import Difference, choose_verdict, judge_differences
from imagenet_g.baselines.replays.counting import ColumnCounts
from imagenet_g.baselines.replays.experiments import ExperimentClaimSpec, ExperimentSpec
from imagenet_g.baselines.replays.records import ClaimRecord, NumberRecord
from imagenet_g.baselines.replays.rows import MeasuredRow
from imagenet_g.baselines.replays.seeds import (
    RunCounts,
    SeededNumber,
    add_seeds,
    estimate_accuracy,
    estimate_gap,
    estimate_sum,
    measure_seeds,
    weigh_runs,
)
from imagenet_g.benchmark.distances.measures import compute_mean
from imagenet_g.benchmark.robustness.fits import fit_line, predict_top1
from imagenet_g.benchmark.robustness.jackknife import compute_variances, explain_no_interval, find_reach
from imagenet_g.benchmark.robustness.points import BaselinePoints, EvaluatedModel
from imagenet_g.benchmark.statistics.accuracy import FloatArray, IntArray
from imagenet_g.benchmark.statistics.observations import Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredExperiment:
    """An experiment whose rows are measured.

    Attributes:
        spec: Which.
        rows: In its order.
        lines: Points of the line of each column, where robustness is measured.
        link: On which the line is fitted.
    """

    spec: ExperimentSpec
    rows: Sequence[MeasuredRow]
    lines: Mapping[str, BaselinePoints] = field(default_factory=dict)
    link: str = "logit"

    def find_row(self, name: str) -> MeasuredRow:
        """A row by its name."""
        return next(row for row in self.rows if row.name == name)


def list_numbers(measured: MeasuredExperiment) -> tuple[NumberRecord, ...]:
    """Every cell of every measure, row by row."""
    return tuple(
        make_record(row.name, column, measure, estimate_cell(measured, row, column, measure))
        for measure in measured.spec.measures
        for row in measured.rows
        for column in measured.spec.list_columns(measure)
    )


def make_record(row: str, column: str, measure: Measure, number: SeededNumber) -> NumberRecord:
    """A cell as it is stored."""
    low, high = number.interval or (None, None)
    return NumberRecord(
        row=row, column=column, measure=measure, value=number.value, low=low, high=high, seeds=number.seeds
    )


def estimate_cell(
    measured: MeasuredExperiment, row: MeasuredRow, column: str, measure: Measure
) -> SeededNumber:
    """The number of a cell."""
    match measure:
        case "top-1":
            return estimate_accuracy(row.counts[column].shifted, row.models)
        case "gap":
            return estimate_gap(row.counts[column].shifted, row.counts[column].clean, row.models)
        case "robustness":
            return estimate_robustness(measured.lines[column], measured.link, row, column)
        case "probe":
            return estimate_accuracy(row.probes[column], row.models)
        case "CLIP similarity" | "Mahalanobis distance":
            return estimate_classes(row.classes[measure, column])
        case _:
            return estimate_values(row.values[measure, column], row.models, lowest=0.0)


def judge_experiment(measured: MeasuredExperiment) -> tuple[ClaimRecord, ...]:
    """The claims of an experiment; the comparisons of each are corrected for their number."""
    found = []
    for claim in measured.spec.claims:
        comparisons = judge_differences(tuple(list_differences(measured, claim)))
        found.append(
            ClaimRecord(
                text=claim.text,
                source=claim.source,
                comparisons=comparisons,
                verdict=choose_verdict([one.answer for one in comparisons]),
            )
        )
    return tuple(found)


def list_differences(measured: MeasuredExperiment, claim: ExperimentClaimSpec) -> Iterator[Difference]:
    """What a claim is about, cell by cell."""
    columns = claim.columns or measured.spec.list_columns(claim.measure)
    rows = [row for row in measured.rows if not claim.rows or row.name in claim.rows]
    if claim.kind == "sign":
        for row in rows:
            for column in columns:
                number = estimate_cell(measured, row, column, claim.measure)
                yield _make_difference(row.name, column, number, rises=claim.expected == "above 0")
    elif claim.kind == "columns":
        for row in rows:
            for first, second in pairwise(claim.order):
                number = estimate_gap(row.counts[first].shifted, row.counts[second].shifted, row.models)
                yield _make_difference(row.name, f"{first} less {second}", number, rises=True)
    else:
        for names in pairwise(claim.order):
            above, below = (measured.find_row(name) for name in names)
            for column in columns:
                number = subtract_rows(measured, above, below, column, claim.measure)
                yield _make_difference(f"{names[0]} less {names[1]}", column, number, rises=True)


def subtract_rows(
    measured: MeasuredExperiment, first: MeasuredRow, second: MeasuredRow, column: str, measure: Measure
) -> SeededNumber:
    """The first row less the second, run by run: both start from the same seeds and see the same images."""
    cell = measure, column
    if measure == "loss" or measure in FEATURES:
        return estimate_values(first.values[cell] - second.values[cell], first.models)
    if measure in DISTANCES:
        return subtract_classes(first.classes[cell], second.classes[cell])
    if measure == "probe":
        parts = [(1.0, first.probes[column]), (-1.0, second.probes[column])]
        return estimate_sum(parts, first.models)
    ours, theirs = first.counts[column], second.counts[column]
    match measure:
        case "top-1":
            return estimate_sum([(1, ours.shifted), (-1, theirs.shifted)], first.models)
        case "gap":
            parts = [(1.0, ours.shifted), (-1.0, ours.clean), (-1.0, theirs.shifted), (1.0, theirs.clean)]
            return estimate_sum(parts, first.models)
        case _:
            return estimate_robustness(measured.lines[column], measured.link, first, column, less=second)


def estimate_robustness(
    points: BaselinePoints, link: str, row: MeasuredRow, column: str, *, less: MeasuredRow | None = None
) -> SeededNumber:
    """Effective robustness of a row, or what it has more than another one.

    Images, and the families that the line goes through, by the jackknife of the mean run; seeds beside them.
    What is particular to a run and a class is in both, so the interval is a little too wide.

    Args:
        points: The line's.
        link: Its link.
        row: A row.
        column: Where.
        less: The row to be subtracted; run r of both has the same model and seed.
    """
    rows = (row,) if less is None else (row, less)
    values = [compute_robustness(points, link, one.counts[column]) for one in rows]
    # Run by run: a seed that starts well starts well for both, and cancels.
    numbers = values[0] if less is None else values[0] - values[1]
    seeds = measure_seeds(numbers, row.models)
    value = float(weigh_runs(row.models) @ numbers)
    evaluated = [_average(one.counts[column], one.models) for one in rows]
    # A line through one family, or images of one class: a number, of which no doubt is known.
    if any(explain_no_interval(points, one) is not None for one in evaluated):
        return SeededNumber(value=value, interval=None, freedom=1.0, seeds=seeds.seeds)
    variances = compute_variances(points, evaluated[0], link, less=evaluated[1] if less else None)
    reach = find_reach(variances)
    return add_seeds(value, (value - reach, value + reach), seeds, variances.freedom)


def compute_robustness(points: BaselinePoints, link: str, counts: ColumnCounts) -> FloatArray:
    """`(R,)` accuracy of each run above what the line predicts from its clean accuracy."""
    clean, shifted = (_rate(one) for one in (counts.clean, counts.shifted))
    fit = fit_line(points, link)
    expected = [float(np.ravel(predict_top1(fit, value))[0]) for value in clean]
    return np.asarray(shifted - np.array(expected))


def estimate_values(values: FloatArray, models: IntArray, *, lowest: float = -math.inf) -> SeededNumber:
    """The mean of a number of each run, or of their differences; its images are not drawn again.

    Those of a logged step follow from its seed, and redundancy and coding length are numbers of all images
    together, which drawing images twice would change.

    Args:
        values: `(R,)` of each run: losses, or a measure of features.
        models: `(R,)` number of the model of each run.
        lowest: Where an interval ends at the latest: 0 for a loss or a measure, which cannot be less.
    """
    seeds = measure_seeds(values, models)
    value = float(weigh_runs(models) @ values)
    # One run has no interval at all: nothing but seeds is random here.
    interval = None if seeds.seeds < 2 else (max(lowest, value - seeds.reach), value + seeds.reach)
    freedom = 1.0 if math.isinf(seeds.freedom) else seeds.freedom
    return SeededNumber(value=value, interval=interval, freedom=freedom, seeds=seeds.seeds)


def estimate_classes(values: Mapping[str, float]) -> SeededNumber:
    """The mean over classes, or of their differences, with the interval of drawing classes.

    Args:
        values: By class.

    Example:
        >>> estimate_classes({"n01440764": 0.5}).interval is None  # one class shows no difference of classes
        True
    """
    mean = compute_mean([values[wnid] for wnid in sorted(values)])
    interval = None if mean.low is None or mean.high is None else (mean.low, mean.high)
    freedom = max(1.0, mean.num_classes - 1.0)
    return SeededNumber(value=mean.value, interval=interval, freedom=freedom, seeds=1)


def subtract_classes(first: Mapping[str, float], second: Mapping[str, float]) -> SeededNumber:
    """The first less the second, class by class, over the classes that both have."""
    return estimate_classes({wnid: first[wnid] - second[wnid] for wnid in first if wnid in second})


def _make_difference(label: str, column: str, number: SeededNumber, *, rises: bool) -> Difference:
    return Difference(
        label=label,
        column=column,
        value=number.value,
        interval=number.interval,
        freedom=number.freedom,
        rises=rises,
    )


def _average(counts: ColumnCounts, models: IntArray) -> EvaluatedModel:
    clean, shifted = (_observe(one, models) for one in (counts.clean, counts.shifted))
    return EvaluatedModel(reference=(clean,), shifted=shifted)


def _observe(counts: RunCounts, models: IntArray) -> Observation:
    right, n = weigh_runs(models) @ counts.right, int(counts.total.sum())
    return Observation(top1=float(right.sum()) / n, n=n, right=right, total=counts.total)


def _rate(counts: RunCounts) -> FloatArray:
    return np.asarray(counts.right.sum(axis=1) / counts.total.sum())
