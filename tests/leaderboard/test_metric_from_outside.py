"""A metric of another package, from its one row: in a result, the terminal, the checks and on the board."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from outside_metric import write_package
from submission_cases import ROOT, STEM, list_codes, renew_scores, set_at, validate_case, write_case

from imagenet_g.benchmark import plugins
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.predictions.metrics import load_metrics
from imagenet_g.leaderboard.app.state import Order, click_table
from imagenet_g.leaderboard.board.board import Board, load_board
from imagenet_g.leaderboard.pages.axes import list_profile_metrics
from imagenet_g.leaderboard.pages.cells import format_csv
from imagenet_g.leaderboard.pages.pages import show_profiles
from imagenet_g.leaderboard.pages.queries import BoardQuery, select_rows, settle_query
from imagenet_g.leaderboard.pages.table_view import show_table
from imagenet_g.leaderboard.pages.tables import load_columns
from imagenet_g.leaderboard.selecting import ordering
from imagenet_g.leaderboard.selecting.ordering import is_smallest_first
from imagenet_g.leaderboard.submissions.problems import format_report
from imagenet_g.leaderboard.submissions.reviews import make_review, write_review

PREDICTIONS = ROOT / "mini" / STEM / "mini-renditions.parquet"
OTHER = "imagenet-g__efficientnet-lite1"
DOUBT = "result.entries.0.scores.0.metrics.doubt"


def forget_metrics() -> None:
    """Look for metrics again."""
    load_metrics.cache_clear()
    load_columns.cache_clear()


@contextmanager
def install(site: Path) -> Iterator[None]:
    """The package is there as long as this is open."""
    with pytest.MonkeyPatch.context() as changed:
        changed.syspath_prepend(write_package(site))
        forget_metrics()
        yield
    sys.modules.pop("doubting", None)
    forget_metrics()


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[None]:
    """The package is installed for one test."""
    (tmp_path / "site").mkdir()
    with install(tmp_path / "site"):
        yield


@pytest.fixture(scope="module")
def boarded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Submissions, and the board that was built of them while the package was installed."""
    folder = tmp_path_factory.mktemp("boarded")
    with install(tmp_path_factory.mktemp("site")):
        build(folder)
    return folder


def compute_doubt() -> float:
    """The metric by hand, from the stored column."""
    rows = pq.read_table(PREDICTIONS)["top5_probability"].to_pylist()
    return float(np.mean([-np.log(row[0]) for row in rows if row]))


