"""Classes and confusions as tables of the terminal and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.confusions.answers import AnsweredPair
from imagenet_g.benchmark.confusions.shares import Share, ShareChange, format_points, format_share
from imagenet_g.benchmark.confusions.tables import ClassRow, ConfusionRow
from imagenet_g.benchmark.terminal.spreadsheets import neutralise
from imagenet_g.benchmark.terminal.tables import NameTable

_SHARE_FIELDS = ("share", "low", "high")
_CHANGE_FIELDS = ("difference", "difference_low", "difference_high", "p_value", "p_fdr")


def make_class_table(pair: AnsweredPair, rows: Sequence[ClassRow], *, top: int) -> NameTable:
    """The classes of the greatest loss."""
    shown, names = rows[:top], load_classes()
    headings = ("class", pair.split, pair.reference or "no clean set", "points", "95 %", "FDR p", "taken for")
    right = headings[1:-1]
    table = NameTable(headings, title=f"{pair.model}: {_name_top(shown, rows, 'classes')}", right=right)
    for row in shown:
        answer = row.mistaken_for
        mistaken = "" if answer is None else f"{names[answer[0]].name} ({answer[1]})"
        table.add_row(names[row.index].name, *_format_pair(row), mistaken)
    return table


def make_confusion_table(pair: AnsweredPair, rows: Sequence[ConfusionRow], *, top: int) -> NameTable:
    """The wrong answers that the split adds most images to."""
    shown, names = [row for row in rows if row.added > 0][:top], load_classes()
    headings = ("class", "answer", pair.split, pair.reference or "no clean set", "points", "95 %", "FDR p")
    title = f"{pair.model}: {_name_top(shown, rows, 'wrong answers')}"
    table = NameTable(headings, title=title, right=headings[2:])
    for row in shown:
        table.add_row(names[row.index].name, names[row.answer].name, *_format_pair(row))
    return table


def _name_top(shown: Sequence[object], rows: Sequence[object], things: str) -> str:
    return f"{len(shown)} of {len(rows)} {things}"


def _format_pair(row: ClassRow | ConfusionRow) -> tuple[str, str, str, str, str]:
    change = row.change
    return (
        format_share(row.split),
        "" if row.reference is None else format_share(row.reference),
        "" if change is None else format_points(change.value),
        "" if change is None else f"{format_points(change.low)} to {format_points(change.high)}",
        "" if row.p_fdr is None else f"{row.p_fdr:.2g}",
    )


def list_class_notes(pair: AnsweredPair, rows: Sequence[ClassRow]) -> list[str]:
    """What a reader of the tables has to know."""
    found = sum(row.p_fdr is not None and row.p_fdr < 0.05 for row in rows)
    if pair.clean is None:
        return ["No clean set was measured beside this split, so nothing is compared."]
    compared = sum(row.change is not None for row in rows)
    missing = len(rows) - compared
    absent = f" {missing} classes have no image in '{pair.reference}'." if missing else ""
    return [
        f"{found} of {compared} classes differ from '{pair.reference}' at 5 % false discoveries "
        "(Fisher's exact test, Benjamini-Hochberg)." + absent,
        "The interval is Newcombe's, for one class alone; it is not corrected for the number of classes.",
    ]


def format_classes_csv(rows: Iterable[ClassRow]) -> str:
    """All classes; shares and differences are fractions."""
    names = load_classes()
    heads = ["wnid", "class", "split_right", "split_n", *_name_shares("split")]
    heads += ["reference_right", "reference_n", *_name_shares("reference"), *_CHANGE_FIELDS]
    heads += ["taken_for_wnid", "taken_for", "taken_for_n"]
    lines = [
        [
            names[row.index].wnid,
            names[row.index].name,
            *_list_numbers(row),
            *_list_mistaken(row),
        ]
        for row in rows
    ]
    return _format_csv(heads, lines)


def _list_mistaken(row: ClassRow) -> list[object]:
    if row.mistaken_for is None:
        return [None, None, None]
    info = load_classes()[row.mistaken_for[0]]
    return [info.wnid, info.name, row.mistaken_for[1]]


def format_confusions_csv(rows: Iterable[ConfusionRow]) -> str:
    """All pairs of a class and a wrong answer; shares and differences are fractions."""
    names = load_classes()
    heads = ["wnid", "class", "answer_wnid", "answer", "split_count", "split_n", *_name_shares("split")]
    heads += ["reference_count", "reference_n", *_name_shares("reference"), *_CHANGE_FIELDS, "added_images"]
    lines = [
        [
            *(text for index in (row.index, row.answer) for text in (names[index].wnid, names[index].name)),
            *_list_numbers(row),
            row.added,
        ]
        for row in rows
    ]
    return _format_csv(heads, lines)


def _name_shares(side: str) -> list[str]:
    return [f"{side}_{name}" for name in _SHARE_FIELDS]


def _list_numbers(row: ClassRow | ConfusionRow) -> list[object]:
    return [*_list_share(row.split), *_list_share(row.reference), *_list_change(row.change), row.p_fdr]


def _list_share(share: Share | None) -> list[object]:
    return [None] * 5 if share is None else [share.count, share.total, share.value, *share.bounds]


def _list_change(change: ShareChange | None) -> list[object]:
    return [None] * 4 if change is None else [change.value, change.low, change.high, change.p_value]


def _format_csv(heads: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(heads)
    # An empty cell is an unknown number, as everywhere.
    writer.writerows([["" if cell is None else neutralise(cell) for cell in line] for line in lines])
    return stream.getvalue()
