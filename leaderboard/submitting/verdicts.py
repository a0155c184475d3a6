"""What validation found in a pull request, as a file that maintainers commit to the board's repository.

Only who may write to the main branch can write one. A comment on a pull request would not do: anybody can
write "accepted" into one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from imagenet_g.benchmark.environment import format_now
from imagenet_g.benchmark.errors import UntrustedFileError
from imagenet_g.benchmark.hub.errors import require_account, translate_hub_errors
from imagenet_g.benchmark.records import FileModel
from imagenet_g.leaderboard.submissions.problems import ValidationReport
from imagenet_g.leaderboard.submissions.untrusted import read_json
from imagenet_g.leaderboard.submitting.board_files import VERDICTS, BoardCopy


class PullVerdict(FileModel):
    """Of one pull request at one commit."""

    schema_version: Literal[1] = 1
    pull_request: Annotated[int, Field(gt=0)]
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    """What was validated; a later commit of the same pull request has no verdict."""
    created_utc: str
    file: str
    """The submission's path in the repository."""
    report: ValidationReport


def make_verdict(number: int, commit: str, file: str, report: ValidationReport) -> PullVerdict:
    """A verdict of this moment."""
    return PullVerdict(
        pull_request=number, commit=commit, created_utc=format_now(), file=file, report=report
    )  # fmt: skip


def load_verdicts(board: BoardCopy) -> dict[int, PullVerdict]:
    """Verdicts by pull request; a damaged one counts as none."""
    found = {}
    for path in sorted((board.folder / VERDICTS).glob("*.json")):
        verdict = _load_verdict(path)
        # By the name too: a file for another request must not decide this one.
        if verdict is not None and path.name == f"{verdict.pull_request}.json":
            found[verdict.pull_request] = verdict
    return found


def _load_verdict(path: Path) -> PullVerdict | None:
    try:
        return PullVerdict.model_validate(read_json(path)[1])
    except (UntrustedFileError, ValidationError):
        return None


def record_verdict(repo: str, verdict: PullVerdict) -> str:
    """Commit a verdict to the main branch; returns the address of the commit.

    Raises:
        FetchError: There is no token, no right to write, or no network.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    require_account("Recording a verdict needs a token of a maintainer")
    data = (verdict.model_dump_json(indent=2) + "\n").encode()
    word = "accepted" if verdict.report.accepted else "refused"
    with translate_hub_errors(repo, None, "write"):
        commit = HfApi().create_commit(
            repo,
            [CommitOperationAdd(f"{VERDICTS}/{verdict.pull_request}.json", data)],
            commit_message=f"Pull request {verdict.pull_request}: {word}",
            repo_type="dataset",
        )
    return str(commit.commit_url)
