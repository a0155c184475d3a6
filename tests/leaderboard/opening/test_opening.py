"""The opening: its numbers are those of the rows, and what is missing is said."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from statistics import median

import pytest

from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.opening.class_strip import (
    NUM_IMAGES,
    SOURCE,
    choose_class,
    choose_rows,
    count_right,
    find_edition,
    format_class_strip,
)
from imagenet_g.leaderboard.opening.finding import find_real, list_generated, number_models
from imagenet_g.leaderboard.opening.opening import format_opening
from imagenet_g.leaderboard.opening.overview import format_overview
from imagenet_g.leaderboard.opening.sentences import NO_ROWS, format_headline, list_sentences
from imagenet_g.leaderboard.pages.image_cards import open_split, read_column

PAPER = {"SD-L": (55.93, 66.24, 68.61, 71.89, 64.05), "SD-I": (33.38, 35.67, 39.29, 34.45, 34.67)}
CLEAN = (79.28, 88.54, 88.26, 68.33, 81.31)
"""Table 9 of the paper, in the order of its rows, without the model that was trained on generated images."""


def keep_rows(board: Board, version: str, split: str = "") -> Board:
    """The board with the rows of one version, and of one split where it is named."""
    rows = board.scores[board.scores["version"] == version]
    info = board.info.model_copy(update={"versions": (board.info.find_version(version),)})
    return replace(board, scores=rows[rows["split"] == split] if split else rows, info=info)


def test_the_headline_has_the_medians_of_the_published_rows(board: Board) -> None:
    """Computed here from the printed accuracies; the model that was trained on such images is not counted."""
    line = format_headline(list_generated(board))
    for name, printed in PAPER.items():
        lost = median(clean - top1 for top1, clean in zip(printed, CLEAN, strict=True))
        assert f"<b>{lost:.1f} points</b> on {name}" in line


def test_the_sentences_follow_the_rows(board: Board) -> None:
    """Other accuracies, other words: no number is typed."""
    scores = board.scores.copy()
    ours = scores["version"] == "v1"
    scores.loc[ours, "top1"] = scores.loc[ours, "clean"] + 0.01
    scores.loc[ours, ["top1_low", "top1_high"]] = float("nan")
    scores.loc[ours, "gap"] = 0.01
    better = list_generated(replace(board, scores=scores))
    assert "gains 1.0 points</b> on SD-L" in format_headline(better)
    first, second, *_ = list_sentences(better, None)
    assert first == "None of 5 models is less accurate on SD-L than on photographs."
    assert second.startswith("No pair of models changes its order")


def test_pairs_that_turn_round_are_counted(board: Board) -> None:
    """By hand: zero-shot CLIP passes all four others, and MaxViT passes the ViT."""
    order = list_sentences(list_generated(board), None)[1]
    assert "5 of 10 pairs" in order
    assert "CLIP ViT-B/32, zero-shot, 10.9 points behind ResNeXt-101" in order


def test_the_set_beside_it_is_on_the_same_clean_axis(board: Board) -> None:
    """Of those that cost models most: ImageNet-R and -A cover other classes."""
    real = find_real(board, "imagenet-val")
    assert real is not None
    assert real.split == "imagenet-sketch"
    assert real.line is not None


def test_without_rows_the_headline_says_so(board: Board) -> None:
    """And the real sets stand below."""
    alone = keep_rows(board, "real-sets")
    assert NO_ROWS in format_opening(alone)
    assert "<svg" not in format_opening(alone)


def test_a_practice_version_says_so_where_there_is_no_other(board: Board) -> None:
    """Its clean set holds drawings and no photographs."""
    page = format_opening(keep_rows(board, "mini-v2"))
    assert "mini-v2 (practice)" in page
    assert "From mini/real to generated images" in page
    assert "than on photographs" not in page


def test_a_measured_line_is_drawn_where_the_version_has_one(board: Board) -> None:
    """With its band, and its models in words; v1 has none yet."""
    page = format_opening(keep_rows(board, "mini-v2"))
    assert page.count('<path class="line"') == page.count('<path class="band"') == 3
    assert "The line of 8 standard models has r²" in page
    assert '<path class="line"' not in format_opening(keep_rows(board, "v1"))


def test_an_absent_score_is_visibly_absent(board: Board) -> None:
    """And no average hides it."""
    scores = board.scores
    gone = (scores["split"] == "v1/sd-i") & scores["model_id"].str.endswith("/resnext-101")
    less = replace(board, scores=scores[~gone])
    models = list(number_models(board, "v1"))
    assert "not measured" not in format_overview(board, "v1", models)
    table = format_overview(less, "v1", models)
    assert table.count("not measured") == 1
    assert "average" not in re.sub("<caption>.*?</caption>", "", table)


def test_every_strategy_is_shown_from_the_same_real_images(board: Board) -> None:
    """The sources of the generated images are the real ones beside them; the edition is named."""
    edition = find_edition(board)
    assert edition is not None
    right = {split: count_right(board, split) for split in edition.splits}
    index, _ = choose_class(edition, right)
    rows = choose_rows(edition, index)
    assert {split: len(found) for split, found in rows.items()} == dict.fromkeys(rows, NUM_IMAGES)
    ids = [open_split(edition.reference).rows.image_ids[row] for row in rows[edition.reference]]  # type: ignore[union-attr]
    for split in ("mini-v2/sd-i", "mini-v2/sd-li"):
        assert [(read_column(split, SOURCE) or ())[row] for row in rows[split]] == ids
    page = format_class_strip(board)
    assert page.count("<img ") == 4 * NUM_IMAGES
    assert "from mini-v2 (practice), not from v1, whose images are not here" in page


def test_right_answers_are_counted_as_the_board_counts_them(board: Board) -> None:
    """Over all images of a split they give the accuracies of its rows."""
    counted = count_right(board, "mini-v2/sd-l")
    rows = board.scores[(board.scores["split"] == "mini-v2/sd-l")]
    share = sum(right for right, _ in counted.values()) / sum(models for _, models in counted.values())
    assert share == pytest.approx(rows["top1"].mean())


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(name for name, _ in attrs if name.startswith("on"))}


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>", "'\"><script>alert(1)</script>"])
def test_hostile_names_are_text(board: Board, name: str) -> None:
    """Of models and of clean sets, in figures and tables alike."""
    scores = board.scores.assign(model=name, trust=name, organisation=name)
    parser = _Tags()
    parser.feed(format_opening(replace(board, scores=scores)))
    assert not parser.found & {"script", "onerror"}
