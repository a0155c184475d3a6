"""Effective robustness of a table of figures: who is judged by what, and what is printed beside a number."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from baseline_cases import make_row, write_baseline
from noisy_models import run_command

from imagenet_g.baselines.lines.baselines import load_baseline
from imagenet_g.baselines.lines.table import build_robustness_rows


def test_a_row_of_the_baseline_itself_is_judged_by_the_others() -> None:
    """The testbed's ResNet-50 by a line without it and its family; its zero-shot models by the whole line."""
    rows = build_robustness_rows(
        load_baseline("testbed"), load_baseline("testbed"), "logit", splits=["imagenet-v2"]
    )
    found = {row.model: row.placement.support for row in rows if row.placement is not None}
    own, other = found["resnet50"], found["vit_b_32_clip_zeroshot"]
    assert own is not None
    assert own.left_out == ("resnet50",)
    assert "resnet101" in own.kin_left_out
    assert other is not None
    assert (other.left_out, other.kin_left_out) == ((), ())


def test_a_table_says_beside_a_number_that_it_shows_nothing(tmp_path: Path) -> None:
    """In a cell of Markdown, and in a column of CSV."""
    figures = write_baseline(tmp_path, [make_row("near-the-line", "0.761", "0.245")])
    words = ("baselines", "table", "--figures", str(figures), "--out")
    run_command(*words, str(tmp_path / "x.md"))
    assert "; no evidence either way) |" in (tmp_path / "x.md").read_text()
    run_command(*words, str(tmp_path / "x.csv"))
    (row,) = csv.DictReader((tmp_path / "x.csv").read_text().splitlines())
    assert row["verdict"] == "no evidence either way"


def test_a_table_of_five_models_judges_none_of_them(tmp_path: Path) -> None:
    """Four are left; the cell and the CSV give the reason in place of a number."""
    rows = [make_row(f"m{n}", f"0.{60 + n}", f"0.{20 + n}", family=f"f{n}") for n in range(5)]
    figures = write_baseline(tmp_path, rows)
    words = ("baselines", "table", "--baseline", str(figures), "--figures", str(figures), "--out")
    run_command(*words, str(tmp_path / "x.md"))
    assert "no ER: 4 models are left without the judged model" in (tmp_path / "x.md").read_text()
    run_command(*words, str(tmp_path / "x.csv"))
    for row in csv.DictReader((tmp_path / "x.csv").read_text().splitlines()):
        assert row["effective_robustness"] == ""
        assert row["no_robustness"].startswith("4 models are left")


def test_a_model_of_the_line_is_expected_from_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    """`expect` names who was left out."""
    run_command("expect", "--model", "resnet50", "--split", "imagenet-v2")
    assert "the line goes without the model itself (resnet50) and its family (" in capsys.readouterr().out
