"""The models that pickers open on."""

from __future__ import annotations

from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.opening.known_models import MAX_KNOWN, choose_known_models, load_known_models


def test_every_well_known_model_is_on_the_board(board: Board) -> None:
    """A name that a table no longer has would be left out without a word."""
    assert choose_known_models(board, "real-sets") == list(load_known_models())


def test_a_version_without_them_opens_on_models_of_its_own(board: Board) -> None:
    """Those on most splits."""
    chosen = choose_known_models(board, "v1")
    assert 0 < len(chosen) <= MAX_KNOWN
    assert set(chosen) <= {model_id for _, model_id in board.models["v1"]}
