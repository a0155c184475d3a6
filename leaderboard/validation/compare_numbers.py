"""Claimed numbers against recomputed ones, facts apart from commentary.

Facts about a split's images must hold for ever. Commentary on the split may change after the file was
written: a split is superseded, a notice is worded better. Such a change must not refuse an older file.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from imagenet_g.benchmark.lineage.flags import format_flag
from imagenet_g.benchmark.predictions.metrics import load_metrics
from imagenet_g.benchmark.records import is_same_split
from imagenet_g.benchmark.results import HEADLINE, Entry
from imagenet_g.benchmark.splits.registry import drop_superseded
from imagenet_g.leaderboard.submissions.problems import Problem, error, note, warning
from imagenet_g.leaderboard.validation.flag_checks import check_flags

TOLERANCE = 1e-6
"""Of any fraction: sums of floats in another order differ by less than 1e-9."""
_SKIPPED = (
    "predictions", "effective_robustness", "no_robustness", "choices", "warnings", "split", "contamination",
    "contamination_rules",
)  # fmt: skip


def compare_entries(claimed: Entry, recomputed: Entry) -> Iterator[Problem]:
    """One problem for each number that differs; a published reference is the one in the package."""
    ref = claimed.split.ref
    ours = recomputed.model_dump(exclude=set(_SKIPPED))
    theirs = claimed.model_dump(exclude=set(_SKIPPED))
    yield from _keep_shared_metrics(theirs["scores"], ours["scores"], ref)
    # Newer than the file: what it does not state cannot be wrong.
    if theirs["unscored_reasons"] is None:
        ours["unscored_reasons"] = None
    for given, right in zip(theirs["gaps"], ours["gaps"], strict=False):
        right["balanced"] = right["balanced"] if given["balanced"] is not None else None
    # The clean set's own entry is written without a gap; recomputing may look one up.
    if not claimed.gaps and ours["gaps"] and ours["gaps"][0]["reference"]["set"] == ref:
        ours["gaps"] = ()
    for field, given, right in find_differences(theirs, ours):
        yield error("not-reproduced", ref, f"{field} is {given}; the predictions give {right}")
    if not is_same_split(claimed.split, recomputed.split):
        yield error("contradiction", ref, "the split's record is not the one stored with the predictions")
    yield from check_flags(claimed, recomputed)
    ours_said, theirs_said = map(_list_said, (recomputed, claimed))
    if hidden := sorted(ours_said - theirs_said):
        yield error("warning-removed", ref, f"the result lacks the warning: {hidden[0]}")
    if added := sorted(theirs_said - ours_said):
        yield warning("own-warning", ref, f"the result carries another warning: {added[0]}")


def _list_said(entry: Entry) -> set[str]:
    """Warnings of an entry, without those that are compared by what they are about."""
    return set(entry.warnings) - {entry.split.notice} - set(map(format_flag, entry.contamination))


def _keep_shared_metrics(
    claimed: Sequence[dict[str, Any]], recomputed: Sequence[dict[str, Any]], ref: str
) -> Iterator[Problem]:
    """Drop from dumped scores what only one side can have; a file is not refused for it.

    A metric of a package that is not installed here cannot be recomputed, and the reviewer is warned. One
    that was added after the file was written, and an interval that came later, cannot be claimed.
    """
    for theirs, ours in zip(claimed, recomputed, strict=False):
        given, right = theirs["metrics"], ours["metrics"]
        theirs["metrics"] = {name: given[name] for name in given if name in right}
        ours["metrics"] = {name: right[name] for name in right if name in given}
        for name in sorted(set(given) - set(right)):
            yield warning("unknown-metric", f"{ref} ({theirs['outputs']})", _explain_unknown(name))
        for name in sorted(set(right) - set(given)):
            # The same for every split and choice of outputs, so that a report has it once.
            message = f"lacks the metric '{name}', which may be newer than the file; it need not be added"
            yield note("no-metric", "scores", message)
        for name in set(theirs["metrics"]) - {HEADLINE}:
            if given[name]["method"] == "none" and given[name]["low"] is given[name]["high"] is None:
                ours["metrics"][name] |= dict.fromkeys(("low", "high")) | {"method": "none"}


def _explain_unknown(name: str) -> str:
    if name in load_metrics():
        return f"the metric '{name}' was not recomputed: the predictions lack what it is computed from"
    return f"the metric '{name}' was not recomputed: install the package that has it and validate again"


def check_notice(claimed: Entry, known: Collection[str | None]) -> Iterator[Problem]:
    """Whether an entry carries its split's notice, in its present or an earlier wording.

    Args:
        claimed: The entry of the submission.
        known: The split's notice of today, and the one stored with the predictions.
    """
    ref, notice = claimed.split.ref, claimed.split.notice
    if notice is not None and notice not in claimed.warnings:
        yield error("warning-removed", ref, f"the result lacks the warning: {notice}")
    expected = {drop_superseded(one) for one in known}
    if drop_superseded(notice) in expected:
        return
    if drop_superseded(notice) is None:
        missing = next(one for one in sorted(filter(None, expected)))
        yield error("contradiction", ref, f"the split's record lacks its notice: {missing}")
    else:
        yield warning("own-notice", ref, f"the split's record carries another notice: {notice}")


def find_differences(claimed: object, right: object, path: str = "") -> Iterator[tuple[str, object, object]]:
    """Where two JSON-like values differ: path, claimed, right.

    Example:
        >>> list(find_differences({"a": [1, 2.0]}, {"a": [1, 2.5]}))
        [('a[1]', 2.0, 2.5)]
        >>> list(find_differences({"a": 0.3}, {"a": 0.1 + 0.2}))  # within the tolerance
        []
    """
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
