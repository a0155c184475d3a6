"""A submission and its predictions to a dataset on the Hub, as a pull request.

Access is checked before any question is asked and before anything is written. The commit is one step on the
Hub: either the pull request has every file, or it is not opened.
"""

from __future__ import annotations

from pathlib import Path

from imagenet_g.benchmark.errors import DataError, FetchError, ImagenetGError
from imagenet_g.benchmark.hub.errors import require_account, translate_hub_errors
from imagenet_g.benchmark.redaction import has_token
from imagenet_g.benchmark.terminal.markdown import format_fence
from imagenet_g.leaderboard.submissions.problems import ValidationReport, format_report
from imagenet_g.leaderboard.submissions.submission import SUFFIX, Submission

FOLDER = "submissions"


def check_hub(repo: str) -> None:
    """Check whether a pull request can be opened, as far as that is possible beforehand.

    Raises:
        FetchError: There is no token, no network, or no such dataset.
    """
    from huggingface_hub import HfApi

    require_account("A pull request needs an account")
    with translate_hub_errors(repo, None, "write"):
        HfApi().repo_info(repo, repo_type="dataset")


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
    try:
        with translate_hub_errors(repo, None, "write"):
            commit = HfApi().create_commit(
                repo,
                [CommitOperationAdd(name, file) for name, file in list_files(path, submission).items()],
                commit_message=f"Submit {path.name.removesuffix(SUFFIX)}",
                # A code block: the report quotes the file, and its names must not become links or mentions.
                commit_description=format_fence(format_report(report)),
                repo_type="dataset",
                create_pr=True,
            )
    except ImagenetGError as error:
        raise FetchError(
            f"No pull request was opened on '{repo}'. {error} The submission is complete at '{path}'; "
            f"'imagenet-g submit {path} --hub {repo}' tries again without questions."
        ) from error
    return str(commit.pr_url)


def list_files(path: Path, submission: Submission) -> dict[str, Path]:
    """A submission's files by their path in the repository."""
    # A set: views of one split share a predictions file.
    files = {path, *(path.parent / entry.predictions.file for entry in submission.result.entries)}
    return {
        f"{FOLDER}/{submission.version}/{file.relative_to(path.parent).as_posix()}": file
        for file in sorted(files)
    }
