"""The load of the board finds what it looks for: memory that grows, errors, and files that are left."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from board_load import TRUSTED, LoadScore, fit_memory, format_load, load_server, read_resident
from board_visitors import run_visitors
from live_board import start_server
from submission_cases import ROOT


def make_samples(growth: float) -> list[tuple[float, float]]:
    """Half an hour of a server that grows by some MB an hour behind its warm-up."""
    return [
        (float(s), 400 + min(s, 600) / 6 + growth * max(0, s - 600) / 3600 + s % 7) for s in range(0, 1800, 5)
    ]


@pytest.mark.parametrize(("growth", "flat"), [(0.0, True), (20.0, True), (200.0, False)])
def test_growth_is_told_from_a_warm_up(growth: float, *, flat: bool) -> None:
    """The hundred MB of the first ten minutes are no slope."""
    fit = fit_memory(make_samples(growth))
    assert fit.is_flat is flat
    assert fit.low - 1 <= growth <= fit.high + 1


def test_too_short_a_load_has_no_slope() -> None:
    """Rather than one of two points."""
    with pytest.raises(ValueError, match="too few"):
        fit_memory([(0.0, 1.0), (100.0, 1.0)])


def test_resident_memory_is_that_of_the_process() -> None:
    """Between the interpreter alone and all of a small machine."""
    assert 10 < read_resident(os.getpid()) < 8000


def test_what_is_wrong_is_in_words() -> None:
    """Growth, errors and files."""
    score = LoadScore(9, ("page: 500",), tuple(make_samples(900.0)), ("a.json",), 1.0)
    text = format_load(score, fit_memory(score.samples))
    assert "1 errors ('page: 500',)" in text
    assert "GROWS" in text
    assert "1 files ('a.json',)" in text


@pytest.fixture(scope="module")
def served(board_folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """One server for both loads: to start it takes longer than either."""
    with start_server(board_folder, ROOT, "--trusted-proxy", TRUSTED) as running:
        yield running


def test_fifty_visitors_at_once_are_served_without_an_error(
    served: tuple[str, subprocess.Popen[bytes]],
) -> None:
    """By the real server: the page, its first table and the rows as CSV."""
    score = run_visitors(served[0], count=50)
    assert score.errors == ()
    assert len(score.seconds) == 50


def test_a_wave_of_visitors_is_served_and_leaves_nothing(
    served: tuple[str, subprocess.Popen[bytes]], board_folder: Path
) -> None:
    """Pages, tables, rows, a good upload and an edited one, by addresses that a proxy states."""
    # Visitors 0 and 17 are the first who upload, the others only read.
    score = load_server(board_folder, ROOT, *served, seconds=1, wave=1, numbers=(0, 1, 17))
    assert score.errors == ()
    assert score.visits == 3
    assert score.left == ()
    assert len(score.samples) > 1
