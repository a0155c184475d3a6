"""Times and speeds that a submission states: no file is opened here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from imagenet_g.benchmark.results import Entry
from imagenet_g.leaderboard.submissions.problems import Problem, error
from imagenet_g.leaderboard.submissions.submission import Submission

FIRST_DAY = date(2012, 1, 1)
"""No network that is run today, and no library that runs it, is older."""
# Clocks differ, and the day begins earlier in the east.
_AHEAD = timedelta(days=1)
MAX_SECONDS = 10 * 365 * 86_400.0
MAX_IMAGES_PER_SECOND = 1e7
"""A hundred times what a small network does on the fastest device of today."""


def check_times(submission: Submission, *, today: date | None = None) -> Iterator[Problem]:
    """Whether every day that is stated can be, and speeds are those of some machine.

    Args:
        submission: What is stated.
        today: The day that counts as today; None for the clock's.
    """
    last = (today or datetime.now(UTC).date()) + _AHEAD
    result = submission.result
    yield from check_moment(result.environment.created_utc, "result.environment.created_utc", last)
    if result.model.trained_until is not None:
        yield from check_day(result.model.trained_until, "result.model.trained_until", last)
    for entry in result.entries:
        where = f"{entry.split.ref}: started_utc"
        yield from check_moment(entry.predictions.run.started_utc, where, last)
        yield from check_speed(entry)


def check_moment(text: str, where: str, last: date) -> Iterator[Problem]:
    """Whether a moment in ISO 8601 has come already."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        yield error("impossible", where, f"{text!r} is no moment, such as 2026-01-31T12:00:00+00:00")
        return
    yield from check_day(moment.date(), where, last)


def check_day(day: date, where: str, last: date) -> Iterator[Problem]:
    """Whether a day lies between the first and the last one that can be."""
    if not FIRST_DAY <= day <= last:
        yield error("impossible", where, f"{day} lies outside {FIRST_DAY} to {last}")


def check_speed(entry: Entry) -> Iterator[Problem]:
    """Whether some machine can have run so fast, or for so long."""
    run = entry.predictions.run
    if not (0 <= run.seconds <= MAX_SECONDS and run.images_per_second <= MAX_IMAGES_PER_SECOND):
        yield error(
            "impossible", entry.split.ref, "no machine ran for so long, or as fast, as the run states"
        )
