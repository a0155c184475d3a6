"""Control values to a query and back: the order here is the order of the controls on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from imagenet_g.benchmark.results import HEADLINE
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.pages.queries import (
    MAX_PINNED,
    MAX_WORDS,
    PAGE_WORD,
    BoardQuery,
    settle_query,
)
from imagenet_g.leaderboard.selecting.ordering import is_smallest_first


class Order(NamedTuple):
    """What a reader sets in the table itself: column sorted by, whether ascending, page and pinned models."""

    sort: str = HEADLINE
    ascending: bool = False
    page: int = 0
    pinned: str = ""


CONTROLS = (
    "version", "split", "view", "baseline", "link", "search",
    "training", "supervision", "generated", "trust", "family", "size",
    "ranges", "since", "new", "axis",
)  # fmt: skip
"""Fields of `BoardQuery` that have a control, and `view`, which the address has within the split; sorting,
paging and pins are in the table itself."""
RAW = ""
"""The view of all images."""


def make_query(board: Board, values: Sequence[object], order: Order) -> BoardQuery:
    """The query of the controls' values; whatever a client sends becomes one that can be answered."""
    # An emptied dropdown sends None, and a client of Gradio's interface may send any type.
    given: dict[str, Any] = {name: str(value or "") for name, value in zip(CONTROLS, values, strict=True)}
    view, base = given.pop("view"), given["split"]
    splits = board.info.find_version(given["version"]).splits
    if view in list_views(splits, base):
        given["split"] = join_view(base, view)
    filled = {name: value for name, value in given.items() if value}
    return settle_query(board, BoardQuery(**(filled | order._asdict())))


def part_view(split: str) -> tuple[str, str]:
    """A split and its quality filter.

    Other views, such as an art set of `mini` or a set of classes, are splits of their own for a reader.

    Example:
        >>> part_view("v1/sd-l:clip-filtered")
        ('v1/sd-l', 'clip-filtered')
        >>> part_view("v1/sd-l:drawn-104")
        ('v1/sd-l:drawn-104', '')
    """
    base, _, view = split.partition(":")
    return (base, view) if "filtered" in view.split("-") else (split, RAW)


def join_view(split: str, view: str) -> str:
    """The reference of a split under a filter.

    Example:
        >>> join_view("v1/sd-l", "clip-filtered"), join_view("v1/sd-l", "")
        ('v1/sd-l:clip-filtered', 'v1/sd-l')
    """
    return f"{split}:{view}" if view else split


def list_bases(splits: Sequence[str]) -> tuple[str, ...]:
    """Choices of the split picker: every split once, filtered or not.

    Example:
        >>> list_bases(["v1/sd-l", "v1/sd-l:clip-filtered", "v1/sd-i"])
        ('v1/sd-l', 'v1/sd-i')
    """
    # A dict and not a set keeps the order of the version.
    return tuple(dict.fromkeys(part_view(split)[0] for split in splits))


def list_views(splits: Sequence[str], base: str) -> tuple[str, ...]:
    """Views of one split, all images first where that view exists.

    Example:
        >>> list_views(["v1/sd-l:clip-filtered", "v1/sd-l", "v1/sd-i"], "v1/sd-l")
        ('', 'clip-filtered')
    """
    return tuple(sorted(view for found, view in map(part_view, splits) if found == base))


def has_words(text: str) -> bool:
    """Whether an address says anything about the board, even what the page shows anyway.

    Example:
        >>> has_words("version=v1"), has_words("part=0"), has_words("__theme=dark"), has_words("")
        (True, True, False, False)
    """
    known = {field.name for field in fields(BoardQuery)} - {"page"} | {PAGE_WORD}
    # As much as is read of it as a query, and one part at a time: anybody can type an address.
    return any(part.partition("=")[0] in known for part in text[:4000].split("&")[:MAX_WORDS])


def click_table(order: Order, clicked: Mapping[str, object]) -> Order:
    """Sorting, page and pins after a click on a heading, on the pager or on a pin.

    Example:
        >>> click_table(Order("top1", False, 2), {"sort": "top1"})[:3]  # the same again: the other direction
        ('top1', True, 0)
        >>> click_table(Order("top1", False, 2), {"page": "3"})[:3]
        ('top1', False, 3)
        >>> click_table(Order("top1", False, 2), {"page": "-1"})[:3]
        ('top1', False, 0)
        >>> click_table(Order(pinned="a;b"), {"pin": "a"}).pinned
        'b'
    """
    if wanted := clicked.get("sort"):
        ascending = (not order.ascending) if wanted == order.sort else is_smallest_first(str(wanted))
        return order._replace(sort=str(wanted), ascending=ascending, page=0)
    if model_id := clicked.get("pin"):
        return order._replace(pinned=toggle_pin(order.pinned, str(model_id)))
    # The click comes from the reader's browser and may hold anything; `int` alone would raise, or accept a
    # number of a million digits.
    text = str(clicked.get("page", order.page))
    page = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    return order._replace(page=page)


def toggle_pin(pinned: str, model_id: str) -> str:
    """Pins with one more, or without it; the newest `MAX_PINNED` stay.

    Example:
        >>> toggle_pin("a", "b"), toggle_pin("a;b", "a")
        ('a;b', 'b')
    """
    names = [name for name in pinned.split(";") if name]
    kept = [name for name in names if name != model_id] if model_id in names else [*names, model_id]
    return ";".join(kept[-MAX_PINNED:])


def split_query(query: BoardQuery) -> tuple[tuple[str, ...], Order]:
    """Values of the controls, and sorting and page."""
    base, view = part_view(query.split)
    given = {"split": base, "view": view}
    values = tuple(given[name] if name in given else getattr(query, name) for name in CONTROLS)
    return values, Order(query.sort, query.ascending, query.page, query.pinned)
