"""Accuracy by the strength of a shift, as a table, and the failure point in one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imagenet_g.benchmark.formats.strengths import FailurePoint, StrengthPoint, SurvivalStep
from imagenet_g.benchmark.records import Estimate
from imagenet_g.benchmark.reports.metric_tables import ShownScore
from imagenet_g.benchmark.reports.numbers import format_interval, format_percent
from imagenet_g.benchmark.terminal.tables import NameTable, Shown

HEADINGS = ("strength", "n", "top-1", "series at risk", "turned wrong", "never wrong so far")


def make_strength_tables(model: str, shown: Sequence[ShownScore]) -> Iterator[Shown]:
    """For each split that says how strongly its images are shifted, a row a strength.

    Args:
        model: Its name.
        shown: Each entry with the score that is shown of it.
    """
    for entry, score in shown:
        if score.strength is None:
            continue
        title = f"{model} on {entry.split.ref}: top-1 in percent by strength, with 95 % intervals"
        failure = score.strength.failure
        steps = {} if failure is None else {step.strength: step for step in failure.steps}
        # Without series the columns on them would be empty.
        table = NameTable(HEADINGS[: None if steps else 3], title=title, right=HEADINGS)
        for point in score.strength.points:
            table.add_row(*_list_cells(point), *(_list_step(steps.get(point.strength)) if steps else ()))
        yield table


def _list_cells(point: StrengthPoint) -> tuple[str, ...]:
    return f"{point.strength:g}", str(point.n), _format_share(point.top1)


def _list_step(step: SurvivalStep | None) -> tuple[str, ...]:
    if step is None:
        return "", "", ""
    share = Estimate(value=step.survival, low=step.low, high=step.high, method="log-log")
    return str(step.at_risk), str(step.failed), _format_share(share)


def _format_share(share: Estimate) -> str:
    return f"{format_percent(share.value)} ({format_interval(share)})"


def read_failures(shown: Sequence[ShownScore]) -> Iterator[str]:
    """One sentence for each split that has series."""
    for entry, score in shown:
        if score.strength is None:
            continue
        failure = score.strength.failure
        if failure is None:
            yield (
                f"{entry.split.ref} has no failure point: it does not say which images are of one series, or "
                "no series is right at strength 0 and has another image."
            )
        else:
            yield f"{entry.split.ref}: {format_failure(failure)}"


def format_failure(failure: FailurePoint) -> str:
    """The failure point, the share that is never wrong, and what stands apart.

    Example:
        >>> format_failure(FailurePoint(
        ...     num_series=20, wrong_at_zero=3, not_followed=2, followed=15, begins_at_zero=True, failed=12,
        ...     never=Estimate(value=0.2, low=0.07, high=0.452, method="wilson"), median=1.0, low=0.5,
        ...     high=None, method="log-log", steps=(),
        ... ))  # doctest: +NORMALIZE_WHITESPACE
        'of 15 series half are wrong by strength 1 (0.5 to beyond the greatest), 20.0 % (7.0 to 45.2)
        are never wrong; apart from these 3 are wrong at strength 0 already and 2 cannot be followed.'
    """
    never = f"{format_percent(failure.never.value, 1)} % ({format_interval(failure.never)}) are never wrong"
    apart = []
    if failure.begins_at_zero:
        apart.append(f"{failure.wrong_at_zero} are wrong at strength 0 already")
    if failure.not_followed:
        apart.append(f"{failure.not_followed} cannot be followed")
    rest = f"apart from these {' and '.join(apart)}" if apart else "no image has strength 0"
    return f"of {failure.followed} series {_format_median(failure)}, {never}; {rest}."


def _format_median(failure: FailurePoint) -> str:
    low, high = (
        "beyond the greatest" if bound is None else f"{bound:g}" for bound in (failure.low, failure.high)
    )
    if failure.median is None:
        bound = "the interval too" if failure.low is None else f"the interval from {low}"
        return f"fewer than half are wrong by the greatest strength ({bound})"
    return f"half are wrong by strength {failure.median:g} ({low} to {high})"
