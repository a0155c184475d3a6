"""Scores equated to the version before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.board.equated import find_earlier, find_panel, list_kin
from imagenet_g.leaderboard.pages.queries import BoardQuery, settle_query
from imagenet_g.leaderboard.pages.table_view import show_table

NEW, OLD = "mini-v2/sd-l", "mini/sd-l"


def test_scores_of_a_new_version_are_equated_to_the_split_of_that_name(board: Board) -> None:
    """Every model with stored answers, whose score lies in its interval."""
    rows = board.scores[board.scores["split"] == NEW]
    assert len(rows) == 3
    assert set(rows["equated_to"]) == {OLD}
    assert rows["equated"].between(rows["equated_low"], rows["equated_high"]).all()


def test_an_easier_version_gives_a_lower_equated_score(board: Board) -> None:
    """Models score higher on mini-v2 than on mini, so part of their score is the images'."""
    old, new = (board.scores[board.scores["split"] == ref].set_index("model_id") for ref in (OLD, NEW))
    assert (new["top1"] > old["top1"]).all()
    assert (new["equated"] < new["top1"]).all()


@pytest.mark.parametrize("split", [f"{NEW}:clip-filtered", OLD, "mini/real", "imagenet-r"])
def test_what_no_panel_reaches_is_not_equated(board: Board, split: str) -> None:
    """Views, first versions, clean sets and real sets."""
    assert board.scores[board.scores["split"] == split]["equated"].isna().all()


def test_the_panel_is_of_models_that_made_no_image() -> None:
    """By weights."""
    panel = find_panel(NEW)[2]
    assert len(panel.models) >= 5
    assert not set(panel.weights) & (list_kin(NEW) | list_kin(OLD))


def test_a_practice_edition_is_not_equated_to_a_real_version() -> None:
    """They measure different things."""
    assert (find_earlier("mini-v2", "sd-l"), find_earlier("v1", "sd-l")) == ("mini", None)


def test_the_equated_score_stands_beside_the_score_it_restates(board: Board) -> None:
    """Where some row has one."""
    query = settle_query(board, BoardQuery(version="mini-v2", split=NEW))
    columns = ("rank", "model", "top1", "gap", "er", "clean", "trust", "flags", "training", "parameters")
    assert "Equated, %" in show_table(board, query, columns)
    assert "Equated, %" not in show_table(board, replace(query, split=f"{NEW}:clip-filtered"), columns)
