"""The verdict on uploaded files, and where submissions are on their way, as HTML."""

from __future__ import annotations

from collections.abc import Sequence

from imagenet_g.leaderboard.pages.cells import escape
from imagenet_g.leaderboard.submissions.names import explain_bad_url
from imagenet_g.leaderboard.submissions.problems import TRUST_LEVELS, ValidationReport
from imagenet_g.leaderboard.submitting.states import SubmissionState

KINDS = {
    "received": "waiting", "accepted": "good", "refused": "bad", "merged": "waiting", "reviewed": "good",
    "listed": "good", "withdrawn": "waiting",
}  # fmt: skip
"""The colour of each step; its words say the same."""


def format_verdict(report: ValidationReport) -> str:
    """One sentence in the colour of what it says: accepted with its trust level, or refused with a number.

    Example:
        >>> report = ValidationReport(file="a.json", submission_sha256=None, accepted=False, trust=None,
        ...                           model=None, version=None, splits=(), problems=())
        >>> format_verdict(report)
        '<p class="verdict bad" role="status"><strong>Refused.</strong> The report says why.</p>'
    """
    if report.trust is not None:
        words = f"Trust level “{report.trust}”: {TRUST_LEVELS[report.trust]}."
        return _format_line("good", "Accepted.", words)
    count = len(report.errors)
    why = f"{count} error{'s' if count > 1 else ''}; the report says which." if count else ""
    return _format_line("bad", "Refused.", why or "The report says why.")


def format_states(states: Sequence[SubmissionState], repo: str) -> str:
    """A table of submissions on their way, the newest first."""
    if not states:
        return _format_line("waiting", "None.", f"No submission was proposed to {repo} yet.")
    rows = "".join(_format_state(state) for state in states)
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Request", "Submission", "By", "State"))
    caption = f"<caption>Submissions to {escape(repo)}, the newest first</caption>"
    table = f"{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
    return f'<div class="board-scroll" tabindex="0"><table class="board">{table}</table></div>'


def format_unknown(reason: str) -> str:
    """Where the Hub could not be asked: the states are unknown, and why."""
    return _format_line("waiting", "Unknown.", f"The Hub could not be asked. {reason}")


def _format_state(state: SubmissionState) -> str:
    number = str(state.number)
    if explain_bad_url(state.url) is None:
        number = f'<a href="{escape(state.url)}" target="_blank" rel="noopener">{number}</a>'
    kind = KINDS[state.step]
    return (
        f'<tr><td>{number}</td><th scope="row">{escape(state.name)}</th><td>{escape(state.author)}</td>'
        f'<td><span class="verdict-words {kind}">{escape(state.words)}</span></td></tr>'
    )


def _format_line(kind: str, first: str, rest: str) -> str:
    return (
        f'<p class="verdict {kind}" role="status"><strong>{escape(first)}</strong> {escape(rest)}</p>'
    )  # fmt: skip
