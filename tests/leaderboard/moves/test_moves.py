"""Order changes: which models, in which words, and the same numbers in the drawing and in the list."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest

from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.moves.choosing import MAX_MOVES, MOST, TOP, choose_moves, describe_order_changes
from imagenet_g.leaderboard.moves.drawing import format_order_changes
from imagenet_g.leaderboard.pages.queries import BoardQuery, compare_places, settle_query

REAL = BoardQuery(version="real-sets", split="imagenet-v2")


def ask(board: Board, query: BoardQuery, **there: str) -> tuple[BoardQuery, BoardQuery]:
    """Both sides of a comparison."""
    here = settle_query(board, query)
    return here, replace(here, **there)  # type: ignore[arg-type]


@pytest.mark.parametrize("shown", [TOP, MOST])
def test_the_list_has_the_places_of_the_order(board: Board, shown: str) -> None:
    """Those of `compare_places`, for the first models or for those that move most."""
    here, there = ask(board, REAL, split="imagenet-sketch")
    places = compare_places(board, here, there, "top1")
    page = format_order_changes(board, here, there, "top1", shown)
    rows = re.findall(r'<td class="num">(\d+)</td><td class="num">(\d+)</td>', page)
    assert len(rows) == MAX_MOVES == page.count('<g class="move')
    found = [(int(first), int(second)) for first, second in rows]
    assert set(found) <= set(places.values())
    if shown == TOP:
        assert found == sorted(places.values())[:MAX_MOVES]
    else:
        most = sorted((abs(one - other) for one, other in places.values()), reverse=True)
        assert sorted((abs(one - other) for one, other in found), reverse=True) == most[:MAX_MOVES]


def test_every_line_has_a_name_at_both_ends(board: Board) -> None:
    """As text, cut where it is long; whole as the line's title."""
    here, there = ask(board, BoardQuery(version="v1", split="v1/sd-l"), split="v1/sd-i")
    page = html.unescape(format_order_changes(board, here, there, "top1", TOP))
    drawing = page[: page.index("</svg>")]
    assert drawing.count("CLIP ViT-B/32, zero-shot") == 3
    assert "ViT-L/14-336 (pre-trained on ImageNet-12k, fine-tuned): place 4 to 2" in drawing


def test_what_has_no_place_is_said_with_what_to_choose(board: Board) -> None:
    """Not an empty drawing."""
    here, there = ask(board, BoardQuery(version="v1", split="v1/sd-l"), split="v1/sd-i")
    words = describe_order_changes(board, here, there, "er")
    assert "No model has a place by effective robustness on v1/sd-l" in words
    assert "Order by accuracy gap or top-1 instead" in words
    assert format_order_changes(board, here, there, "er", TOP) == ""


def test_a_split_of_self_reported_rows_says_that_they_have_no_place(board: Board) -> None:
    """And not that its models have no accuracy."""
    listed = replace(board, scores=board.scores.assign(trust="self-reported"))
    here, there = ask(listed, BoardQuery(version="v1", split="v1/sd-l"), split="v1/sd-i")
    words = describe_order_changes(listed, here, there, "top1")
    assert words.startswith(
        "No model has a place by top-1 on v1/sd-l or v1/sd-i. Self-reported rows have none."
    )


def test_two_equal_sides_are_not_drawn(board: Board) -> None:
    """Lines that all run level would say nothing."""
    here, there = ask(board, REAL)
    assert format_order_changes(board, here, there, "top1", TOP) == ""
    assert describe_order_changes(board, here, there, "top1").startswith("Both sides are the same.")


def test_a_hostile_name_is_text(board: Board) -> None:
    """In the drawing and in the list."""
    names = board.scores.assign(model="<script>x</script>")
    here, there = ask(board, REAL, split="imagenet-sketch")
    assert "<script" not in format_order_changes(replace(board, scores=names), here, there, "top1", TOP)


def test_models_that_stay_are_among_the_first_places() -> None:
    """The first places are shown whether they move or not."""
    assert [move.risen for move in choose_moves({"a": (1, 1), "b": (2, 3), "c": (3, 2)}, TOP)] == [0, -1, 1]
