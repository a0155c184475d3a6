"""Where submissions are on their way to the board, from the Hub's pull requests and the board's own files."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Literal

from imagenet_g.benchmark.hub.errors import translate_hub_errors
from imagenet_g.leaderboard.submissions.problems import clip_text
from imagenet_g.leaderboard.submissions.reviews import Review, load_review
from imagenet_g.leaderboard.submissions.submission import SUFFIX
from imagenet_g.leaderboard.submitting.board_files import FOLDER, BoardCopy
from imagenet_g.leaderboard.submitting.verdicts import PullVerdict, load_verdicts

if TYPE_CHECKING:
    from huggingface_hub import Discussion

Step = Literal["received", "accepted", "refused", "merged", "reviewed", "listed", "withdrawn"]
STEPS: dict[Step, str] = {
    "received": "received, waits to be validated",
    "accepted": "validated: accepted, waits for a maintainer",
    "refused": "validated: refused",
    "merged": "taken into the repository, waits for its review",
    "reviewed": "reviewed, listed when the board is built next",
    "listed": "listed on the board",
    "withdrawn": "closed without a verdict; the page of the pull request may say why",
}
"""What each step says, in words."""
MAX_REQUESTS = 500
"""The newest; an older one is asked for by its page."""
TITLE = "Submit "
_TITLE = re.compile(rf"{TITLE}([a-z0-9][a-z0-9._-]*/[A-Za-z0-9._-]+__[A-Za-z0-9._-]+)")


@dataclass(frozen=True, slots=True)
class SubmissionState:
    """One pull request.

    Attributes:
        number: Of the pull request.
        name: "<version>/<org>__<model>" as its title says, or its verdict where there is one.
        author: The account that opened it.
        step: How far it is.
        reason: Why it was refused, or its trust level; empty where there is neither.
        url: Its page on the Hub.
    """

    number: int
    name: str
    author: str
    step: Step
    reason: str
    url: str

    @property
    def words(self) -> str:
        """The step and the reason in one line."""
        return f"{STEPS[self.step]}{f': {self.reason}' if self.reason else ''}"


def list_states(repo: str, board: BoardCopy, *, listed: Collection[str] = ()) -> list[SubmissionState]:
    """Submissions that were proposed to a board, the newest first.

    Args:
        repo: Data set on the Hub.
        board: Its main branch, as fetched.
        listed: "<version>/<org>__<model>" of what a built board shows.

    Raises:
        FetchError: The Hub cannot be asked: the states are unknown.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    with translate_hub_errors(repo, None):
        requests = list(
            islice(
                api.get_repo_discussions(repo, repo_type="dataset", discussion_type="pull_request"),
                MAX_REQUESTS,
            )
        )
        refs = api.list_repo_refs(repo, repo_type="dataset", include_pull_requests=True)
    heads = {ref.ref: ref.target_commit for ref in refs.pull_requests or []}
    verdicts = load_verdicts(board)
    # Other requests, such as a correction of the card, are no submissions.
    states = [_find_state(one, board, verdicts, heads, listed) for one in requests]
    return sorted((state for state in states if state), key=lambda state: -state.number)


def _find_state(
    request: Discussion,
    board: BoardCopy,
    verdicts: Mapping[int, PullVerdict],
    heads: Mapping[str, str],
    listed: Collection[str],
) -> SubmissionState | None:
    title = _TITLE.fullmatch(request.title)
    if title is None or not request.is_pull_request:
        return None
    verdict = verdicts.get(request.num)
    # The title is its author's; what a maintainer validated is known by its file.
    name = title[1] if verdict is None else verdict.file.removeprefix(f"{FOLDER}/").removesuffix(SUFFIX)
    head = heads.get(f"refs/pr/{request.num}")
    step, reason = _find_step(request.status, name, board, verdict, head, listed)
    return SubmissionState(
        request.num, clip_text(name), clip_text(request.author), step, reason, request.url
    )  # fmt: skip


def _find_step(
    status: str,
    name: str,
    board: BoardCopy,
    verdict: PullVerdict | None,
    head: str | None,
    listed: Collection[str],
) -> tuple[Step, str]:
    if status == "merged":
        review = load_review(board.submissions / f"{name}{SUFFIX}")
        if not isinstance(review, Review):
            return "merged", ""
        return "listed" if name in listed else "reviewed", f"trust level '{review.trust}'"
    # A head that is unknown is the case of a closed request, whose commits may be gone.
    if verdict is not None and head in (None, verdict.commit):
        return _explain_verdict(verdict)
    return ("withdrawn" if status == "closed" else "received"), ""


def _explain_verdict(verdict: PullVerdict) -> tuple[Step, str]:
    if verdict.report.accepted:
        return "accepted", f"trust level '{verdict.report.trust}'"
    errors = verdict.report.errors
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return "refused", f"{clip_text(errors[0].where)}: {clip_text(errors[0].message)}{more}" if errors else ""


def find_own(states: list[SubmissionState], name: str) -> list[SubmissionState]:
    """States of one submission, by "<version>/<org>__<model>".

    Example:
        >>> find_own([SubmissionState(1, "mini/a__b", "jo", "received", "", "https://x")], "mini/a__c")
        []
    """
    return [state for state in states if state.name == name]
