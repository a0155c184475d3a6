"""Controls to a query and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from submission_cases import ROOT

from imagenet_g.leaderboard.app.page import is_shown
from imagenet_g.leaderboard.app.state import (
    list_bases,
    list_views,
    make_query,
    part_view,
    split_query,
)
from imagenet_g.leaderboard.board.board import Board, BoardVersion, load_board
from imagenet_g.leaderboard.board.build import build_board
from imagenet_g.leaderboard.moves.choosing import describe_order_changes
from imagenet_g.leaderboard.pages.queries import BoardQuery, parse_query, settle_query
from imagenet_g.leaderboard.pages.tables import DEFAULT_COLUMNS, format_columns, list_columns

SPLITS = ("v9/sd-l", "v9/sd-l:clip-filtered", "v9/sd-l:clip-filtered-0.2", "v9/sd-l:imagenet-100", "v9/sd-i")


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    """The repository's board with a version `v9`: the rows of mini under the names of filtered splits."""
    folder: Path = tmp_path_factory.mktemp("board")
    build_board(ROOT, folder, published=False)
    mini = load_board(folder)
    names = dict(zip(mini.info.versions[0].splits, SPLITS, strict=False))
    rows = mini.scores[mini.scores["split"].isin(names)]
    scores = rows.assign(version="v9", split=rows["split"].map(names))
    version = BoardVersion(name="v9", title="v9", notice=None, splits=SPLITS, num_models=3)
    return replace(mini, info=mini.info.model_copy(update={"versions": (version,)}), scores=scores)


def test_a_filter_is_parted_from_its_split() -> None:
    """A hand or a set of classes stays part of the name."""
    assert part_view("v9/sd-l:clip-filtered-0.2") == ("v9/sd-l", "clip-filtered-0.2")
    assert part_view("v9/sd-l:imagenet-100") == ("v9/sd-l:imagenet-100", "")


def test_the_split_picker_names_a_split_once() -> None:
    """Filtered or not."""
    assert list_bases(SPLITS) == ("v9/sd-l", "v9/sd-l:imagenet-100", "v9/sd-i")


def test_a_split_offers_all_its_images_and_its_filters() -> None:
    """All first; a split nobody filtered offers nothing else."""
    assert list_views(SPLITS, "v9/sd-l") == ("", "clip-filtered", "clip-filtered-0.2")
    assert list_views(SPLITS, "v9/sd-i") == ("",)


@pytest.mark.parametrize("split", SPLITS)
def test_controls_and_query_say_the_same(board: Board, split: str) -> None:
    """There and back."""
    query = settle_query(board, BoardQuery(version="v9", split=split, search="lite", sort="gap", page=2))
    assert make_query(board, *split_query(query)) == query


def test_a_filter_the_new_split_does_not_have_is_dropped(board: Board) -> None:
    """As when the split is changed while the filtered view is shown."""
    query = settle_query(board, BoardQuery(version="v9", split="v9/sd-l:clip-filtered"))
    values, order = split_query(query)
    assert make_query(board, [values[0], "v9/sd-i", *values[2:]], order).split == "v9/sd-i"


def test_controls_that_an_address_filled_change_nothing(board: Board) -> None:
    """Whatever page of the table it opens; another split, sorting or filter does."""
    words = "version=v9&split=v9%2Fsd-i&sort=gap&part=2&tab=scatter&columns=model"
    query = settle_query(board, replace(parse_query(words), page=0, tab="", columns=""))
    assert is_shown(board, words, query)
    for change in ({"split": SPLITS[0]}, {"sort": "er"}, {"search": "lite"}):
        assert not is_shown(board, words, replace(query, **change))  # type: ignore[arg-type]


def test_a_filter_on_what_no_row_has_is_dropped(board: Board) -> None:
    """As an old link, or one for another version, may carry."""
    settled = settle_query(board, parse_query("version=v9&family=nonsense&size=huge&generated=perhaps"))
    assert (settled.family, settled.size, settled.generated) == ("any", "any", "any")


def test_order_changes_between_all_images_and_the_filtered_are_said(board: Board) -> None:
    """By accuracy, which needs no baseline."""
    here = settle_query(board, BoardQuery(version="v9", split="v9/sd-l"))
    words = describe_order_changes(board, here, replace(here, split="v9/sd-l:clip-filtered"), "top1")
    assert "of 3 models change place by top-1 between v9/sd-l and v9/sd-l:clip-filtered" in words


def test_columns_come_back_from_the_address() -> None:
    """Unknown ones are dropped, the usual ones need no words."""
    assert list_columns("model,nonsense,top5,model") == ("model", "top5")
    assert list_columns("") == DEFAULT_COLUMNS
    assert format_columns(DEFAULT_COLUMNS) == ""
    assert list_columns(format_columns(["model", "top5"])) == ("model", "top5")
