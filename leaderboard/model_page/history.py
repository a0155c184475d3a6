"""What happened to a model on this board, with dates, from submissions and their reviews."""

from __future__ import annotations

from collections.abc import Iterator

from imagenet_g.leaderboard.board.model_facts import SubmissionFacts
from imagenet_g.leaderboard.model_page.models import BoardEntry
from imagenet_g.leaderboard.pages.cells import escape

Event = tuple[str, str]
"""A time as its file states it, and what happened then."""


def format_history(model: BoardEntry) -> str:
    """Runs, results, reviews and second runs of every version, the newest first."""
    known = [one for one in model.versions if one.facts is not None]
    events = [event for one in known if one.facts for event in _list_events(one.version.name, one.facts)]
    unknown = [one.version.name for one in model.versions if one.facts is None]
    note = f"<p>Dates for {escape(', '.join(unknown))}: unknown.</p>" if unknown else ""
    items = "".join(_format_event(event) for event in sorted(events, reverse=True))
    changed = _describe_weights([one.facts for one in known if one.facts])
    return f"<ul class='mp-history'>{items}</ul>{changed}{note}" if events else note


def _list_events(version: str, facts: SubmissionFacts) -> Iterator[Event]:
    yield facts.reviewed_utc, f"{version}: reviewed"
    yield facts.written_utc, f"{version}: numbers computed from the predictions"
    if facts.verified_utc is not None:
        yield facts.verified_utc, f"{version}: run again by {facts.verified_by}"
    if started := sorted(run.started_utc for run in facts.runs):
        yield started[0], f"{version}: first run, on {facts.runs[0].device_name}"


def _format_event(event: Event) -> str:
    time, words = event
    # A submission's times are its authors' word; a damaged one is shown as it is.
    return f"<li><time>{escape(time[:10] or 'unknown')}</time> {escape(words)}</li>"


def _describe_weights(facts: list[SubmissionFacts]) -> str:
    hashes = {one.weights_sha256 for one in facts}
    if len(facts) < 2:
        words = "It is the only submission under this name."
    elif len(hashes) == 1:
        words = f"The same weights in {', '.join(one.version for one in facts)}."
    else:
        words = f"Not the same weights in {', '.join(one.version for one in facts)}."
    replaced = "A submission that is sent again replaces the earlier one; earlier files are unknown here."
    return f'<p class="mp-note">{escape(words)} {replaced}</p>'
