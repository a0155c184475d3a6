"""The line of a report on the mean corruption error, or on why there is not any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from imagenet_g.benchmark.corruptions.corruption_errors import (
    CorruptionBaseline,
    CorruptionError,
    compute_corruption_error,
    find_problems,
    load_corruption_baselines,
)
from imagenet_g.benchmark.results import Entry


def list_corruption_lines(entries: Sequence[Entry]) -> Iterator[str]:
    """One line for each set of corruptions that a result has a part of."""
    for name, baseline in load_corruption_baselines().items():
        if not any(entry.split.ref.partition(":")[0].startswith(f"{name}/") for entry in entries):
            continue
        problems = find_problems(entries, baseline)
        if problems:
            yield f"{name}: no mCE. {_format_problems(problems, baseline)}"
        else:
            yield format_corruption_error(compute_corruption_error(entries, baseline), baseline)


def format_corruption_error(found: CorruptionError, baseline: CorruptionBaseline) -> str:
    """The number, its interval and its parts.

    Example:
        >>> baseline = load_corruption_baselines()["imagenet-c"]
        >>> format_corruption_error(
        ...     CorruptionError(value=0.767, low=0.76, high=0.775, by_corruption={"fog": 0.7}), baseline
        ... )
        "imagenet-c: mCE 76.7 (76.0 to 77.5, at most too wide), in percent of AlexNet's errors: fog 70.0."
    """
    parts = ", ".join(f"{corruption} {100 * value:.1f}" for corruption, value in found.by_corruption.items())
    return (
        f"{baseline.set}: mCE {100 * found.value:.1f} ({100 * found.low:.1f} to {100 * found.high:.1f}, "
        f"at most too wide), in percent of {baseline.model}'s errors: {parts}."
    )


def _format_problems(problems: Mapping[str, str], baseline: CorruptionBaseline) -> str:
    total = len(baseline.errors) * len(baseline.severities)
    grouped: dict[tuple[str, str], list[str]] = {}
    for part, reason in problems.items():
        _, corruption, severity = part.split("/")
        grouped.setdefault((corruption, reason), []).append(severity)
    # Severities together: 75 names would fill a page.
    listed = ", ".join(
        f"{corruption} {' '.join(severities)} ({reason})"
        for (corruption, reason), severities in grouped.items()
    )
    return f"It needs all of {total} parts, whole; {len(problems)} are not: {listed}."
