"""Results as tables for a terminal, with a sentence for each split and the notes below."""

from __future__ import annotations

from collections.abc import Sequence

from imagenet_g.benchmark.predictions.entries import choose_headline
from imagenet_g.benchmark.predictions.metrics import load_metrics
from imagenet_g.benchmark.records import is_view_of
from imagenet_g.benchmark.reports.corruption_lines import list_corruption_lines
from imagenet_g.benchmark.reports.metric_tables import make_metric_tables
from imagenet_g.benchmark.reports.notes import is_flagged, list_notes
from imagenet_g.benchmark.reports.numbers import (
    format_gap_interval,
    format_interval,
    format_percent,
    format_points,
)
from imagenet_g.benchmark.reports.sentences import read_entry
from imagenet_g.benchmark.reports.strength_tables import make_strength_tables, read_failures
from imagenet_g.benchmark.results import HEADLINE, EffectiveRobustness, Entry, Gap, Result, Score
from imagenet_g.benchmark.terminal.tables import (
    FirstFit,
    NameTable,
    Shown,
    make_lines,
    make_notes,
    make_text,
    stack,
)

RIGHT = ("top-1", "AG", "ER")
Cell = tuple[str, str]
"""What stands above, and what stands below or behind it."""


def make_report(results: Sequence[Result]) -> Shown:
    """For each model its further metrics, the table of gaps and a sentence a split; all notes at the end."""
    blocks = [block for result in results for block in _make_blocks(result)]
    return stack(*blocks, *make_notes(list_notes(results)))


def _make_blocks(result: Result) -> list[Shown]:
    shown = [(entry, choose_score(entry, result.entries)) for entry in result.entries]
    clean = list_clean_sets(result.entries)
    sentences = [
        # Of a filtered split the clean set is a view of the entry.
        read_entry(entry, is_reference=any(is_view_of(name, entry.split.ref) for name in clean))
        for entry in result.entries
    ]
    return [
        *make_metric_tables(result.model.spec, shown),
        _make_gap_table(result.model.spec, shown),
        *make_strength_tables(result.model.spec, shown),
        *make_lines([*sentences, *read_failures(shown), *list_corruption_lines(result.entries)]),
        make_text(""),
    ]


def list_clean_sets(entries: Sequence[Entry]) -> set[str]:
    """What the splits are compared with; a clean set that was scored alone is its own default."""
    chosen = {choice.taken for entry in entries for choice in entry.choices if choice.what == "reference"}
    return {gap.reference.set for entry in entries for gap in entry.gaps} | {name for name in chosen if name}


def choose_score(entry: Entry, entries: Sequence[Entry]) -> Score:
    """The score to show of an entry.

    That of a clean set is over the outputs on which the others are compared with it: only numbers that may be
    subtracted stand beside each other.
    """
    gaps = [gap for other in entries for gap in other.gaps if is_view_of(gap.reference.set, entry.split.ref)]
    compared = {(gap.reference.outputs, gap.reference.num_outputs) for gap in gaps}
    matching = [score for score in entry.scores if (score.outputs, score.num_outputs) in compared]
    return matching[-1] if matching and not entry.gaps else choose_headline(entry)


def _make_gap_table(model: str, shown: Sequence[tuple[Entry, Score]]) -> Shown:
    title = f"{model}: {load_metrics()[HEADLINE].title} in percent, with 95 % intervals"
    headings = ("split", "top-1", "clean", "AG", "ER")
    rows = [_list_cells(entry, score) for entry, score in shown]
    return make_fitting_table(title, headings, rows, right=RIGHT)


def make_fitting_table(
    title: str, headings: Sequence[str], rows: Sequence[Sequence[Cell]], *, right: Sequence[str]
) -> FirstFit:
    """A table with both parts of a cell in one line where that fits, else one below the other."""

    def draw(*, below: bool, framed: bool) -> NameTable:
        table = NameTable(headings, title=title, right=right, framed=framed)
        for row in rows:
            table.add_row(*(_draw_cell(cell, below=below) for cell in row))
        return table

    forms = ((False, True), (True, True), (True, False))
    return FirstFit(*(draw(below=below, framed=framed) for below, framed in forms))


def _draw_cell(cell: Cell, *, below: bool) -> Shown:
    first, second = cell
    if below and second:
        return stack(make_text(first), make_text(second))
    return make_text(f"{first} ({second})" if second else first)


def _list_cells(entry: Entry, score: Score) -> tuple[Cell, ...]:
    unscored = f", {entry.n_unscored} unscored" if entry.n_unscored else ""
    outputs = "" if score.outputs == "all" else f", {score.num_outputs} classes"
    top1 = (format_percent(score.top1.value), format_interval(score.top1))
    head: tuple[Cell, ...] = ((entry.split.ref, f"n {entry.n}{unscored}{outputs}"), top1)
    if not entry.gaps:
        return (*head, ("", ""), ("", ""), ("", ""))
    gap = entry.gaps[0]
    return (
        *head,
        _make_clean_cell(gap),
        (format_points(gap.value), format_gap_interval(gap)),
        _make_robustness_cell(entry.effective_robustness),
    )


def _make_clean_cell(gap: Gap) -> Cell:
    clean = gap.reference
    mark = " *" if is_flagged(gap) else ""
    source = clean.set if clean.kind == "measured" else clean.kind
    return f"{format_percent(clean.top1.value)}{mark}", source


def _make_robustness_cell(records: Sequence[EffectiveRobustness]) -> Cell:
    if not records:
        return "none", ""
    first = records[0]
    # Of several lines the sentences give all.
    more = f" [1 of {len(records)}]" if len(records) > 1 else ""
    if first.low is None or first.high is None:
        return f"{format_points(first.value)}{more}", "unknown"
    low, high = format_points(first.low, 1), format_points(first.high, 1)
    return f"{format_points(first.value)}{more}", f"{low} to {high}"
