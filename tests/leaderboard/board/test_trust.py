"""A board of one split and three levels of trust: who is ranked, in which order, and who is only listed."""

from __future__ import annotations

import csv
import io
import json
import shutil
from dataclasses import replace

import pytest
from submission_cases import ROOT

from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.board.build import build_board
from imagenet_g.leaderboard.board.ranks import LISTED
from imagenet_g.leaderboard.pages.cells import format_csv
from imagenet_g.leaderboard.pages.queries import BoardQuery, find_places, select_rows
from imagenet_g.leaderboard.pages.table_view import show_table

LEVELS = {"lite2": "verified", "lite0": "recomputed", "lite1": "self-reported"}
"""The better the model, the less is known of it: by top-1 alone the order would be the reverse."""
QUERY = BoardQuery(version="mini", split="mini/renditions", baseline="testbed")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Board:
    """Three shipped submissions whose reviews are of three levels, in one step of the board's own build."""
    folder = tmp_path_factory.mktemp("trust")
    for name, level in LEVELS.items():
        stem = f"imagenet-g__efficientnet-{name}"
        shutil.copytree(ROOT / "mini" / stem, folder / "s" / "mini" / stem)
        shutil.copy(ROOT / "mini" / f"{stem}.json", folder / "s" / "mini")
        review = json.loads((ROOT / "mini" / f"{stem}.review.json").read_text())
        (folder / "s" / "mini" / f"{stem}.review.json").write_text(json.dumps({**review, "trust": level}))
    return build_board(folder / "s", folder / "board", published=False)


def list_names(board: Board, **change: object) -> list[str]:
    """The models of the split in the order of a query, by the end of their names."""
    rows = select_rows(board, replace(QUERY, **change))  # type: ignore[arg-type]
    return [model_id.rpartition("-")[2] for model_id in rows["model_id"]]


def test_the_ranking_has_verified_rows_first_and_self_reported_ones_last(mixed: Board) -> None:
    """Whatever their top-1."""
    top1 = select_rows(mixed, QUERY).set_index("model_id")["top1"]
    assert list_names(mixed) == ["lite2", "lite0", "lite1"]
    assert top1.is_monotonic_increasing


@pytest.mark.parametrize("sort", ["gap", "clean", "parameters", "model"])
@pytest.mark.parametrize("ascending", [False, True])
def test_no_order_puts_a_self_reported_row_first(mixed: Board, sort: str, ascending: bool) -> None:
    """Sorted by a number it would lead; the others are in the order that was asked for."""
    names = list_names(mixed, sort=sort, ascending=ascending)
    assert names[-1] == "lite1"
    assert names != list_names(mixed, sort=sort, ascending=not ascending)


def test_a_self_reported_row_has_no_rank_and_takes_none(mixed: Board) -> None:
    """Two models are ranked, 1 and 2; the third is listed."""
    rows = select_rows(mixed, QUERY).set_index("trust")
    assert rows["rank_best"].to_dict() | {"self-reported": None} == {
        "verified": 1,
        "recomputed": 2,
        "self-reported": None,
    }
    assert rows["rank_best"].isna()["self-reported"]
    assert rows["unranked"]["self-reported"] == LISTED


def test_the_page_says_listed_and_why(mixed: Board) -> None:
    """In place of a rank, the reason on hover."""
    page = show_table(mixed, QUERY, ["rank", "model"])
    assert f'title="{LISTED}">listed</span>' in page
    assert "Here 2 of 3 rows have a rank." in page


def test_the_file_of_the_rows_has_the_order_and_the_ranks_of_the_page(mixed: Board) -> None:
    """So that a spreadsheet does not rank what the page lists."""
    rows = list(csv.DictReader(io.StringIO(format_csv(select_rows(mixed, QUERY)))))
    assert [(row["trust"], row["rank_best"]) for row in rows] == [
        ("verified", "1"),
        ("recomputed", "2"),
        ("self-reported", ""),
    ]


@pytest.mark.parametrize("by", ["top1", "gap"])
def test_a_self_reported_row_has_no_place_among_the_others(mixed: Board, by: str) -> None:
    """Neither by accuracy nor by the gap."""
    places = find_places(mixed, QUERY, by)
    assert sorted(places.tolist()) == [1, 2]
    assert not any("lite1" in model_id for model_id in places.index)
