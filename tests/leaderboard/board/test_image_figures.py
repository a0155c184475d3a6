"""Figures of a split's images beside the scores on it."""

from __future__ import annotations

from critique_cases import make_critique

from imagenet_g.benchmark.critiques.critique import Critique
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.board.image_figures import find_validity, load_version_critiques
from imagenet_g.leaderboard.pages.tables import DEFAULT_COLUMNS, load_columns


def load_simulated() -> Critique:
    """A critique with ratings that a program gave."""
    return load_version_critiques("mini-v2")["mini-v2/sd-i"]


def test_simulated_ratings_are_not_shown() -> None:
    """A rating that no person gave stands beside no score."""
    critique = load_simulated()
    assert critique.audit is not None
    assert critique.audit.simulated
    assert find_validity(critique) is None


def test_ratings_of_people_are_shown_as_they_are_corrected() -> None:
    """The same numbers, had people given them."""
    critique = load_simulated()
    assert critique.audit is not None
    audit = critique.audit.model_copy(update={"simulated": False})
    assert audit.not_valid.corrected is not None
    by_people = critique.model_copy(update={"audit": audit})
    assert find_validity(by_people) == audit.not_valid.corrected.value


def test_without_an_audit_validity_is_unknown() -> None:
    """And not the recognised share."""
    assert find_validity(make_critique()) is None


def test_a_version_without_a_release_here_has_no_critique() -> None:
    """Nor a message."""
    assert load_version_critiques("v1") == {}
    assert load_version_critiques("imagenet-r") == {}


def test_the_rows_of_a_split_have_the_figures_of_its_critique(board: Board) -> None:
    """The same for every model; a split without a critique has none."""
    shown = 0
    for split, rows in board.scores.groupby("split"):
        critique = load_version_critiques(str(split).partition("/")[0]).get(str(split))
        if critique is None or critique.recognition is None or critique.distances is None:
            assert rows["images_recognised"].isna().all()
            continue
        shown += 1
        assert set(rows["images_recognised"]) == {critique.recognition.share.value}
        assert rows["images_distance"].nunique() == 1
        assert rows["images_valid"].isna().all()
    assert shown >= 1


def test_the_columns_can_be_chosen() -> None:
    """They are no part of the usual ones: each is the same for every model."""
    names = {"images_valid", "images_recognised", "images_distance"}
    assert names <= set(load_columns())
    assert not names & set(DEFAULT_COLUMNS)
