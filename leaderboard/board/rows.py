"""Rows of the board: one model on one split, with everything a reader filters, sorts or doubts by."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.predictions.metric import Metric
from imagenet_g.benchmark.predictions.metrics import load_metrics
from imagenet_g.benchmark.records import MetricEstimate
from imagenet_g.leaderboard.board.ranks import NO_ANSWERS
from imagenet_g.leaderboard.submissions.problems import Trust

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from imagenet_g.leaderboard.board.board import Board

UNKNOWN = "unknown"
NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """One model on one split; accuracies and differences are fractions.

    Attributes:
        version: Ranking the row belongs to.
        split: Reference with its view.
        model_id: Unique in a version.
        model: Name shown.
        organisation: Who submitted or published it.
        trust: Trust level.
        source: Where the numbers come from, in words.
        url: Address for more; empty when unknown.
        spec: Model spec; empty when the model cannot be loaded by name.
        family: Architecture family, or "unknown".
        supervision: How it was trained, or "unknown".
        training_data: "imagenet-1k", "more-data" or "unknown".
        generated: Generators whose images it was trained on, "none" or "unknown".
        parameters: Number of parameters; None when unknown.
        n: Images scored; None where the source does not print it.
        outputs: Number of classes the model chose among.
        metrics: Estimates by the metric's name, "top1" among them; absent where unknown. In the
            table each has three columns: its name, and the name with "_low" and "_high".
        clean: Clean reference accuracy; None without a clean reference.
        clean_kind: "measured", "published" or empty.
        clean_set: The clean set.
        same_classes: Whether the clean accuracy covers the split's own classes.
        gap: AG = top1 - clean, with its interval.
        flags: Cautions for the reader, one reason a line.
        equated: Top-1 as it would be on the split of an earlier version, with its interval; None without a
            panel of models that were run on both.
        equated_to: That split; empty without one.
        images_distance: Of the split's critique: Fréchet distance by class less its floor; None without one.
        images_recognised: Likewise, the machine-recognised share of its images.
        images_valid: Likewise, the share of its images that people call valid; None for simulated ratings.
        doubts: The gravest of them in a few words, one a line: shown on the row itself.
        has_answers: Whether single answers are stored, so that models can be compared in pairs.
        rank_best: Best rank that the tests leave open, 1 for the first; None without a rank.
        rank_worst: Worst rank.
        unranked: Why the row has no rank; empty where it has one.
        throughput: Images a second of the run that gave the answers; None where it was not measured.
        device: What that run was on; empty where unknown.
        date: Day on which the numbers were computed, such as "2026-03-31"; empty where unknown.
    """

    version: str
    split: str
    model_id: str
    model: str
    organisation: str
    trust: Trust
    source: str
    url: str
    spec: str
    family: str
    supervision: str
    training_data: str
    generated: str
    parameters: int | None
    n: int | None
    outputs: int
    metrics: Mapping[str, MetricEstimate]
    clean: float | None
    clean_kind: str
    clean_set: str
    same_classes: bool
    gap: float | None
    gap_low: float | None
    gap_high: float | None
    flags: str
    has_answers: bool
    rank_best: int | None = None
    rank_worst: int | None = None
    unranked: str = NO_ANSWERS
    doubts: str = ""
    equated: float | None = None
    equated_low: float | None = None
    equated_high: float | None = None
    equated_to: str = ""
    images_distance: float | None = None
    images_recognised: float | None = None
    images_valid: float | None = None
    throughput: float | None = None
    device: str = ""
    date: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustnessRow:
    """One model's effective robustness on one split against one baseline and link."""

    version: str
    split: str
    model_id: str
    baseline: str
    link: str
    er: float
    er_low: float | None
    er_high: float | None
    expected: float
    axis: str
    same_classes: bool
    extrapolated: bool
    weak: bool
    cautions: str = ""
    """What a reader must know before using the number, a phrase a line; empty where nothing is known."""


_OPTIONAL_FLOATS = (
    "clean",
    "gap",
    "gap_low",
    "gap_high",
    "equated",
    "equated_low",
    "equated_high",
    "images_distance",
    "images_recognised",
    "images_valid",
    "throughput",
    "er_low",
    "er_high",
)


def make_score_frame(rows: Iterable[ScoreRow]) -> pd.DataFrame:
    """A table of score rows."""
    frame = _make_frame(rows, ScoreRow)
    # pandas' nullable integer: with a missing count the column would be float and the CSV say "25557032.0".
    for name in ("parameters", "n", "rank_best", "rank_worst"):
        frame[name] = frame[name].astype("Int64")
    return frame


def make_robustness_frame(rows: Iterable[RobustnessRow]) -> pd.DataFrame:
    """A table of robustness rows."""
    return _make_frame(rows, RobustnessRow)


def list_board_metrics() -> tuple[Metric, ...]:
    """The metrics that have columns on the board.

    Raises:
        InputError: A metric has the name of another column.
    """
    taken = {field.name for kind in (ScoreRow, RobustnessRow) for field in fields(kind)}
    for metric in load_metrics().values():
        if metric.name in taken or metric.name.endswith(("_low", "_high")) or metric.name.startswith("rank"):
            raise InputError(f"A metric cannot be named '{metric.name}': the board has such a column.")
    return tuple(load_metrics().values())


def list_unknown_metrics(names: Iterable[str]) -> tuple[str, ...]:
    """The names that no installed package has as a metric, sorted.

    >>> list_unknown_metrics(["top1", "doubt", "doubt"])
    ('doubt',)
    """
    return tuple(sorted(set(names) - set(load_metrics())))


def list_hidden_metrics(board: Board) -> tuple[str, ...]:
    """Metrics that were submitted and that a page of this board does not show, sorted.

    Either no package had them when the board was built, or none has them here.
    """
    columns = set(board.scores.columns)
    # Of the other columns only these have intervals.
    with_interval = (name.removesuffix("_low") for name in columns if name.endswith("_low"))
    in_columns = {name for name in with_interval if name in columns} - {"gap", "er", "equated"}
    return tuple(sorted({*board.info.unknown_metrics, *list_unknown_metrics(in_columns)}))


def _make_frame(rows: Iterable[ScoreRow] | Iterable[RobustnessRow], kind: type) -> pd.DataFrame:
    import pandas as pd

    # Not `asdict`: it copies every value deeply, which takes longer than all the rest.
    listed = list(rows)
    columns: dict[str, list[Any]] = {}
    for field in fields(kind):
        if field.name == "metrics":
            columns |= _list_metric_columns([row.metrics for row in listed if isinstance(row, ScoreRow)])
        else:
            columns[field.name] = [getattr(row, field.name) for row in listed]
    # Without a row pandas takes every column for numbers, and merges no names with them.
    frame = pd.DataFrame(columns, dtype=None if listed else object)
    for name in set(_OPTIONAL_FLOATS) & set(columns):
        frame[name] = frame[name].astype("float64")
    return frame


def _list_metric_columns(rows: list[Mapping[str, MetricEstimate]]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    for metric in list_board_metrics():
        found = [row.get(metric.name) for row in rows]
        for suffix, part in (("", "value"), ("_low", "low"), ("_high", "high")):
            values = (None if one is None else getattr(one, part) for one in found)
            columns[metric.name + suffix] = [math.nan if value is None else value for value in values]
    return columns
