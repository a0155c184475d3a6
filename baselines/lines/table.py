"""Effective robustness of published models on published sets: one row per model and set."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from imagenet_g.benchmark.robustness.attach import Placement, place_model
from imagenet_g.benchmark.robustness.intervals import EvaluatedModel
from imagenet_g.benchmark.robustness.published_records import BaselineRecord
from imagenet_g.benchmark.robustness.published_sets import (
    BaselineSet,
    build_points,
    find_target,
)
from imagenet_g.benchmark.statistics.intervals import BOOTSTRAP_SEED, NUM_RESAMPLES
from imagenet_g.benchmark.statistics.observations import Observation
from imagenet_g.benchmark.terminal.markdown import format_name
from imagenet_g.benchmark.terminal.spreadsheets import neutralise


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustnessTableRow:
    """One model on one set.

    Attributes:
        model: Name in the table of figures.
        split: The shifted set.
        axis: Clean column used for the model and for the baseline alike.
        same_classes: Whether that axis covers the shifted set's own classes.
        reference: Clean accuracy.
        top1: Accuracy on the shifted set.
        placement: Its place relative to the baseline's line.
    """

    model: str
    split: str
    axis: str
    same_classes: bool
    reference: float
    top1: float
    placement: Placement


def build_robustness_rows(
    baseline: BaselineSet,
    figures: BaselineSet,
    link: str,
    *,
    splits: Sequence[str] | None = None,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = BOOTSTRAP_SEED,
) -> tuple[RobustnessTableRow, ...]:
    """Compare every model of a table of figures with a baseline's lines.

    The line is fitted on the very clean column the models have. Where that is the full set in place of the
    shifted set's own classes, `same_classes` is false and the numbers are not comparable with the others.

    Raises:
        UnknownNameError: The baseline or the table has no figures for a split, or no such link.
    """
    wanted = splits or [split for split in figures.header.targets if split in baseline.header.targets]
    return tuple(
        row
        for split in wanted
        for record in figures.records
        if (row := _build_row(baseline, figures, record, split, link, num_resamples, seed)) is not None
    )


def _build_row(
    baseline: BaselineSet,
    figures: BaselineSet,
    record: BaselineRecord,
    split: str,
    link: str,
    num_resamples: int,
    seed: int,
) -> RobustnessTableRow | None:
    target = find_target(figures, split)
    reference, top1 = record.figures[target.reference], record.figures[target.column]
    if reference is None or top1 is None:
        return None
    columns = figures.header.columns
    evaluated = EvaluatedModel(
        reference=(Observation(top1=reference, n=columns[target.reference].n),),
        shifted=Observation(top1=top1, n=columns[target.column].n),
    )
    points = build_points(baseline, split, references=[target.reference])
    return RobustnessTableRow(
        model=record.model,
        split=split,
        axis=target.reference,
        same_classes=target.same_classes,
        reference=reference,
        top1=top1,
        placement=place_model(points, evaluated, link, num_resamples=num_resamples, seed=seed),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisBias:
    """Error of the full clean axis, on a model that has both axes."""

    model: str
    split: str
    same_classes: float
    full: float


def measure_axis_bias(baseline: BaselineSet, splits: Sequence[str], link: str) -> tuple[AxisBias, ...]:
    """Effective robustness on both clean axes for the zero-shot models of a baseline's own table.

    Raises:
        UnknownNameError: The baseline has no figures for a split.
    """
    found = []
    for split in splits:
        target = find_target(baseline, split)
        for record in baseline.records:
            # The testbed's zero-shot models are of one family. Where a set covers all classes the two axes
            # are the same column, and there is nothing to compare.
            if record.family == "clip" and target.reference != "imagenet_val":
                values = [
                    _place_record(baseline, record, split, axis, link)
                    for axis in (target.reference, "imagenet_val")
                ]
                found.append(
                    AxisBias(model=record.model, split=split, same_classes=values[0], full=values[1])
                )
    return tuple(found)


def _place_record(baseline: BaselineSet, record: BaselineRecord, split: str, axis: str, link: str) -> float:
    column = find_target(baseline, split).column
    reference, top1 = record.figures[axis], record.figures[column]
    if reference is None or top1 is None:
        return float("nan")
    evaluated = EvaluatedModel(
        reference=(Observation(top1=reference, n=baseline.header.columns[axis].n),),
        shifted=Observation(top1=top1, n=baseline.header.columns[column].n),
    )
    points = build_points(baseline, split, references=[axis])
    # Only the value is used, which no resample enters; two are the fewest that give a spread.
    return place_model(points, evaluated, link, num_resamples=2, seed=0).value


CSV_FIELDS = (
    "model", "split", "axis", "same_classes", "link", "reference", "top1", "expected_top1",
    "effective_robustness", "low", "high", "extrapolated", "weak", "baseline", "baseline_sha256",
)  # fmt: skip


def format_csv(rows: Sequence[RobustnessTableRow]) -> str:
    """All rows as CSV, fractions with six digits."""
    stream = io.StringIO()
    # The module ends lines with a carriage return unless another end is given, and diffs would show it.
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_FIELDS)
    writer.writerows(_make_csv_row(row) for row in rows)
    return stream.getvalue()


def _make_csv_row(row: RobustnessTableRow) -> tuple[str, ...]:
    placement = row.placement
    fit, interval = placement.fit, placement.interval
    return (
        neutralise(row.model), neutralise(row.split), row.axis, _yes(row.same_classes), fit.link,
        f"{row.reference:.6g}", f"{row.top1:.6g}", f"{placement.expected:.6f}",
        f"{placement.value:.6f}", _cell(interval.low), _cell(interval.high),
        _yes(placement.extrapolated), _yes(fit.weak), fit.baseline, fit.baseline_sha256,
    )  # fmt: skip


def format_markdown(rows: Sequence[RobustnessTableRow]) -> str:
    """One line a model, one column a set, in percentage points with the interval."""
    splits = list(dict.fromkeys(row.split for row in rows))
    by_model: dict[str, dict[str, RobustnessTableRow]] = {}
    for row in rows:
        by_model.setdefault(row.model, {})[row.split] = row
    other = {row.split for row in rows if not row.same_classes}
    head = ["model", "clean", *(format_name(split) + (" *" if split in other else "") for split in splits)]
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    for model, cells in by_model.items():
        # Of the first set; the sets that are marked share this full axis, the others may have an axis of
        # their own.
        clean = f"{100 * next(iter(cells.values())).reference:.2f}"
        values = [_format_cell(cells[split]) if split in cells else "" for split in splits]
        lines.append("| " + " | ".join([format_name(model), clean, *values]) + " |")
    return "\n".join(lines) + "\n"


def _format_cell(row: RobustnessTableRow) -> str:
    placement = row.placement
    marks = ("†" if placement.extrapolated else "") + ("‡" if placement.fit.weak else "")
    interval = placement.interval
    if interval.low is None or interval.high is None:
        return f"{100 * placement.value:+.1f}{marks}"
    return f"{100 * placement.value:+.1f}{marks} ({100 * interval.low:+.1f} to {100 * interval.high:+.1f})"


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"
