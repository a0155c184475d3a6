"""The highest likeness among honest models, from their predictions."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from submission_cases import ROOT, STEM

from imagenet_g.leaderboard.validation.likeness.highest import main

FILES = [str(path) for path in sorted((ROOT / "mini").glob("*lite*/*.parquet"))]


def test_honest_models_pass_and_the_closest_pair_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Three networks of one family."""
    assert main(FILES) == 0
    printed = capsys.readouterr().out
    assert "same wrong answer, of both wrong   40.7 %  wheel:efficientnet-lite0 and wheel:eff" in printed
    assert "0 of 3 pairs flagged, at most 63.16 % if pairs were independent; 95.00 % by the 1 pair" in printed
    assert "0 of 3 flagged as a mixture" in printed


def test_a_copy_among_them_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And the exit code says so."""
    (tmp_path / "copy").mkdir()
    copy = shutil.copy(ROOT / "mini" / STEM / "mini-renditions.parquet", tmp_path / "copy")
    assert main([*FILES, str(copy)]) == 1
    assert "1 of 6 pairs flagged" in capsys.readouterr().out


def test_files_of_other_images_are_no_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor is one file; what is missing is named."""
    assert main(FILES[:1]) == 2
    assert main([str(tmp_path / "none.parquet")]) == 2
    assert "none.parquet" in capsys.readouterr().err
