"""Parts of the page of a replay: claims, differences with their intervals, printed tables. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from imagenet_g.baselines.papers.layout import build_grid
from imagenet_g.baselines.papers.tables import Papers
from imagenet_g.baselines.replays.comparisons import count_answers, count_answers_alone
from imagenet_g.baselines.replays.records import Answer, ClaimRecord, ComparisonRecord
from imagenet_g.benchmark.reports.numbers import format_points
from imagenet_g.benchmark.terminal.markdown import escape_heading, format_name

Show = Callable[[float, float | None, float | None], str]
VERDICTS = {
    "agrees": "agrees",
    "disagrees": "does not agree",
    "open": "open: too few images to decide",
    "mixed": "agrees in part",
}


def format_counts(counts: Mapping[Answer, int]) -> str:
    """How many comparisons had each answer."""
    return f"{counts['yes']} as expected, {counts['no']} contrary, {counts['open']} open"


def format_claim(claim: ClaimRecord, show: Show) -> str:
    """A claim as a section: each comparison in a row, and counts by column.

    Args:
        claim: As it was judged.
        show: How a difference and its bounds are written.
    """
    parts = [
        f"### {escape_heading(claim.text)}",
        _format_comparisons(claim.comparisons, show),
    ]
    columns = dict.fromkeys(one.column for one in claim.comparisons)
    # Columns that differ must not hide in one sum: a split may be easier where another is harder.
    if len(columns) > 1 and len(columns) < len(claim.comparisons):
        parts.append("\n".join(_format_column(claim.comparisons, column) for column in columns))
    return "\n\n".join(parts)


def _format_column(comparisons: Sequence[ComparisonRecord], column: str) -> str:
    found = [one for one in comparisons if one.column == column]
    return (
        f"- {format_name(column)}: {format_counts(count_answers(found))}; each tested alone: "
        f"{format_counts(count_answers_alone(found))}"
    )


def _format_comparisons(comparisons: Sequence[ComparisonRecord], show: Show) -> str:
    rows = [
        f"| {format_name(it.label)}, {format_name(it.column)} | {show(it.value, it.low, it.high)} "
        f"| {it.expected} | {_format_p_value(it.p_value)} | {_format_p_value(it.p_holm)} | {it.answer} |"
        for it in comparisons
    ]
    head = ["| | difference | expected | p | p, corrected | |", "| --- | --- | --- | ---: | ---: | --- |"]
    return "\n".join([*head, *rows])


def _format_p_value(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"


def format_difference(value: float, low: float | None, high: float | None) -> str:
    """A difference in points, with its interval."""
    return f"{format_points(value, 1)}{format_bounds(low, high, format_points)}"


def format_bounds(low: float | None, high: float | None, show: Callable[[float, int], str]) -> str:
    """An interval in brackets."""
    return " [unknown]" if low is None or high is None else f" [{show(low, 1)}, {show(high, 1)}]"


def format_published(name: str, papers: Papers) -> str:
    """A printed table whole, with what is wrong in print."""
    table = papers.find_table(name)
    return f"The paper's own, {escape_heading(table.source)}, {build_grid(table, papers).format_markdown()}"
