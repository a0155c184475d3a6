"""The rates of false alarms and of forgeries that are found, from predictions."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from submission_cases import ROOT

from imagenet_g.benchmark.answers.top_five import make_columns
from imagenet_g.leaderboard.validation.likeness.answers import load_answers
from imagenet_g.leaderboard.validation.plausibility.forging import list_wrong, put_first
from imagenet_g.leaderboard.validation.plausibility.rates import main

FILES = [str(path) for path in sorted((ROOT / "mini").glob("*lite*/*.parquet"))]


def test_honest_models_pass_and_forgeries_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Three networks; all of their wrong answers made right are refused, and 25 are not found."""
    assert main([*FILES, "--repeats", "2"]) == 0
    printed = capsys.readouterr().out
    assert "   0 made right: flagged 0 of 3 (0 %), refused 0 (0 %), at most 63.16 % of splits" in printed
    assert "  25 made right: flagged 0 of 6" in printed
    assert " all made right: flagged 3 of 3 (100 %), refused 3 (100 %)" in printed


def test_a_forgery_among_honest_files_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And the exit code says so."""
    answers = load_answers(Path(FILES[0]))
    assert answers is not None
    table = pq.read_table(FILES[0])
    columns = make_columns("", put_first(answers, list_wrong(answers)), answers.top5.indices[:, 0] >= 0)
    for name in ("label_log_probability", "squared_probability_sum"):
        table = table.drop_columns([one for one in table.column_names if one.startswith(name)])
    position = table.column_names.index("top5_index")
    table = table.set_column(position, "top5_index", columns["top5_index"])
    pq.write_table(table, tmp_path / "forged.parquet")
    assert main([*FILES[1:], str(tmp_path / "forged.parquet"), "--repeats", "1"]) == 1
    assert capsys.readouterr().out.count("flagged: wheel:efficientnet-lite0") == 1


def test_no_file_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It names the file."""
    assert main([str(tmp_path / "none.parquet")]) == 2
    assert "none.parquet" in capsys.readouterr().err
