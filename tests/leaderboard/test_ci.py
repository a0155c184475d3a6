"""What a pull request with submissions is answered."""

from __future__ import annotations

import shutil
from pathlib import Path

from submission_cases import ROOT, STEM, set_at, write_case

from imagenet_g.leaderboard.bench import run_bench
from imagenet_g.leaderboard.ci import run_ci


def test_an_honest_submission_gets_two_references(tmp_path: Path) -> None:
    """The nearest models beside it."""
    shutil.copytree(ROOT, tmp_path / "submissions")
    comment, accepted = run_ci([tmp_path / "submissions" / "mini" / f"{STEM}.json"], tmp_path / "submissions")
    assert accepted
    assert "| top-1, % | EfficientNet-Lite0 | EfficientNet-Lite2 | EfficientNet-Lite1 |" in comment


def test_a_bad_submission_fails_with_its_reasons(tmp_path: Path) -> None:
    """Escaped, since the comment is rendered."""
    path = write_case(tmp_path, set_at("statement.model", "<b>x"))
    comment, accepted = run_ci([path], ROOT)
    assert not accepted
    assert "bad-name" in comment
    assert "<b>" not in comment


def test_a_review_in_a_pull_request_fails(tmp_path: Path) -> None:
    """Trust is not the submitter's to give."""
    comment, accepted = run_ci([tmp_path / f"{STEM}.review.json"], ROOT)
    assert not accepted
    assert "maintainers" in comment


def test_the_bench_runs_on_a_small_board() -> None:
    """Every step is timed."""
    seconds = run_bench(ROOT, count=5)
    assert {"build", "load", "first table", "scatter"} <= set(seconds)
