"""The table: orders, places, pins, typed ranges and days."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.pages.costs import describe_costs, find_costs
from imagenet_g.leaderboard.pages.pages import show_scatter
from imagenet_g.leaderboard.pages.queries import (
    BoardQuery,
    find_places,
    format_query,
    parse_query,
    select_rows,
    settle_query,
)
from imagenet_g.leaderboard.pages.table_view import show_table
from imagenet_g.leaderboard.selecting.ordering import find_floor
from imagenet_g.leaderboard.selecting.ranges import MAX_RANGES, parse_ranges

REAL = BoardQuery(version="real-sets", split="imagenet-r")
SUBMITTED = BoardQuery(version="mini-v2", split="mini-v2/sd-l")
LISTED_ROW = "imagenet-g__mini-clip"


def test_a_model_near_chance_does_not_lead_by_its_small_gap(board: Board) -> None:
    """It follows those above the floor, has no place, and its row says why."""
    query = settle_query(board, replace(REAL, sort="gap"))
    rows = select_rows(board, query)
    floor = find_floor(rows)
    assert floor == pytest.approx(rows["clean"].max() / 2)
    above = rows["clean"] >= floor
    assert above.sum() == above.to_numpy().argmin() == 1581
    assert rows["gap"].is_monotonic_decreasing is False
    assert rows[above]["gap"].is_monotonic_decreasing
    below = rows[~above]
    assert below["place"].isna().all()
    assert set(below["behind"]) == {"clean accuracy below 49.1 %"}
    assert not set(find_places(board, query, "gap").index) & set(below["model_id"])
    page = show_table(board, replace(query, ranges="clean < 40"), ["rank", "model", "gap"])
    assert "at least 49.1 % clean accuracy, half of the highest here" in page
    assert page.count("clean accuracy below 49.1 %</small>") == min(50, (rows["clean"] < 0.4).sum())


def test_the_number_of_a_row_follows_the_order(board: Board) -> None:
    """Counted among all rows, whatever is filtered; equal values share a place."""
    query = settle_query(board, replace(REAL, sort="er", search="resnet50"))
    every = select_rows(board, replace(query, search=""))
    rows = select_rows(board, query)
    expected = every["er"].rank(method="min", ascending=False)
    assert rows["place"].tolist() == expected[rows.index].astype(int).tolist()
    assert f'not tested">{rows["place"].iloc[0]}</span>' in show_table(board, query, ["rank", "model"])


def test_ranks_by_tests_stand_in_the_order_by_top_1(board: Board) -> None:
    """In that of another value, its places do."""
    query = settle_query(board, SUBMITTED)
    assert select_rows(board, query)["place"].isna().all()
    assert select_rows(board, replace(query, sort="gap"))["place"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("sort", "ascending", "words"),
    [
        ("er", False, "sorted by effective robustness, highest first"),
        ("gap", True, "sorted by accuracy gap, largest drop first"),
        ("model", True, "sorted by name, A to Z"),
        ("ece", True, "sorted by ECE, lowest first"),
    ],
)
def test_the_caption_says_the_order_in_words(board: Board, sort: str, ascending: bool, words: str) -> None:
    """What by, and which end comes first."""
    query = settle_query(board, replace(SUBMITTED, sort=sort, ascending=ascending))
    assert f"3 models, {words}</caption>" in show_table(board, query, ["model"])


def test_pinned_rows_stand_first_whatever_is_filtered(board: Board) -> None:
    """And in the address; a model that the version lacks is no pin."""
    pinned = replace(SUBMITTED, pinned=f"{LISTED_ROW};nobody;{LISTED_ROW}", search="resnet")
    query = settle_query(board, parse_query(format_query(pinned)))
    assert query.pinned == LISTED_ROW
    page = show_table(board, query, ["model"])
    top, rest = page.split("<tbody")[1:]
    assert f'data-pin="{LISTED_ROW}" aria-pressed="true"' in top
    assert LISTED_ROW not in rest
    assert "1 models, sorted" in page


@pytest.mark.parametrize(
    ("typed", "column", "low", "high"),
    [
        ("parameters 10–100 M", "parameters", 10e6, 100e6),
        ("size 10-100", "parameters", 10e6, 100e6),
        ("params ≥ 1.5b", "parameters", 1.5e9, float("inf")),
        ("clean accuracy >= 70 %", "clean", 0.7, 1.0),
        ("AG -20 to -5 points", "gap", -0.2, -0.05),
        ("er <= −2.5", "er", -float("inf"), -0.025),
        ("top-1 50..60", "top1", 0.5, 0.6),
    ],
)
def test_a_typed_range_leaves_its_rows(
    board: Board, typed: str, column: str, low: float, high: float
) -> None:
    """In percent, points and millions where no unit is typed; a row without the value is left out."""
    query = settle_query(board, replace(REAL, ranges=typed))
    every = select_rows(board, replace(query, ranges=""))
    rows = select_rows(board, query)
    values = every[column].astype(float)
    inside = (values >= low - 1e-12) & (values <= high + 1e-12)
    assert 0 < len(rows) == inside.sum()
    assert parse_ranges(typed)[1] == ""


@pytest.mark.parametrize(
    "typed", ["cleen > 70", "clean 90–80", "clean 70 M", "parameters 5 %", "clean > 1e400", "<script>", "er"]
)
def test_a_text_that_is_no_range_is_said_in_one_line_and_filters_nothing(board: Board, typed: str) -> None:
    """Escaped, beside those that are ranges."""
    query = settle_query(board, replace(REAL, ranges=f"{typed}, clean > 70"))
    assert len(select_rows(board, query)) == len(select_rows(board, replace(query, ranges="clean > 70")))
    page = show_table(board, query, ["model"])
    assert page.count('role="alert"') == 1
    assert "<script>" not in page
    assert "Shown: clean &gt; 70: " in page


def test_more_ranges_than_are_read_are_said() -> None:
    """None is left out in silence."""
    ranges, problem = parse_ranges(", ".join(["clean > 1"] * (MAX_RANGES + 1)))
    assert len(ranges) == MAX_RANGES
    assert "Not used: 'clean > 1'" in problem


def test_rows_that_are_new_are_marked_and_unknown_dates_are_said(board: Board) -> None:
    """Or they alone are shown; a text that is no day is said."""
    day = select_rows(board, settle_query(board, SUBMITTED))["date"].max()
    query = settle_query(board, replace(SUBMITTED, since=day))
    assert (
        show_table(board, query, ["model"]).count('class="new"')
        == (select_rows(board, query)["date"] == day).sum()
    )
    rows = select_rows(board, replace(query, new="only these"))
    assert set(rows["date"]) == {day}
    published = settle_query(board, replace(REAL, since=day))
    assert "the date of 1716 of 1716 is unknown" in show_table(board, published, ["model"])
    wrong = settle_query(board, replace(SUBMITTED, since="last week"))
    assert "&#x27;last week&#x27; is no day" in show_table(board, wrong, ["model"])


def test_an_unknown_date_is_last_in_both_directions(board: Board) -> None:
    """Neither the oldest nor the newest."""
    rows = select_rows(board, settle_query(board, SUBMITTED))
    mixed = rows.assign(date=["2026-01-01", "", "2026-02-01"])
    scores = pd.concat([board.scores[board.scores["split"] != SUBMITTED.split], mixed[board.scores.columns]])
    changed = replace(board, scores=scores)
    for ascending in (False, True):
        ordered = select_rows(
            changed, replace(settle_query(changed, SUBMITTED), sort="date", ascending=ascending)
        )
        assert ordered["date"].iloc[-1] == ""
        assert (ordered["date"].iloc[0] == "2026-01-01") is ascending


def test_accuracy_can_be_drawn_against_size_and_measured_speed(board: Board) -> None:
    """Only where they are known, and it says for how many."""
    query = settle_query(board, replace(REAL, axis="parameters"))
    rows = select_rows(board, query)
    drawn = sum(len(trace.x) for trace in show_scatter(board, query, []).data)
    assert drawn == rows["parameters"].notna().sum() == len(find_costs(rows, "parameters"))
    assert "0 of 1716 models are drawn" in describe_costs(rows, "throughput")
    assert "x86_64" in describe_costs(select_rows(board, settle_query(board, SUBMITTED)), "throughput")
