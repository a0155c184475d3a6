"""A submission and its predictions to a dataset on the Hub, as a pull request.

Access is checked before any question is asked and before anything is written. The commit is one step on the
Hub: either the pull request has every file, or it is not opened.
"""

from __future__ import annotations

from pathlib import Path

from imagenet_g.benchmark.errors import DataError, FetchError, ImagenetGError, InputError
from imagenet_g.benchmark.hub.errors import require_account, translate_hub_errors
from imagenet_g.benchmark.redaction import has_token
from imagenet_g.benchmark.terminal.markdown import format_fence
from imagenet_g.leaderboard.submissions.problems import ValidationReport, format_report
from imagenet_g.leaderboard.submissions.submission import SUFFIX, Submission
from imagenet_g.leaderboard.submitting.board_files import FOLDER, BoardCopy, fetch_board
from imagenet_g.leaderboard.submitting.official import choose_board
from imagenet_g.leaderboard.submitting.states import TITLE
from imagenet_g.leaderboard.validation.validate import list_submission_files, load_known

INSTEAD = "With --local the submission is written and checked here, and nothing is sent."


def prepare_board(repo: str, *, cache: Path | None = None) -> BoardCopy:
    """Check whether a pull request can be opened, as far as that is possible beforehand, and fetch the board.

    Raises:
        FetchError: There is no token, no network, or no such dataset.
        DataError: The dataset is no board.
    """
    require_account(f"A pull request on '{repo}' needs an account. {INSTEAD} To sign in")
    try:
        return fetch_board(repo, cache=cache)
    except FetchError as error:
        raise FetchError(f"{error} {INSTEAD}") from error


def refuse_unchanged(submission: Submission, board: BoardCopy) -> None:
    """Refuse to send what the board has already, byte for byte.

    Raises:
        InputError: It has.
    """
    for path in list_submission_files(board.submissions) if board.submissions.is_dir() else ():
        for known in load_known(path):
            if known.submission.seal == submission.seal:
                raise InputError(
                    f"The board has exactly this submission already, as '{known.path.name}'. "
                    "'imagenet-g submit --status' says how far it is."
                )


def open_pull_request(path: Path, submission: Submission, report: ValidationReport, repo: str) -> str:
    """Open a pull request with a submission and its predictions; returns its address.

    Args:
        path: The submission's file, its predictions beside it.
        submission: The file's content.
        report: Its validation, which becomes the description.
        repo: A dataset on the Hub.

    Raises:
        DataError: The file holds something that looks like an access token.
        FetchError: The Hub cannot be reached or refuses; the local file is whole and named.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    # A pull request is public at once, and its history stays public after the file is corrected.
    if has_token(path.read_text(encoding="utf-8")):
        raise DataError(f"'{path}' contains what looks like an access token. Remove it and submit again.")
    option = "" if repo == choose_board(None) else f" --hub {repo}"
    try:
        with translate_hub_errors(repo, None, "write"):
            commit = HfApi().create_commit(
                repo,
                [CommitOperationAdd(name, file) for name, file in list_files(path, submission).items()],
                commit_message=f"{TITLE}{name_submission(path, submission)}",
                # A code block: the report quotes the file, and its names must not become links or mentions.
                commit_description=format_fence(format_report(report)),
                repo_type="dataset",
                create_pr=True,
            )
    except ImagenetGError as error:
        raise FetchError(
            f"No pull request was opened on '{repo}'. {error} The submission is complete at '{path}'; "
            f"'imagenet-g submit {path}{option}' tries again without questions."
        ) from error
    return str(commit.pr_url)


def name_submission(path: Path, submission: Submission) -> str:
    """A submission's name on the board, "<version>/<org>__<model>"."""
    return f"{submission.version}/{path.name.removesuffix(SUFFIX)}"


def list_files(path: Path, submission: Submission) -> dict[str, Path]:
    """A submission's files by their path in the repository."""
    # A set: views of one split share a predictions file.
    files = {path, *(path.parent / entry.predictions.file for entry in submission.result.entries)}
    return {
        f"{FOLDER}/{submission.version}/{file.relative_to(path.parent).as_posix()}": file
        for file in sorted(files)
    }
