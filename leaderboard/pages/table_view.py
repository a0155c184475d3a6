"""The view of the table: notices, what the filters leave, the rows of one page, pager and downloads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from imagenet_g.benchmark.reports.numbers import format_percent
from imagenet_g.benchmark.results import HEADLINE
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.board.ranks import RULE
from imagenet_g.leaderboard.pages.cells import escape
from imagenet_g.leaderboard.pages.filters import list_filters, list_problems, match_new, match_rows
from imagenet_g.leaderboard.pages.queries import (
    PAGE_ROWS,
    BoardQuery,
    format_query,
    list_pinned,
    order_split,
)
from imagenet_g.leaderboard.pages.table_html import format_table, name_order
from imagenet_g.leaderboard.pages.tables import DEFAULT_COLUMNS, is_filled
from imagenet_g.leaderboard.selecting.ordering import find_floor, is_text
from imagenet_g.leaderboard.selecting.ranges import parse_day

if TYPE_CHECKING:
    import pandas as pd

BY_VALUE = (
    "# is the place by this value alone, among all models of the split: neighbours may differ by chance. "
    "Ranks that are tested stand in the order by top-1."
)


def show_table(board: Board, query: BoardQuery, columns: Sequence[str]) -> str:
    """Notice, what was typed wrongly, table of one page, pager and downloads."""
    every = order_split(board, query)
    rows = every[match_rows(every, query)]
    last = max(0, (len(rows) - 1) // PAGE_ROWS)
    # An old address may name a page that no longer exists.
    page = min(query.page, last)
    shown = rows.iloc[page * PAGE_ROWS : (page + 1) * PAGE_ROWS]
    if tuple(columns) == DEFAULT_COLUMNS and is_filled(rows, "equated"):
        columns = _insert_equated(columns)
    table = format_table(
        shown,
        columns,
        sort=query.sort,
        ascending=query.ascending,
        caption=f"{query.split}: {len(rows)} models, sorted by {name_order(query.sort, query.ascending)}",
        pinned=every[every["model_id"].isin(list_pinned(board, query))],
        since=parse_day(query.since)[0],
    )
    above = format_notice(board, query) + format_problems(query) + format_selection(every, rows, query)
    return above + table + format_rule(every, query.sort) + format_pager(page, last, query)


def _insert_equated(columns: Sequence[str]) -> list[str]:
    # Beside the score that it restates.
    place = list(columns).index(HEADLINE) + 1
    return [*columns[:place], "equated", *columns[place:]]


def format_notice(board: Board, query: BoardQuery) -> str:
    """Notice about the version and the split; empty without one."""
    version = board.info.find_version(query.version)
    notice = " ".join(filter(None, [version.notice, version.split_notices.get(query.split)]))
    return f'<p class="notice" role="note">{escape(notice)}</p>' if notice else ""


def format_problems(query: BoardQuery) -> str:
    """What is wrong with the texts that a reader typed; empty where nothing is."""
    return "".join(f'<p class="problem" role="alert">{escape(one)}</p>' for one in list_problems(query))


def format_selection(every: pd.DataFrame, rows: pd.DataFrame, query: BoardQuery) -> str:
    """What the filters leave, what is new, and who follows behind in an order by gap; empty without any.

    Args:
        every: All rows of the split.
        rows: Those that the filters leave.
        query: The filters and the order.
    """
    said = (
        [f"Shown: {'; '.join(words)}: {len(rows)} of {len(every)} models."]
        if (words := list_filters(query))
        else []
    )
    if day := parse_day(query.since)[0]:
        known = int(every["date"].astype(bool).sum()) if "date" in every else 0
        new = int(match_new(every, day).sum())
        said.append(
            f"{new} are new since {day}; the date of {len(every) - known} of {len(every)} is unknown."
        )
    if query.sort == "gap" and (floor := find_floor(every)) is not None:
        below = int(every["clean"].lt(floor).sum())
        said.append(
            f"Sorted among models of at least {format_percent(floor, 1)} % clean accuracy, half of the "
            f"highest here: a model near chance has little to lose. {below} below it follow."
        )
    return f'<p class="selection">{escape(" ".join(said))}</p>' if said else ""


def format_rule(rows: pd.DataFrame, sort: str = HEADLINE) -> str:
    """What the numbers under "#" say, and how many rows have a rank."""
    if sort != HEADLINE and not is_text(sort):
        return f'<p class="rule">{escape(BY_VALUE)}</p>'
    ranked = int(rows["rank_best"].notna().sum()) if "rank_best" in rows else 0
    places = "" if ranked or is_text(sort) else " # is the place by top-1 alone, which nothing tests."
    return f'<p class="rule">{escape(RULE)} Here {ranked} of {len(rows)} rows have a rank.{places}</p>'


def format_pager(page: int, last: int, query: BoardQuery) -> str:
    """Buttons to the pages beside this one, and links to the rows as files."""
    words = format_query(replace(query, page=0, tab="", columns="", pinned=""))

    def button(target: int, text: str) -> str:
        off = "" if 0 <= target <= last and target != page else " disabled"
        return f'<button type="button" data-page="{target}"{off}>{text}</button>'

    return (
        f'<nav class="pager" aria-label="pages">{button(page - 1, "‹ previous")}'
        f"<span>page {page + 1} of {last + 1}</span>{button(page + 1, 'next ›')}"
        f'<a href="board.csv?{escape(words)}" download="imagenet-g.csv">CSV</a>'
        f'<a href="board.parquet?{escape(words)}" download="imagenet-g.parquet">parquet</a></nav>'
    )
