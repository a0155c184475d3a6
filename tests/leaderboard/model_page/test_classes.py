"""Hardest and easiest classes, and confusions, of a model's page."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd
import pytest

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.leaderboard.board.answer_tables import ANSWER
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.model_page import classes as section
from imagenet_g.leaderboard.model_page.answers import (
    load_answered_pair,
    load_first_answers,
    rank_classes,
    rank_confusions,
)
from imagenet_g.leaderboard.model_page.classes import format_classes, order_easiest
from imagenet_g.leaderboard.model_page.models import BoardEntry, find_model
from imagenet_g.leaderboard.pages.queries import BoardQuery, settle_query

CLIP, LITE = "imagenet-g__mini-clip", "imagenet-g__efficientnet-lite0"
SPLIT = "mini/sd-l"


def find(board: Board, model: str) -> BoardEntry:
    """A model of the board."""
    found = find_model(board, settle_query(board, BoardQuery(version="mini", model=model)))
    assert found is not None
    return found


def count_answers(board: Board, split: str, model: str) -> pd.DataFrame:
    """Images by class and answer, counted anew: one row an image, with whether it is right."""
    answers = board.load_answers(split)
    assert answers is not None
    said = answers[ANSWER + model]
    right = [answer in labels for answer, labels in zip(said, answers["labels"], strict=True)]
    return pd.DataFrame({"truth": [labels[0] for labels in answers["labels"]], "said": said, "right": right})


def test_the_hardest_class_has_the_lowest_upper_end_and_the_easiest_the_highest_lower_end(
    board: Board,
) -> None:
    """Against the counts of the stored answers."""
    pair = load_answered_pair(board, find(board, LITE), "mini/renditions")
    assert pair is not None
    ranked = rank_classes(pair)
    counts = count_answers(board, "mini/renditions", LITE).groupby("truth")["right"].agg(["sum", "count"])
    assert len(ranked) == len(counts)
    for row in (ranked[0], order_easiest(ranked)[0]):
        assert (row.split.count, row.split.total) == tuple(counts.loc[row.index])
    none_right = counts[counts["sum"] == 0]["count"]
    assert ranked[0].split.count == 0
    assert ranked[0].split.total == none_right.max()


def test_confusions_are_ordered_by_what_the_split_adds_to_the_clean_sets_share(board: Board) -> None:
    """Counted anew from both sets of answers."""
    pair = load_answered_pair(board, find(board, CLIP), SPLIT)
    assert pair is not None
    assert pair.reference == "mini/real"
    first = rank_confusions(pair)[0]
    ours, theirs = (count_answers(board, split, CLIP) for split in (SPLIT, "mini/real"))
    wrong = ours[~ours["right"]].groupby(["truth", "said"]).size()
    clean = theirs[~theirs["right"]].groupby(["truth", "said"]).size().reindex(wrong.index, fill_value=0)
    totals = [side.groupby("truth").size() for side in (ours, theirs)]
    truths = wrong.index.get_level_values("truth")
    added = (
        wrong.to_numpy()
        - clean.to_numpy() / totals[1].loc[truths].to_numpy() * totals[0].loc[truths].to_numpy()
    )
    assert first.added == pytest.approx(float(added.max()))
    assert first.split.count == wrong[first.index, first.answer]


def test_images_stand_with_what_they_were_called(board: Board) -> None:
    """As pictures, because the split ships; the names of both sections are the classes' own."""
    page = format_classes(board, find(board, CLIP), SPLIT)
    assert page.count("data:image/webp;base64,") >= 2 * section.NUM_CLASSES_SHOWN
    assert 'class="wrong">✗' in page
    assert 'class="right">✓' in page
    names = {info.name for info in load_classes()}
    assert {name.replace("&#x27;", "'") for name in re.findall(r"<strong>([^<]+)</strong>", page)} <= names


def test_where_the_images_are_not_on_hand_the_page_says_so_and_keeps_the_numbers(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reason."""
    monkeypatch.setattr(section, "open_split", lambda base: "no local copy")
    monkeypatch.setattr(section, "find_rows", lambda base, ids: ())
    page = format_classes(board, find(board, CLIP), SPLIT)
    assert "The images of mini/sd-l cannot be shown here: no local copy" in page
    assert "<img" not in page
    assert re.search(r"\d+ of 10 right", page)


def test_a_published_row_has_no_classes(board: Board) -> None:
    """And the page says why."""
    page = format_classes(board, find(board, "timm-in1k/resnet50.a1_in1k"), SPLIT)
    assert "No single answers of this model are stored" in page


def test_a_split_without_answers_is_named_and_another_stands_in(board: Board) -> None:
    """In words, never in silence."""
    page = format_classes(board, find(board, CLIP), "mini/renditions")
    assert "No answers on mini/renditions are stored." in page
    assert "104 classes of mini/real" in page


def test_a_clean_set_of_other_weights_is_not_compared(board: Board) -> None:
    """One name may stand for other weights in another version."""
    entry = find(board, CLIP)
    first = entry.versions[0]
    assert first.facts is not None
    other = replace(first, facts=first.facts.model_copy(update={"weights_sha256": "0" * 64}))
    mixed = replace(entry, versions=(other, *entry.versions[1:]))
    same, changed = (load_answered_pair(board, one, "mini-v2/sd-l") for one in (entry, mixed))
    assert same is not None
    assert changed is not None
    assert same.reference == "mini/real"
    assert changed.reference is None


def test_one_models_answers_are_read_without_those_of_the_others(board: Board) -> None:
    """And are the same as among all."""
    alone, every = board.load_answers(SPLIT, CLIP), board.load_answers(SPLIT)
    assert alone is not None
    assert every is not None
    assert list(alone.columns) == ["image_id", "labels", f"answer:{CLIP}", f"probability:{CLIP}"]
    assert alone[ANSWER + CLIP].equals(every[ANSWER + CLIP])
    assert board.load_answers(SPLIT, "nobody") is None
    answers = load_first_answers(board, SPLIT, CLIP)
    assert answers is not None
    row = find(board, CLIP).versions[0].splits
    stored = next(one.row["top1"] for one in row if one.split == SPLIT and one.row is not None)
    assert answers.correct.mean() == pytest.approx(stored)
