"""The metrics beside top-1: a row each, a column for each split, as many side by side as fit."""

from __future__ import annotations

from collections.abc import Sequence

from imagenet_g.benchmark.predictions.metrics import load_metrics
from imagenet_g.benchmark.reports.numbers import format_estimate
from imagenet_g.benchmark.results import HEADLINE, Entry, Score
from imagenet_g.benchmark.terminal.tables import FirstFit, NameTable, Shown, stack

ShownScore = tuple[Entry, Score]


def make_metric_tables(model: str, shown: Sequence[ShownScore]) -> list[Shown]:
    """The further metrics of one model; one that the predictions do not hold is "not stored".

    Args:
        model: Its name.
        shown: Each entry with the score that is shown of it.
    """
    names = list_metric_names([score for _, score in shown])
    if not names:
        return []
    forms = [_draw(model, shown, names, at_once=count) for count in range(len(shown), 0, -1)]
    return [FirstFit(*forms)]


def list_metric_names(scores: Sequence[Score]) -> list[str]:
    """Every metric beside top-1 in the order of the rows, then those that no installed package has."""
    found = {name for score in scores for name in score.metrics}
    known = [name for name in load_metrics() if name != HEADLINE]
    return [*known, *sorted(found - set(load_metrics()))]


def _draw(model: str, shown: Sequence[ShownScore], names: Sequence[str], *, at_once: int) -> Shown:
    starts = range(0, len(shown), at_once)
    return stack(*(_draw_part(model, shown[start : start + at_once], names) for start in starts))


def _draw_part(model: str, shown: Sequence[ShownScore], names: Sequence[str]) -> NameTable:
    refs = [entry.split.ref for entry, _ in shown]
    table = NameTable(("metric", *refs), title=f"{model}: further metrics", right=refs)
    for name in names:
        estimates = (score.metrics.get(name) for _, score in shown)
        table.add_row(_format_heading(name), *(format_estimate(name, found) for found in estimates))
    return table


def _format_heading(name: str) -> str:
    metric = load_metrics().get(name)
    return f"{name} (unknown metric)" if metric is None else metric.heading
