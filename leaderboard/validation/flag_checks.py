"""Flags and origins: what a file states against what the split's manifest and today's data give."""

from __future__ import annotations

from collections.abc import Iterator

from imagenet_g.benchmark.lineage.flags import format_flag
from imagenet_g.benchmark.results import Entry, Result
from imagenet_g.leaderboard.submissions.problems import Problem, error, note


def check_flag_rules(result: Result) -> Iterator[Problem]:
    """Whether every entry of a file of today says by which data its flags were found.

    Without it a flag that is left out would look like one that a later release added.
    """
    for entry in result.entries:
        if result.statistics > 1 and entry.contamination_rules is None:
            yield error("contradiction", entry.split.ref, "contamination_rules is missing; score it again")


def check_flags(claimed: Entry, recomputed: Entry) -> Iterator[Problem]:
    """Each flag that only one side has.

    Args:
        claimed: The entry of the file.
        recomputed: With the flags of today, from the origin that the split's own manifest gives.
    """
    ref = claimed.split.ref
    same = claimed.contamination_rules == recomputed.contamination_rules
    stated = claimed.split.origin
    if stated is not None and stated != recomputed.split.origin:
        message = "the split's record states another origin than its manifest gives"
        yield error("contradiction", ref, message) if same else note("old-origin", ref, message)
    given, right = (dict.fromkeys(entry.contamination) for entry in (claimed, recomputed))
    for flag in right:
        if flag not in given:
            yield _explain_missing(format_flag(flag), ref, same=same)
    for flag in given:
        if format_flag(flag) not in claimed.warnings:
            yield error("warning-removed", ref, f"the result lacks the warning: {format_flag(flag)}")
        if flag not in right and same:
            yield error("not-reproduced", ref, f"nothing gives the flag: {format_flag(flag)}")
        elif flag not in right:
            yield note("old-flag", ref, f"today's data no longer give the flag: {format_flag(flag)}")


def _explain_missing(text: str, ref: str, *, same: bool) -> Problem:
    if same:
        return error("warning-removed", ref, f"the result lacks the warning: {text}")
    return note("new-flag", ref, f"found by data that the file is older than: {text}")