def change(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    """Scores computed again, and one number of them changed."""

    def apply(content: dict[str, Any]) -> None:
        renew_scores(content)
        set_at(path, value)(content)

    return apply


def build(folder: Path) -> None:
    """Build a board of two submissions: one that has the metric, and one of a day before it."""
    path = write_case(folder, renew_scores)
    write_review(path, make_review(validate_case(path)))
    # The other one with the review that the repository has of these bytes: validating it takes seconds.
    # No links: they are not read, and predictions on a shipped split are required.
    for file in (ROOT / "mini").glob(f"{OTHER}.*"):
        shutil.copyfile(file, path.parent / file.name)
    shutil.copytree(ROOT / "mini" / OTHER, path.parent / OTHER)
    assert main(["leaderboard", "build", "--submissions", str(folder), "--board", str(folder / "b")]) == 0


def test_score_writes_it_and_show_prints_it(
    outside: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its interval, in its own unit."""
    assert main(["score", str(PREDICTIONS), "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "result.json").read_bytes())["entries"][0]["scores"][0]["metrics"]["doubt"]
    assert found["value"] == pytest.approx(compute_doubt(), rel=1e-6)
    assert found["low"] < found["value"] < found["high"]
    assert found["method"] == "class-jackknife-widened"
    assert f"{found['value']:.4f}" in capsys.readouterr().out
    assert main(["show", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "Doubt" in shown
    assert f"{found['value']:.4f}" in shown


def test_a_true_claim_is_recomputed(outside: None, tmp_path: Path) -> None:
    """With the trust of any other number."""
    report = validate_case(write_case(tmp_path, renew_scores))
    assert report.trust == "recomputed", report.problems


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        (f"{DOUBT}.value", 1.5, "not-reproduced"),
        (f"{DOUBT}.high", 99.0, "not-reproduced"),
        (f"{DOUBT}.value", -1.0, "impossible"),
        (f"{DOUBT}.low", 50.0, "schema"),
    ],
)
def test_a_false_claim_is_refused(path: str, value: float, code: str, outside: None, tmp_path: Path) -> None:
    """By the row's bounds, or by the predictions."""
    assert code in list_codes(validate_case(write_case(tmp_path, change(path, value))))


def test_without_the_package_the_claim_is_not_trusted_as_recomputed(tmp_path: Path) -> None:
    """Nor refused: the reviewer installs the package."""
    estimate = {"value": 1.5, "low": None, "high": None, "method": "none", "right": None}
    report = validate_case(write_case(tmp_path, change(DOUBT, estimate)))
    assert report.accepted
    assert report.trust == "self-reported"
    # Notes say what could not be tested; of what was, only the metric is in doubt.
    doubts = [problem.code for problem in report.problems if problem.severity != "note"]
    assert doubts == ["unknown-metric"]
    said = format_report(report)
    assert "(a metric could not be computed here)" in said
    assert "predictions were not given" not in said
    assert "the metric 'doubt' was not recomputed: install the package that has it" in said


def test_a_submission_of_a_day_before_the_metric_stays_recomputed(outside: None, tmp_path: Path) -> None:
    """A note says what it lacks."""
    report = validate_case(write_case(tmp_path))
    assert report.trust == "recomputed"
    lacking = [problem.message for problem in report.problems if problem.code == "no-metric"]
    assert ["'doubt'" in message for message in lacking].count(True) == 1


def test_a_metric_that_all_splits_lack_is_noted_once(outside: None, tmp_path: Path) -> None:
    """Not once for each split, view and choice of outputs."""
    report = validate_case(ROOT / "mini" / f"{STEM}.json")
    assert len(report.splits) > 1
    assert [problem.code for problem in report.problems].count("no-metric") == 1


def test_a_board_without_the_package_names_the_metric_that_it_does_not_show(
    boarded: Path,
    outside: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exported from a board that has the column, and built anew."""
    export = ["leaderboard", "export", "--board", str(boarded / "b"), "--to", str(tmp_path / "p.html")]
    assert main(export) == 0
    assert "not shown" not in capsys.readouterr().out
    assert ">Doubt</" in (tmp_path / "p.html").read_text()
    monkeypatch.setattr(plugins, "find_points", lambda group: [])
    forget_metrics()
    assert main(export) == 0
    assert "not shown: the metric 'doubt'" in capsys.readouterr().out
    # A board of the one submission that has it is built in a third of the time.
    shutil.copytree(boarded / "mini", tmp_path / "mini", ignore=shutil.ignore_patterns(f"{OTHER}*"))
    board = ["leaderboard", "build", "--submissions", str(tmp_path), "--board", str(tmp_path / "b")]
    assert main(board) == 0
    assert "not shown: the metric 'doubt'" in capsys.readouterr().out
    assert load_board(tmp_path / "b").info.unknown_metrics == ("doubt",)


def test_a_metric_without_a_better_direction_is_sorted_from_the_highest(
    outside: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One where lower is better is not."""
    assert is_smallest_first("doubt")
    neutral = replace(load_metrics()["doubt"], higher_is_better=None)
    monkeypatch.setattr(ordering, "load_metrics", lambda: {"doubt": neutral})
    assert not is_smallest_first("doubt")


def test_the_board_shows_and_sorts_it(boarded: Path, outside: None) -> None:
    """The heading, the cell, the caption, the order and the CSV; the page for archives is exported above."""
    board = load_board(boarded / "b")
    query = settle_query(board, BoardQuery(version="mini", split="mini/renditions", sort="doubt"))
    assert query.sort == "doubt"
    table = show_table(board, query, ["model", "doubt"])
    assert 'data-sort="doubt"' in table
    assert "sorted by doubt, highest first" in table
    assert f"{compute_doubt():.4f}<small>" in table
    frame = pd.DataFrame(select_rows(board, query))
    # The model without a value stands last, whichever way the rest is sorted.
    assert frame["doubt"].isna().tolist() == [False, True]
    assert "doubt,doubt_low,doubt_high" in format_csv(frame).splitlines()[0]
    figure = show_profiles(board, query, [STEM], "doubt")
    assert figure.layout.yaxis.title.text == "Doubt"
    assert list(figure.data[0].y) == pytest.approx([compute_doubt()], rel=1e-6)
    assert ("doubt", "doubt") in list_profile_metrics(board)
    assert click_table(Order(), {"sort": "doubt"}) == Order("doubt", True, 0)


def test_a_metric_cannot_take_the_name_of_a_column(outside: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would hide the accuracy gap."""
    from imagenet_g.benchmark.errors import InputError
    from imagenet_g.leaderboard.board import rows

    gap = {"gap": type(load_metrics()["doubt"])(
        name="gap", title="gap", help="Gap.", function=lambda images: 0.0,
        interval=load_metrics()["doubt"].interval,
    )}  # fmt: skip
    monkeypatch.setattr(rows, "load_metrics", lambda: gap)
    with pytest.raises(InputError, match="cannot be named 'gap'"):
        rows.list_board_metrics()


def test_mean_per_class_reaches_the_board_from_its_row(board: Board) -> None:
    """It was in every result and never on the board."""
    query = settle_query(
        board, BoardQuery(version="mini", split="mini/renditions", sort="mean_per_class_top1")
    )
    frame = select_rows(board, query)
    assert frame["mean_per_class_top1"].notna().all()
    assert frame["mean_per_class_top1"].is_monotonic_decreasing
    assert "Mean per class, %" in show_table(board, query, ["model", "mean_per_class_top1"])
