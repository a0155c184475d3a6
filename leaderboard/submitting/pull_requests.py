"""A submission and its predictions to somebody else's dataset on the Hub, as a pull request.

Who may ask is looked at before any question is asked and before anything is written. The commit is one step
on the Hub: either the pull request has every file, or there is none.
"""

from __future__ import annotations

from pathlib import Path

from imagenet_g.benchmark.errors import DataError, FetchError, ImagenetGError
from imagenet_g.benchmark.hub.errors import has_account, translate_hub_errors
from imagenet_g.benchmark.redaction import has_token
from imagenet_g.leaderboard.submissions.problems import ValidationReport, format_report
from imagenet_g.leaderboard.submissions.submission import SUFFIX, Submission

FOLDER = "submissions"


def check_hub(repo: str) -> None:
    """Find out whether a pull request can be opened, as far as that can be known beforehand.

    Raises:
        FetchError: There is no token, no network, or no such dataset.
    """
    from huggingface_hub import HfApi

    if not has_account():
        raise FetchError("A pull request needs an account: 'hf auth login', or set HF_TOKEN.")
    with translate_hub_errors(repo, None, "write"):
        HfApi().repo_info(repo, repo_type="dataset")


def open_pull_request(path: Path, submission: Submission, report: ValidationReport, repo: str) -> str:
    """Open a pull request with a submission and its predictions; returns its address.

    Args:
        path: The submission's file, its predictions beside it.
        submission: What the file says.
        report: Its validation, which becomes the description.
        repo: A dataset on the Hub.

    Raises:
        DataError: The file holds something that looks like an access token.
        FetchError: The Hub cannot be reached or refuses; the local file is whole and named.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    if has_token(path.read_text(encoding="utf-8")):
        raise DataError(f"'{path}' holds something that looks like an access token; take it out.")
    try:
        with translate_hub_errors(repo, None, "write"):
            commit = HfApi().create_commit(
                repo,
                [CommitOperationAdd(name, file) for name, file in list_files(path, submission).items()],
                commit_message=f"Submit {path.name.removesuffix(SUFFIX)}",
                commit_description=f"```\n{format_report(report)}\n```",
                repo_type="dataset",
                create_pr=True,
            )
    except ImagenetGError as error:
        raise FetchError(
            f"There is no pull request on '{repo}'. {error} The submission is whole at '{path}'; "
            f"'imagenet-g submit {path} --hub {repo}' tries again, without asking anything."
        ) from error
    return str(commit.pr_url)


def list_files(path: Path, submission: Submission) -> dict[str, Path]:
    """A submission's files by their path in the repository."""
    files = {path, *(path.parent / entry.predictions.file for entry in submission.result.entries)}
    return {
        f"{FOLDER}/{submission.version}/{file.relative_to(path.parent).as_posix()}": file
        for file in sorted(files)
    }
