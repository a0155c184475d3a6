"""Claimed numbers against recomputed ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from imagenet_g.benchmark.results import Entry
from imagenet_g.leaderboard.submissions.problems import Problem, error, warning

TOLERANCE = 1e-6
"""Of any fraction: sums of floats in another order differ by less than 1e-9."""
_SKIPPED = ("predictions", "effective_robustness", "warnings", "split")


def compare_entries(claimed: Entry, recomputed: Entry) -> Iterator[Problem]:
    """One problem for each number that differs; a published reference is the one in the package."""
    ref = claimed.split.ref
    ours = recomputed.model_dump(exclude=set(_SKIPPED))
    theirs = claimed.model_dump(exclude=set(_SKIPPED))
    # The clean set's own entry is written without a gap; recomputing may look one up.
    if not claimed.gaps and ours["gaps"] and ours["gaps"][0]["reference"]["set"] == ref:
        ours["gaps"] = ()
    for field, given, right in find_differences(theirs, ours):
        yield error("not-reproduced", ref, f"{field} is {given}; the predictions give {right}")
    if claimed.split.model_dump(exclude={"revision"}) != recomputed.split.model_dump(exclude={"revision"}):
        yield error("contradiction", ref, "the split's record is not the one stored with the predictions")
    if hidden := sorted(set(recomputed.warnings) - set(claimed.warnings)):
        yield error("warning-removed", ref, f"the result lacks the warning: {hidden[0]}")
    if added := sorted(set(claimed.warnings) - set(recomputed.warnings)):
        yield warning("own-warning", ref, f"the result carries another warning: {added[0]}")


def find_differences(claimed: object, right: object, path: str = "") -> Iterator[tuple[str, object, object]]:
    """Where two JSON-like values differ: path, claimed, right."""
    if isinstance(claimed, Mapping) and isinstance(right, Mapping):
        for key in sorted(set(claimed) | set(right)):
            yield from find_differences(
                claimed.get(key), right.get(key), f"{path}.{key}" if path else str(key)
            )
    elif isinstance(claimed, list | tuple) and isinstance(right, list | tuple):
        if len(claimed) != len(right):
            yield f"number of {path}", len(claimed), len(right)
        for number, (one, other) in enumerate(zip(claimed, right, strict=False)):
            yield from find_differences(one, other, f"{path}[{number}]")
    elif not _is_same(claimed, right):
        yield path, claimed, right


def _is_same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, int | float):
        return math.isclose(one, float(other), rel_tol=0, abs_tol=TOLERANCE)
    return one == other
