"""One line for each effective robustness of a result, for `baselines apply`."""

from __future__ import annotations

from imagenet_g.benchmark.reports.numbers import format_points
from imagenet_g.benchmark.results import EffectiveRobustness, Entry, Result
from imagenet_g.benchmark.robustness.wording import OUTSIDE, list_cautions, state_verdict


def list_robustness(result: Result) -> list[str]:
    """One line for each effective robustness of a result, and one for each baseline that gives none, and why.

    Where the line is weak the gap comes first.
    """
    return [
        line
        for entry in result.entries
        for line in (
            *(_format_robustness(entry, record) for record in entry.effective_robustness),
            *(
                f"{entry.split.ref} against {refused.baseline}: no ER: {refused.reason}"
                for refused in entry.no_robustness
            ),
        )
    ]


def _format_robustness(entry: Entry, record: EffectiveRobustness) -> str:
    bounds = "interval unknown" if record.no_interval is None else f"no interval: {record.no_interval}"
    if record.low is not None and record.high is not None:
        verdict = state_verdict(record.low, record.high)
        bounds = f"95 % {format_points(record.low, 1)} to {format_points(record.high, 1)}"
        bounds += f": {verdict}" if verdict else ""
    robustness = f"ER {format_points(record.value)} ({bounds})"
    gap = f"AG {format_points(entry.gaps[0].value)}"
    stated = f"{gap}, weak {robustness}" if record.weak else f"{robustness}, {gap}"
    flags = [*([OUTSIDE] if record.extrapolated else []), *list_cautions(record)]
    head = f"{entry.split.ref} against {record.baseline} ({record.link}, r2 {record.r2:.2f})"
    return f"{head}: {stated}" + "".join(f"; {flag}" for flag in flags)
