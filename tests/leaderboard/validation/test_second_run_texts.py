"""A second run of a zero-shot model takes the texts of the first."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.records import ZeroShot
from imagenet_g.leaderboard.submissions.submission import Submission
from imagenet_g.leaderboard.validation.second_runs.running import HashedInputs, load_submission, make_command

SUBMISSIONS = Path(__file__).resolve().parents[3] / "submissions"


def load_with_texts(templates: str, class_names: str | None = None) -> Submission:
    """A shipped submission, as if it were of a CLIP with these texts."""
    submission = load_submission(SUBMISSIONS / "mini" / "imagenet-g__mini-clip.json")
    texts = ZeroShot(
        templates=templates,
        num_templates=1,
        templates_sha256="0" * 64,
        class_names_sha256="1" * 64,
        class_names=class_names,
    )
    model = submission.result.model.model_copy(update={"spec": "open_clip:a/b", "zero_shot": texts})
    return submission.model_copy(update={"result": submission.result.model_copy(update={"model": model})})


def test_the_templates_are_those_of_the_submission(tmp_path: Path) -> None:
    """The default has no word of its own."""
    assert "--templates=single" in make_command(load_with_texts("single"), tmp_path, [])
    words = make_command(load_with_texts("openai-80"), tmp_path, [])
    assert not [word for word in words if word.startswith("--templates")]


@pytest.mark.parametrize(("templates", "class_names"), [("own-1", None), ("single", "own-2")])
def test_texts_of_the_authors_own_are_not_guessed(
    templates: str, class_names: str | None, tmp_path: Path
) -> None:
    """With what to do."""
    with pytest.raises(InputError, match="give --result"):
        make_command(load_with_texts(templates, class_names), tmp_path, [])


def test_texts_of_the_authors_own_can_be_given(tmp_path: Path) -> None:
    """They take the place of the names in the submission."""
    texts = HashedInputs(templates=tmp_path / "t.txt", class_names=tmp_path / "c.csv")
    words = make_command(load_with_texts("own-1", "own-2"), tmp_path, [], texts)
    assert [word for word in words if word.startswith("--templates")] == [f"--templates={tmp_path / 't.txt'}"]
    assert f"--class-names={tmp_path / 'c.csv'}" in words
