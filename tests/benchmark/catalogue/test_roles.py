"""Training sets are for training: nothing measures a model on one, and nothing takes one by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from image_sets import write_release

from imagenet_g.benchmark.catalogue.listing import list_splits
from imagenet_g.benchmark.catalogue.newest import choose_newest_version
from imagenet_g.benchmark.catalogue.roles import require_test_split
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import TrainingSetError
from imagenet_g.benchmark.splits.references import parse_split_ref

WORDS = "'v9/sd-l' is a training set (role = 'train'): a score on it says nothing of new images."


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A release of one training set."""
    return write_release(tmp_path / "release", [0, 1], role="train")


def run(words: list[str], release: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code of a command, and its one line of an error."""
    code = main([*words, "--split", "v9/sd-l", "--data", f"v9={release}"])
    return code, capsys.readouterr().err


def test_evaluate_refuses_it_before_any_model(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With one line, and nothing written."""
    out = tmp_path / "out"
    code, err = run(["evaluate", "--model", "wheel:efficientnet-lite0", "--out", str(out)], release, capsys)
    assert code == 2
    assert WORDS in err.splitlines()[-1]
    assert not list(out.rglob("*.*"))


def test_answers_to_it_are_not_scored(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever gave them."""
    answers = tmp_path / "answers.csv"
    answers.write_text("image_id,answer\nid-00000,0\nid-00001,1\n")
    out = ["--out", str(tmp_path / "out"), "--name", "someone"]
    code, err = run(["score", str(answers), *out], release, capsys)
    assert (code, WORDS in err) == (2, True)


def test_predictions_made_before_are_not_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The release on hand says what the set is for."""
    test = write_release(tmp_path / "test", [0, 1])
    train = write_release(tmp_path / "train", [0, 1], role="train")
    answers = tmp_path / "answers.csv"
    answers.write_text("image_id,answer\nid-00000,0\nid-00001,1\n")
    out = ["--out", str(tmp_path / "out")]
    assert run(["score", str(answers), "--name", "someone", *out], test, capsys)[0] == 0
    (stored,) = (tmp_path / "out").rglob("*.parquet")
    code = main(["score", str(stored), "--data", f"v9={train}", "--out", str(tmp_path / "again")])
    assert (code, WORDS in capsys.readouterr().err) == (2, True)


def test_questions_are_not_asked_about_it(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They would be answered to be scored."""
    words = ["export-mcq", "v9/sd-l", "--data", f"v9={release}", "--out", str(tmp_path / "q.jsonl")]
    code, err = main(words), capsys.readouterr().err
    assert (code, WORDS in err) == (2, True)


def test_the_other_splits_of_its_version_are_test_sets_still(release: Path) -> None:
    """Each split has a role of its own; a folder and a real set have none."""
    with pytest.raises(TrainingSetError):
        require_test_split(parse_split_ref("v9/sd-l"), {"v9": release}, cache=None)
    for ref in ("mini/sd-l", f"folder:{release}", "imagenet-train"):
        require_test_split(parse_split_ref(ref), {}, cache=None)


def test_it_is_listed_as_what_it_is(release: Path) -> None:
    """In the title."""
    titles = {one.ref: one.title for one in list_splits({"v9": release})}
    assert titles["v9/sd-l"] == "A test (training set)"


def test_no_run_takes_it_where_no_split_is_named(release: Path, tmp_path: Path) -> None:
    """A version of training sets alone is passed over; the newest of the others is run."""
    test = write_release(tmp_path / "v8", [0], version="v8")
    assert choose_newest_version({"v8": test, "v9": release}, cache=None).name == "v8"
