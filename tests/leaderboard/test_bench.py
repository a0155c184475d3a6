"""The benchmark of the board measures what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from board_bench import LIMITS, NUM_SPLITS, format_step, time_views, write_many
from live_board import find_chromium
from submission_cases import ROOT

from imagenet_g.benchmark.errors import InputError
from imagenet_g.leaderboard.board.board import load_board
from imagenet_g.leaderboard.board.build import build_board
from imagenet_g.leaderboard.validation.second_runs.running import load_submission
from imagenet_g.leaderboard.validation.validate import list_submission_files


def write_board(folder: Path, count: int) -> Path:
    """A board of submissions as the benchmark writes them."""
    pattern = load_submission(list_submission_files(ROOT)[0])
    write_many(pattern, folder / "submissions", count=count)
    build_board(folder / "submissions", folder / "board")
    return folder / "board"


def test_every_written_submission_is_on_the_board(tmp_path: Path) -> None:
    """On every split, so that the time is that of the whole work; and every view is timed."""
    board = load_board(write_board(tmp_path, 8))
    rows = board.scores[board.scores["version"] == "mini"]
    assert rows["model_id"].nunique() == 8
    assert rows["split"].nunique() == NUM_SPLITS
    seconds = time_views(board)
    assert min(seconds.values()) > 0
    assert {"first table", "sort by gap", "search", "scatter"} <= set(seconds)


def test_a_step_over_its_limit_is_marked() -> None:
    """And one that was not measured says why."""
    assert format_step("build", LIMITS["build"] + 1).endswith("TOO SLOW\n")
    assert "of" not in format_step("load", 0.1).split()
    assert format_step("page: sort", 0.1).endswith("of 0.5 s\n")
    assert "no Chromium" in format_step("page", "no Chromium")


def test_without_a_chromium_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test run without a browser is red, not quietly short."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="apt-get install chromium"):
        find_chromium()
