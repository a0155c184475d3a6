"""Accuracy by the strength of a shift, and failure points, as rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imagenet_g.benchmark.api.tables import Cell
from imagenet_g.benchmark.formats.strengths import FailurePoint, StrengthRecord, SurvivalStep
from imagenet_g.benchmark.reports.strength_figure import find_strengths
from imagenet_g.benchmark.results import Result

if TYPE_CHECKING:
    import pandas as pd

_STEP = ("at_risk", "failed", "never_wrong", "never_wrong_low", "never_wrong_high")
FAILURE_NAMES = (
    "num_series", "followed", "wrong_at_zero", "not_followed", "failed", "never", "never_low", "never_high",
    "median", "median_low", "median_high", "begins_at_zero",
)  # fmt: skip


def tabulate_strengths(results: Sequence[Result], split: str | None) -> pd.DataFrame:
    """As `Results.by_strength`."""
    return _make_frame(
        [
            {"model": result.model.spec, "split": entry.split.ref, **row}
            for result, entry, strength in find_strengths(results, split)
            for row in list_strength_rows(strength)
        ]
    )


def tabulate_failures(results: Sequence[Result], split: str | None) -> pd.DataFrame:
    """As `Results.failure_points`."""
    return _make_frame(
        [
            {
                "model": result.model.spec,
                "split": entry.split.ref,
                **make_failure_row(strength.failure),
            }
            for result, entry, strength in find_strengths(results, split)
        ]
    )


def _make_frame(rows: Sequence[dict[str, Cell]]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(rows)
    # A column in which nothing is known is one of numbers all the same.
    empty = [name for name in frame if frame[name].isna().all()]
    return frame.astype(dict.fromkeys(empty, float))


def list_strength_rows(strength: StrengthRecord) -> list[dict[str, Cell]]:
    """One row a strength, the least first; None for numbers of series where images form none.

    Example:
        >>> from imagenet_g.benchmark.formats.strengths import StrengthPoint
        >>> from imagenet_g.benchmark.records import Estimate
        >>> top1 = Estimate(value=0.5, low=0.1, high=0.9, method="wilson")
        >>> point = StrengthPoint(strength=1.0, n=2, right=1, top1=top1)
        >>> rows = list_strength_rows(StrengthRecord(points=(point,), failure=None))
        >>> rows[0]["strength"], rows[0]["top1"], rows[0]["never_wrong"]
        (1.0, 0.5, None)
    """
    failure = strength.failure
    steps = {} if failure is None else {step.strength: step for step in failure.steps}
    return [
        {
            "strength": point.strength,
            "n": point.n,
            "right": point.right,
            "top1": point.top1.value,
            "top1_low": point.top1.low,
            "top1_high": point.top1.high,
            **_list_step(steps.get(point.strength)),
        }
        for point in strength.points
    ]


def _list_step(step: SurvivalStep | None) -> dict[str, Cell]:
    if step is None:
        return dict.fromkeys(_STEP)
    cells = (step.at_risk, step.failed, step.survival, step.low, step.high)
    return dict(zip(_STEP, cells, strict=True))


def make_failure_row(failure: FailurePoint | None) -> dict[str, Cell]:
    """The failure point as a row; None everywhere where no series is followed."""
    if failure is None:
        return dict.fromkeys(FAILURE_NAMES)
    never = failure.never
    cells = (
        failure.num_series, failure.followed, failure.wrong_at_zero, failure.not_followed, failure.failed,
        never.value, never.low, never.high, failure.median, failure.low, failure.high, failure.begins_at_zero,
    )  # fmt: skip
    return dict(zip(FAILURE_NAMES, cells, strict=True))
