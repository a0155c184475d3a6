"""Control values to a query and back: the order here is the order of the controls on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from imagenet_g.leaderboard.board import Board
from imagenet_g.leaderboard.queries import BoardQuery, settle_query

Order: TypeAlias = tuple[str, bool, int]
"""Column sorted by, whether ascending, page."""
CONTROLS = (
    "version", "split", "baseline", "link", "search",
    "training", "supervision", "generated", "trust", "family", "size",
)  # fmt: skip
"""Fields of `BoardQuery` that have a control; sorting and paging are in the table itself."""
FILTER_COLUMNS = {
    "training": "training_data",
    "supervision": "supervision",
    "trust": "trust",
    "family": "family",
}
SORT_ASCENDING_FIRST = ("model", "family", "training_data")


def make_query(board: Board, values: Sequence[object], order: Order) -> BoardQuery:
    """The query the controls stand for; whatever a client sends becomes one that can be answered."""
    given = {name: str(value or "") for name, value in zip(CONTROLS, values, strict=True)}
    filled = {name: value for name, value in given.items() if value or name == "search"}
    sort, ascending, page = order
    return settle_query(board, BoardQuery(**filled, sort=sort, ascending=ascending, page=page))


def click_table(order: Order, clicked: Mapping[str, object]) -> Order:
    """Sorting and page after a click on a heading or on the pager."""
    sort, ascending, page = order
    if wanted := clicked.get("sort"):
        same = wanted == sort
        return str(wanted), (not ascending) if same else wanted in SORT_ASCENDING_FIRST, 0
    text = str(clicked.get("page", page))
    return sort, ascending, int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0


def split_query(query: BoardQuery) -> tuple[tuple[str, ...], Order]:
    """Values of the controls, and sorting and page."""
    return tuple(getattr(query, name) for name in CONTROLS), (query.sort, query.ascending, query.page)


def reset_page(query: BoardQuery) -> BoardQuery:
    """The query on its first page, as after a change of filters."""
    return replace(query, page=0)
