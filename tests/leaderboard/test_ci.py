"""What a pull request with submissions is answered."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from submission_cases import ROOT, STEM, edit_cell, set_at, write_case

from imagenet_g.leaderboard import ci
from imagenet_g.leaderboard.ci import MAX_SUBMISSIONS, main, quote, run_ci, run_second_runs


def test_an_honest_submission_gets_two_references(tmp_path: Path) -> None:
    """The nearest models beside it."""
    shutil.copytree(ROOT, tmp_path / "submissions")
    comment, accepted = run_ci([tmp_path / "submissions" / "mini" / f"{STEM}.json"], tmp_path / "submissions")
    assert accepted
    assert "| top-1, % | `EfficientNet-Lite0` | `EfficientNet-Lite2` | `EfficientNet-Lite1` |" in comment


def test_a_bad_submission_fails_with_its_reasons(validated_here: None, tmp_path: Path) -> None:
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


def test_changed_predictions_stand_for_their_submission(validated_here: None, tmp_path: Path) -> None:
    """A request that touches only them is validated all the same."""
    path = write_case(tmp_path, rows=edit_cell("top5_index", 0, [1, 2, 3, 4, 5]), rehashed=False)
    comment, accepted = run_ci([path.with_suffix("") / "mini-renditions.parquet"], ROOT)
    assert not accepted
    assert "wrong-hash" in comment


def test_a_file_that_belongs_to_no_submission_fails(tmp_path: Path) -> None:
    """Whatever it is for."""
    comment, accepted = run_ci([tmp_path / "mini" / "run.py", tmp_path / "mini"], ROOT)
    assert not accepted
    assert "`run.py`, `mini`" in comment


def test_a_baseline_in_a_pull_request_fails(tmp_path: Path) -> None:
    """It would move everybody's effective robustness."""
    comment, accepted = run_ci([tmp_path / "mini" / "baselines" / "own.json"], ROOT)
    assert not accepted
    assert "maintainers" in comment


def test_a_submission_that_is_taken_away_is_said(tmp_path: Path) -> None:
    """Not passed over in silence."""
    comment, accepted = run_ci([tmp_path / "mini" / f"{STEM}.json"], ROOT)
    assert accepted
    assert f"Removed; a maintainer decides: `{STEM}.json`" in comment


def test_two_copies_in_one_request_are_seen(validated_here: None, tmp_path: Path) -> None:
    """Neither is in the repository yet."""
    other = "someone__a-net"
    paths = [write_case(tmp_path / "a", set_at("result.model.weights_sha256", "c" * 64))]
    change = [set_at("statement.organisation", "Someone"), set_at("statement.model", "A Net")]
    paths.append(write_case(tmp_path / "b", lambda content: [c(content) for c in change], stem=other))
    comment, accepted = run_ci(paths, tmp_path / "nowhere")
    assert not accepted
    assert "copied" in comment


def test_a_request_with_too_many_submissions_is_for_people(tmp_path: Path) -> None:
    """It would keep everybody else waiting."""
    path = write_case(tmp_path)
    paths = [path.with_name(f"org__{number}.json") for number in range(MAX_SUBMISSIONS + 1)]
    for one in paths:
        one.write_text("{}")
    comment, accepted = run_ci(paths, ROOT)
    assert not accepted
    assert "at most" in comment


@pytest.mark.parametrize("text", ["[click](https://x.org)", "@everyone", "a`b`c", "x|y", "a\nb", "<b>"])
def test_what_a_file_says_is_shown_as_it_is(text: str) -> None:
    """One code span, which nothing inside can end, on one line of a table."""
    quoted = quote(text)
    assert quoted[0] == quoted[-1] == "`"
    assert not set(quoted[1:-1]) & set("`|\n<")


def test_names_come_from_a_list_with_null_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As git writes them: a name may have blanks and quotes."""
    (tmp_path / "changed").write_bytes(b"a b'\"/x.py\0submissions/README.md\0")
    words = ["--names", str(tmp_path / "changed"), "--against", str(ROOT)]
    assert main(words) == 2
    assert "Not part of a submission; remove: `x.py`." in capsys.readouterr().out


def test_a_model_of_the_authors_is_never_run_in_ci(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor what a stranger keeps on the Hub or in a folder."""
    monkeypatch.setattr(ci, "_run_again", lambda path: pytest.fail(f"{path} was run"))
    own = ("timm:hf-hub:lab/net", "open_clip:local-dir:/weights/net", "timm:resnet50.a1_in1k+checkpoint")
    for spec in ("python:mine:make", "wheel:efficientnet-lite0+checkpoint", *own):
        path = write_case(tmp_path, set_at("result.model.spec", spec))
        assert run_second_runs([path])[1]
        assert "not run again here" in run_second_runs([path])[0]
