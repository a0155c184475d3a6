"""The badge of a model on a split."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.model_page.badge import MAX_LETTERS, draw_badge, format_badge, format_markdown
from imagenet_g.leaderboard.model_page.page import show_model
from imagenet_g.leaderboard.pages.queries import BoardQuery, settle_query

LITE = "imagenet-g__efficientnet-lite0"


def read_words(svg: str) -> list[str]:
    """Texts of a badge; it must be well-formed XML."""
    root = ElementTree.fromstring(svg)
    return [str(one.text) for one in root.iter("{http://www.w3.org/2000/svg}text")]


def test_a_badge_names_split_version_accuracy_and_trust(board: Board) -> None:
    """Of a set of another name than its version too."""
    assert read_words(format_badge(board, LITE, "mini/renditions")) == [
        "ImageNet-G mini/renditions",
        "18.81 % top-1, recomputed",
    ]
    words = read_words(format_badge(board, "timm-in1k/resnet50.a1_in1k", "imagenet-r"))
    assert words[0] == "ImageNet-G imagenet-r (real-sets)"
    assert words[1].endswith("% top-1, published")


@pytest.mark.parametrize(
    ("model", "split"),
    [
        ("nobody", "mini/renditions"),
        (LITE, "mini/gone"),
        (LITE, "mini/real"),
        ("", ""),
        (LITE, "<svg onload=x>"),
    ],
)
def test_a_badge_without_a_row_says_unknown(board: Board, model: str, split: str) -> None:
    """Never a number that is not there."""
    assert read_words(format_badge(board, model, split))[1] == "unknown"


@given(st.text(), st.text())
def test_a_badge_is_bounded_and_well_formed_whatever_is_asked_for(left: str, right: str) -> None:
    """Control characters aside, which XML has no form of and `format_badge` replaces."""
    plain = ["".join(c for c in text if c.isprintable()) for text in (left, right)]
    words = read_words(draw_badge(plain[0], plain[1], "#555"))
    assert all(len(word) <= MAX_LETTERS for word in words)


@pytest.mark.parametrize("split", ["a\x00b", "\x1b[2J", "x" * 100_000, "\ud800"])
def test_a_hostile_split_is_well_formed_too(board: Board, split: str) -> None:
    """Through the function that the address calls."""
    svg = format_badge(board, "x" * 100_000, split)
    assert len(svg) < 1500
    assert read_words(svg)[1] == "unknown"


def test_the_markdown_shows_the_badge_and_leads_to_the_page(board: Board) -> None:
    """Of the split that is chosen, or of the first with a result."""
    for split, shown in (
        ("mini/renditions:noto", "mini%2Frenditions%3Anoto"),
        ("mini/sd-l", "mini%2Frenditions"),
    ):
        page = show_model(board, settle_query(board, BoardQuery(version="mini", split=split, model=LITE)))
        found = re.search(
            r"\[!\[[^\]]*\]\(BOARD/badge\.svg\?model=([^&]+)&amp;split=([^)]+)\)\]\(BOARD/\?", page
        )
        assert found is not None
        assert found.groups() == (LITE, shown)


def test_a_name_cannot_end_the_markdown() -> None:
    """Brackets and markup in it become spaces."""
    assert format_markdown("](javascript:x) <b>`", "p", "q") == "[![ (javascript:x)  b  ](BOARD/p)](BOARD/q)"


def test_a_self_reported_row_says_so(board: Board) -> None:
    """A badge is shown where its reader cannot see the table."""
    listed = replace(board, scores=board.scores.assign(trust="self-reported"))
    assert read_words(format_badge(listed, LITE, "mini/renditions"))[1] == "18.81 % top-1, self-reported"
