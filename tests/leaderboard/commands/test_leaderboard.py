"""`imagenet-g leaderboard` as it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from image_sets import write_release

from imagenet_g.benchmark.cli import main

SUBMISSIONS = str(Path(__file__).parents[3] / "submissions")


@pytest.mark.parametrize(
    "words",
    [
        ["--submissions", SUBMISSIONS, "build", "--no-published"],
        ["build", "--no-published", "--submissions", SUBMISSIONS],
    ],
)
def test_places_may_stand_before_or_behind_the_action(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """What is given is never overwritten by a default."""
    monkeypatch.chdir(tmp_path)
    assert main(["leaderboard", *words]) == 0
    assert "mini: 6 models" in capsys.readouterr().out


def test_a_missing_folder_of_submissions_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A board of published figures only is not taken for the whole one."""
    monkeypatch.chdir(tmp_path)
    assert main(["leaderboard", "build"]) == 0
    assert "no submissions" in capsys.readouterr().out


def test_the_board_is_exported_as_one_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Built, then written, with every model on it."""
    monkeypatch.chdir(tmp_path)
    assert main(["leaderboard", "build", "--submissions", SUBMISSIONS, "--no-published"]) == 0
    assert main(["leaderboard", "export", "--to", "page.html"]) == 0
    page = Path("page.html").read_text()
    assert all(f"EfficientNet-Lite{size}" in page for size in (0, 1, 2))


def test_a_result_of_evaluate_can_be_submitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From one command to the next: what is declared about a model does not make it another model."""
    monkeypatch.chdir(tmp_path)
    data = ["--data", f"v9={write_release(tmp_path / 'release', [3, 7, 7])}"]
    words = ["--model", "wheel:efficientnet-lite0", "--split", "v9/sd-l", *data]
    places = ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    assert main(["evaluate", *words, *places]) == 0
    said = ["--organisation", "acme", "--name", "Lite Zero", "--authors", "A. Author"]
    said += ["--contact", "a@example.org", "--supervision", "supervised", "--training-data", "imagenet-1k"]
    said += ["--generated-training-data", "none", "--yes", "--to", str(tmp_path / "submissions")]
    result = next((tmp_path / "out").glob("*/result.json"))
    assert main(["submit", "--local", str(result), *said, *data]) == 0
    assert main(["validate", str(tmp_path / "submissions"), *data]) == 0
    assert "accepted, trust level 'recomputed'" in capsys.readouterr().out
