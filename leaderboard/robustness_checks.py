"""Effective robustness in a submission, computed again from its line and that line held against ours."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from imagenet_g.benchmark.results import EffectiveRobustness, Entry
from imagenet_g.leaderboard.lines import Line, apply_link, invert_link
from imagenet_g.leaderboard.problems import Problem, error, warning

TOLERANCE = 1e-6


def check_robustness(entry: Entry, lines: Sequence[Line]) -> Iterator[Problem]:
    """Arithmetic, flags and lines of every effective robustness of an entry."""
    if not entry.effective_robustness:
        return
    ref = entry.split.ref
    if not entry.gaps:
        yield error("impossible", ref, "effective robustness without a clean reference")
        return
    reference = entry.gaps[0].reference
    top1 = next((score.top1.value for score in entry.scores if score.outputs == reference.outputs), None)
    if top1 is None or not reference.same_classes:
        yield error("other-axis", ref, "its clean reference is not the same-class twin the line is fitted on")
        return
    for record in entry.effective_robustness:
        yield from check_arithmetic(record, reference.top1.value, top1, ref)
        yield from check_line(record, lines, ref)


def check_arithmetic(record: EffectiveRobustness, clean: float, top1: float, ref: str) -> Iterator[Problem]:
    """ER = A(D') - beta(A(D_test)), with the slope and intercept the record itself names."""
    where = f"{ref} ({record.baseline}, {record.link})"
    linked = apply_link(clean, record.link)
    expected = float(invert_link(record.intercept + record.slope * linked, record.link))
    for name, given, right in (
        ("expected top-1", record.expected_top1, expected),
        ("effective robustness", record.value, top1 - expected),
    ):
        if not math.isclose(given, right, rel_tol=0, abs_tol=TOLERANCE):
            yield error("not-reproduced", where, f"{name} is {given:.6f}; its own line gives {right:.6f}")
    outside = not record.reference_low <= clean <= record.reference_high
    if record.extrapolated != outside:
        yield error("not-reproduced", where, f"extrapolated is {record.extrapolated}; by its range {outside}")
    if record.weak != (record.r2 < 0.8):
        yield error("not-reproduced", where, f"weak is {record.weak} at r2 {record.r2:.3f}")


def check_line(record: EffectiveRobustness, lines: Sequence[Line], ref: str) -> Iterator[Problem]:
    """Whether the line is one that is known here."""
    where = f"{ref} ({record.baseline}, {record.link})"
    known = [line for line in lines if line.baseline == record.baseline and line.target == ref]
    if not known:
        yield warning("unknown-baseline", where, "no line of that baseline on this split is known here")
        return
    if all(line.baseline_sha256 != record.baseline_sha256 for line in known):
        yield error("other-baseline", where, "the baseline's hash is not that of the published one")
        return
    if not any(_is_same_line(record, line) for line in known):
        yield error("other-baseline", where, "slope and intercept are not those of the published baseline")


def _is_same_line(record: EffectiveRobustness, line: Line) -> bool:
    pairs = ((record.slope, line.slopes[0]), (record.intercept, line.intercept), (record.r2, line.r2))
    return record.link == line.link and all(
        math.isclose(given, right, rel_tol=0, abs_tol=TOLERANCE) for given, right in pairs
    )
