"""Rows of the board to an accessible HTML table; on a phone its style makes cards of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from imagenet_g.leaderboard.pages.cells import escape, is_missing
from imagenet_g.leaderboard.pages.tables import Column, load_columns

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[Any, Any]
_DIRECTIONS = {
    "gap": ("largest drop first", "smallest drop first"),
    "parameters": ("smallest first", "largest first"),
    "trust": ("the least first", "the most first"),
    "throughput": ("slowest first", "fastest first"),
    "date": ("oldest first", "newest first"),
    **dict.fromkeys(("model", "family", "training_data"), ("A to Z", "Z to A")),
}


def name_order(sort: str, ascending: bool) -> str:
    """What a table is sorted by and in which direction.

    >>> name_order("er", False), name_order("gap", False)
    ('effective robustness, highest first', 'accuracy gap, smallest drop first')
    >>> name_order("top1", True), name_order("model", True)
    ('top-1, lowest first', 'name, A to Z')
    """
    column = next((column for column in load_columns().values() if column.sort == sort), None)
    heading = sort if column is None else column.words or column.title.partition(",")[0]
    # Headings of metrics begin with a capital; abbreviations keep theirs.
    name = heading if heading.isupper() else heading[:1].lower() + heading[1:]
    return f"{name}, {_DIRECTIONS.get(sort, ('lowest first', 'highest first'))[not ascending]}"


def format_table(
    rows: pd.DataFrame,
    columns: Sequence[str],
    *,
    sort: str,
    ascending: bool,
    caption: str,
    pinned: pd.DataFrame | None = None,
    since: str = "",
) -> str:
    """An accessible HTML table: caption, scoped headings that are buttons, the sorted one announced.

    Args:
        rows: Rows of one page, in their order.
        columns: Names of the columns; unknown ones are left out.
        sort: Column that the rows are sorted by; empty for headings that are no buttons.
        ascending: Whether the smallest comes first.
        caption: What the table shows.
        pinned: Rows that stand above the others, each with a button that unpins it; None for a table without
            such buttons.
        since: Day from which on rows are marked as new; empty to mark none.
    """
    known = load_columns()
    # An address may name columns of metrics that are installed elsewhere.
    chosen = [known[name] for name in columns if name in known] or [known["model"]]
    head = "".join(_format_heading(column, sort, ascending) for column in chosen)
    pins = None if pinned is None else set(pinned["model_id"])
    draw = partial(_format_row, columns=chosen, pins=pins, since=since)
    body = "".join(map(draw, rows.to_dict(orient="records")))
    above = "" if pinned is None else "".join(map(draw, pinned.to_dict(orient="records")))
    if not len(rows):
        words = "No model matches. Loosen a filter."
        body = f'<tr role="row"><td role="cell" colspan="{len(chosen)}" class="empty">{words}</td></tr>'
    top = f'<tbody class="pinned" role="rowgroup">{above}</tbody>' if above else ""
    return (
        f'<div class="board-scroll" role="region" tabindex="0" aria-label="{escape(caption)}">'
        f'<table class="board" role="table"><caption>{escape(caption)}</caption><thead role="rowgroup">'
        f'<tr role="row">{head}</tr></thead>{top}<tbody role="rowgroup">{body}</tbody></table></div>'
    )


def _format_heading(column: Column, sort: str, ascending: bool) -> str:
    kind = f' class="{_name_class(column)}"'
    words = f'role="columnheader" scope="col"{kind}'
    if not column.sort or not sort:
        return f'<th {words} title="{escape(column.help)}">{escape(column.title)}</th>'
    active = column.sort == sort
    order = f' aria-sort="{"ascending" if ascending else "descending"}"' if active else ""
    arrow = (" ▲" if ascending else " ▼") if active else ""
    return (
        f'<th {words}{order}><button type="button" data-sort="{column.sort}" '
        f'title="{escape(column.help)}">{escape(column.title)}{arrow}</button></th>'
    )


def _format_row(row: Row, columns: Sequence[Column], pins: set[str] | None, since: str) -> str:
    cells = "".join(_format_cell(row, column, pins, since) for column in columns)
    classes = [
        *(["is-pinned"] if pins and row["model_id"] in pins else []),
        *(["behind"] if row.get("behind") else []),
    ]
    kind = f' class="{" ".join(classes)}"' if classes else ""
    return f'<tr role="row"{kind}>{cells}</tr>'


def _format_cell(row: Row, column: Column, pins: set[str] | None, since: str) -> str:
    kind = f'class="{_name_class(column)}" data-title="{escape(column.title.partition(",")[0])}"'
    if column.name != "model":
        return f'<td role="cell" {kind}>{column.cell(row)}</td>'
    pin = "" if pins is None else _format_pin(row, row["model_id"] in pins)
    date = row.get("date")
    new = bool(since) and not is_missing(date) and str(date) >= since
    mark = f'<span class="new" title="of {escape(date)}">new</span>' if new else ""
    return f'<th role="rowheader" scope="row" {kind}>{pin}{column.cell(row)}{mark}</th>'


def _name_class(column: Column) -> str:
    return f"{'num ' if column.numeric else ''}col-{column.name}"


def _format_pin(row: Row, is_pinned: bool) -> str:
    """A button; to a reader of screens it says what it pins and whether it does."""
    title = "Unpin" if is_pinned else "Pin to the top"
    return (
        f'<button type="button" class="pin" data-pin="{escape(row["model_id"])}" '
        f'aria-pressed="{"true" if is_pinned else "false"}" title="{title}" '
        f'aria-label="Pin {escape(row["model"])}">{"★" if is_pinned else "☆"}</button>'
    )
