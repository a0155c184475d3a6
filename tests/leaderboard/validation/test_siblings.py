"""What a private sibling says of a submission, in its review and on the board."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from image_sets import write_release

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.siblings.matched import LEVEL
from imagenet_g.benchmark.siblings.scores import SiblingScore, StratumCount
from imagenet_g.leaderboard.board.submission_rows import list_doubts, list_flags
from imagenet_g.leaderboard.submissions.reviews import LABELS_READ, Review, load_review
from imagenet_g.leaderboard.validation.second_runs.running import load_submission

MODEL = "python:small_models:make_scaled_model"


def run(*words: object) -> int:
    """One command."""
    return main([str(word) for word in words])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of 30 images and a submission of a small model."""
    folder = tmp_path_factory.mktemp("siblings")
    write_release(folder / "release", list(range(30)))
    data = f"v9={folder / 'release'}"
    places = ("--out", folder / "out", "--cache", folder / "cache", "--device", "cpu", "--workers", "1")
    assert run("evaluate", "--model", MODEL, "--split", "v9/sd-l", "--data", data, *places) == 0
    said = (
        "--organisation=Example Lab",
        "--name=Colour Net",
        "--authors=A. Author",
        "--contact=a@example.org",
    )
    result = next((folder / "out").glob("*/result.json"))
    assert run("submit", "--local", result, "--to", folder / "submissions", "--data", data, *said) == 0
    return folder


def write_score(path: Path, submission: Path, **changes: object) -> Path:
    """A score of 1000 pairs, all public answers right and every tenth private one wrong, unless changed."""
    result = load_submission(submission).result
    entry = result.entries[0]
    score = SiblingScore(
        split=entry.split.ref,
        content_sha256=entry.split.content_sha256,
        commitment="c" * 64,
        model=result.model.spec,
        weights_sha256=result.model.weights_sha256,
        predictions_sha256=entry.predictions.sha256,
        outputs="all",
        classes=(),
        strata=(
            StratumCount(public=1, private=1, right=1, count=100),
            StratumCount(public=1, private=1, right=2, count=900),
        ),
        public_right=1000,
        p_value=1.0,
        level=LEVEL,
        imagenet_g="0",
        created_utc="2026-01-01T00:00:00Z",
    ).model_copy(update=changes)
    score = score.model_copy(update={"p_value": score.test_again().p_value})
    path.write_text(score.model_dump_json())
    return path


@pytest.fixture
def submission(made: Path, tmp_path: Path) -> Path:
    """One of its own for a test that reviews it."""
    shutil.copytree(made / "submissions", tmp_path / "submissions")
    return next((tmp_path / "submissions").rglob("*__*.json"))


def verify(made: Path, submission: Path, score: Path) -> int:
    """A maintainer's second run, by the result that there is."""
    data = f"v9={made / 'release'}"
    result = next((made / "out").glob("*/result.json"))
    words = ("--by", "maintainer", "--result", result, "--data", data, "--sibling", score)
    return run("verify-submission", submission, *words, "--against", made / "none")


def test_who_read_labels_is_flagged_and_not_ranked(made: Path, submission: Path, tmp_path: Path) -> None:
    """The flag and the doubt stand on the row; a second run, or a later validation, takes neither away."""
    assert verify(made, submission, write_score(tmp_path / "score.json", submission)) == 1
    assert run("validate", submission, "--record", "--data", f"v9={made / 'release'}") == 0
    review = load_review(submission)
    assert isinstance(review, Review)
    assert review.trust == "self-reported"
    assert review.verification is None
    assert [flag.code for flag in review.flags if flag.code == LABELS_READ] == [LABELS_READ]
    read = load_submission(submission)
    assert "answers used the public images" in list_doubts(read, read.result.entries[0], review)
    assert any("private sibling" in text for text in list_flags(read.result.entries[0], review, statistics=2))
    honest = write_score(tmp_path / "other.json", submission, public_right=950, split="v9/other")
    assert verify(made, submission, honest) == 2


def test_an_honest_model_is_verified_with_its_finding(made: Path, submission: Path, tmp_path: Path) -> None:
    """The review has the number of private images and the level, and no p-value."""
    score = write_score(tmp_path / "score.json", submission, public_right=950)
    assert verify(made, submission, score) == 0
    review = load_review(submission)
    assert isinstance(review, Review)
    assert review.trust == "verified"
    finding = review.siblings["v9/sd-l"]
    assert (finding.num_private, finding.labels_read) == (1000, False)
    assert "p_value" not in json.dumps(review.model_dump(mode="json"))
    assert LABELS_READ not in {flag.code for flag in review.flags}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"predictions_sha256": "d" * 64}, "other answers"),
        ({"weights_sha256": "d" * 64}, "other weights"),
        ({"content_sha256": "d" * 64}, "no such images"),
        ({"split": "v8/sd-l"}, "no such images"),
    ],
)
def test_a_score_of_something_else_is_refused(
    made: Path,
    submission: Path,
    tmp_path: Path,
    change: dict[str, str],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It would accuse, or clear, the wrong model."""
    assert verify(made, submission, write_score(tmp_path / "score.json", submission, **change)) == 2
    assert words in capsys.readouterr().err
