"""What stands in a cell beside a number."""

from __future__ import annotations

import pytest

from imagenet_g.leaderboard.pages.cells import format_robustness, list_row_flags


@pytest.mark.parametrize(
    ("low", "high", "stated"), [(-0.1, 0.05, True), (0.01, 0.05, False), (float("nan"), float("nan"), False)]
)
def test_an_interval_with_zero_in_it_is_said_to_show_nothing(low: float, high: float, stated: bool) -> None:
    """In the words of the commands; an unknown interval has no verdict."""
    cell = format_robustness({"er": 0.03, "er_low": low, "er_high": high}, "")
    assert ("<small>no evidence either way</small>" in cell) is stated


def test_cautions_about_a_line_are_flags_of_the_row() -> None:
    """Who was left out of it, and how little it rests on."""
    row = {
        "flags": "",
        "er": 0.03,
        "extrapolated": False,
        "weak": False,
        "cautions": "high leverage (0.8, 0.5)",
    }
    assert list_row_flags(row) == ["ER: high leverage (0.8, 0.5)."]


def test_a_board_of_an_earlier_release_has_no_cautions() -> None:
    """Its rows lack the column."""
    assert list_row_flags({"flags": "", "er": 0.03, "extrapolated": False, "weak": False}) == []
