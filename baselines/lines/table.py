"""Effective robustness of published models on published sets: one row per model and set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imagenet_g.benchmark.robustness.own_line import JudgedModel
from imagenet_g.benchmark.robustness.placements import Placement, choose_line, place_model
from imagenet_g.benchmark.robustness.points import EvaluatedModel
from imagenet_g.benchmark.robustness.published_records import BaselineRecord
from imagenet_g.benchmark.robustness.published_sets import (
    BaselineSet,
    build_points,
    find_target,
)
from imagenet_g.benchmark.statistics.observations import Observation


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
        link: Link of the line.
        baseline: Id of the baseline.
        baseline_sha256: Its hash.
        placement: Its place relative to the baseline's line; None where there is no line to judge it.
        reason: Why there is no placement; empty where there is one.
    """

    model: str
    split: str
    axis: str
    same_classes: bool
    reference: float
    top1: float
    link: str
    baseline: str
    baseline_sha256: str
    placement: Placement | None
    reason: str = ""


def build_robustness_rows(
    baseline: BaselineSet,
    figures: BaselineSet,
    link: str,
    *,
    splits: Sequence[str] | None = None,
) -> tuple[RobustnessTableRow, ...]:
    """Compare every model of a table of figures with a baseline's lines.

    A model that is in the baseline is held against the line without it and, where others remain, without its
    family. The line is fitted on the very clean column the models have. Where that is the full set in place
    of the shifted set's own classes, `same_classes` is false and the numbers are no match for the others.

    Raises:
        UnknownNameError: The baseline or the table has no figures for a split, or no such link.
    """
    wanted = splits or [split for split in figures.header.targets if split in baseline.header.targets]
    return tuple(
        row
        for split in wanted
        for record in figures.records
        if (row := _build_row(baseline, figures, record, split, link)) is not None
    )


def _build_row(
    baseline: BaselineSet,
    figures: BaselineSet,
    record: BaselineRecord,
    split: str,
    link: str,
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
    judged = judge_record(figures, record)
    reason = choose_line(points, reference, judged).reason
    return RobustnessTableRow(
        model=record.model,
        split=split,
        axis=target.reference,
        same_classes=target.same_classes,
        reference=reference,
        top1=top1,
        link=link,
        baseline=points.baseline,
        baseline_sha256=points.baseline_sha256,
        placement=None if reason else place_model(points, evaluated, link, judged=judged),
        reason=reason or "",
    )


def judge_record(figures: BaselineSet, record: BaselineRecord) -> JudgedModel:
    """A row of a table of figures as the model that is held against a line."""
    scheme = figures.header.scheme
    return JudgedModel(spec=f"{scheme}:{record.model}" if scheme else record.model)


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
    return place_model(points, evaluated, link, judged=judge_record(baseline, record)).value
