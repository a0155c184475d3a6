"""The papers' tables on the board: as printed, with intervals where images are counted, slips as cautions."""

from __future__ import annotations

import pytest

from imagenet_g.baselines.papers.tables import load_papers
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.registry import load_versions
from imagenet_g.benchmark.statistics.intervals import compute_difference_interval, compute_wilson_interval
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.board.paper_rows import list_paper_scores
from imagenet_g.leaderboard.board.rows import ScoreRow, make_score_frame
from imagenet_g.leaderboard.pages.cells import format_count

ROWS = tuple(list_paper_scores())


def find(split: str, model: str) -> ScoreRow:
    """One row."""
    (row,) = (row for row in ROWS if row.split == split and row.model_id == f"imagenet-g-paper/{model}")
    return row


def test_both_tables_are_there_whole() -> None:
    """Six models on three splits, whole and filtered, all of v1 and of splits that v1 has."""
    assert len(ROWS) == 36
    assert {row.version for row in ROWS} == {"v1"}
    assert {row.split for row in ROWS} == {
        f"v1/{name}{view}" for name in ("sd-l", "sd-i", "sd-li") for view in ("", ":clip-filtered")
    }
    assert {parse_split_ref(row.split).name for row in ROWS} <= set(load_versions()["v1"].splits)


def test_accuracies_are_those_in_print() -> None:
    """Every number of the two tables, and no other."""
    for table, filtered in (("table-9", False), ("table-10", True)):
        printed = sorted(
            float(cell.printed)
            for cell in load_papers().find_table(f"imagenet-g-paper/{table}").cells
            if cell.address.quantity == "top-1 accuracy, %" and "(" in cell.address.column
        )
        shown = sorted(100 * row.metrics["top1"].value for row in ROWS if (":" in row.split) == filtered)
        assert shown == pytest.approx(printed, abs=1e-9)


def test_an_interval_is_wilsons_where_the_images_are_counted() -> None:
    """50,000 on both sides of Table 9."""
    row = find("v1/sd-l", "resnext-101")
    ours, theirs = (compute_wilson_interval(value * 50_000, 50_000) for value in (0.5593, 0.7928))
    assert (row.metrics["top1"].low, row.metrics["top1"].high) == pytest.approx(ours)
    expected = compute_difference_interval((0.5593, *ours), (0.7928, *theirs))
    assert (row.gap_low, row.gap_high) == pytest.approx(expected)
    assert (row.n, row.clean_set, row.clean_kind) == (50_000, "imagenet-val", "published")


def test_no_interval_stands_where_they_are_not() -> None:
    """How many images the filter left is printed nowhere."""
    for row in ROWS:
        if ":" in row.split:
            estimate = row.metrics["top1"]
            assert (row.n, estimate.low, estimate.high, row.gap_low, row.gap_high) == (None,) * 5
            assert estimate.method == "none"
            assert row.clean_set == "imagenet-val:clip-filtered"


def test_a_gap_is_computed_and_the_slip_is_a_caution() -> None:
    """-14.56, where -14.93 is printed."""
    row = find("v1/sd-l:clip-filtered", "maxvit-xl-512")
    assert row.gap == pytest.approx(-0.1456)
    assert "In print: The gap is printed -14.93" in row.flags


@pytest.mark.parametrize("split", ["v1/sd-l", "v1/sd-i", "v1/sd-li"])
def test_the_wrong_clean_accuracy_is_a_caution_of_each_row_that_starts_from_it(split: str) -> None:
    """68.33 is the clean side of three gaps."""
    assert "68.33, the figure of ViT-B/16" in find(split, "clip-zero-shot").flags
    assert "68.33" not in find(split, "clip-finetuned").flags


def test_every_row_says_that_its_images_are_the_papers_own() -> None:
    """A release of v1 has other images by the same recipe."""
    assert all("not those of a release of v1" in row.flags for row in ROWS)
    assert all("by the generator of SD-L" in row.flags for row in ROWS if row.generated != "none")


def test_an_unknown_number_of_images_is_a_dash() -> None:
    """In the table, which stays a table of whole numbers."""
    frame = make_score_frame(ROWS)
    shown = [format_count(row) for row in frame.to_dict("records")]  # type: ignore[arg-type]
    assert set(shown) == {"50000", '<span class="none" title="unknown">–</span>'}


def test_the_board_has_the_papers_rows(board: Board) -> None:
    """v1 has a ranking before anybody has run it."""
    rows = board.scores[board.scores["version"] == "v1"]
    assert len(rows) == 36
    assert set(rows["trust"]) == {"published"}
