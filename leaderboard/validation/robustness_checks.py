"""Effective robustness in a submission, computed again: line, value, flags and interval.

With a published table or an available measured baseline, everything is computed by the benchmark's own code,
with the seed of every result, and must be equal. Where the baseline, or the predictions of an interval, are
not available, the finding is "unknown".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.errors import ImagenetGError
from imagenet_g.benchmark.predictions.class_counts import PairCounts
from imagenet_g.benchmark.results import EffectiveRobustness, Entry, Result, RobustnessRefusal
from imagenet_g.benchmark.robustness.attach import (
    UNCLUSTERED_NOTE,
    Baseline,
    explain_mismatch,
    explain_refusal,
    name_baseline,
    name_judged,
    place_entry,
)
from imagenet_g.benchmark.robustness.fits import WEAK_R2
from imagenet_g.benchmark.robustness.intervals import choose_rule
from imagenet_g.benchmark.robustness.links import apply_fit_link, invert_link
from imagenet_g.benchmark.robustness.own_line import JudgedModel
from imagenet_g.benchmark.robustness.placements import Placement, describe_placement, make_record
from imagenet_g.benchmark.statistics.intervals import BOOTSTRAP_SEED, NUM_RESAMPLES
from imagenet_g.leaderboard.submissions.problems import Problem, error, warning
from imagenet_g.leaderboard.validation.compare_numbers import find_differences

TOLERANCE = 1e-6
MAX_IMAGES = 100_000_000
LINE_FIELDS = frozenset(
    ("axis", "slope", "intercept", "r2", "num_models", "num_families", "reference_low", "reference_high")
)
INTERVAL_FIELDS = ("low", "high", "method", "no_interval", "num_resamples", "seed")


@dataclass(frozen=True, slots=True)
class RobustnessFindings:
    """Findings of computing it again.

    Attributes:
        problems: Everything found.
        notes: The sentences that the benchmark writes into an entry with these numbers.
    """

    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


def check_robustness(
    entry: Entry, baselines: Sequence[Baseline], counts: PairCounts | None, result: Result
) -> RobustnessFindings:
    """Every effective robustness of an entry again.

    Args:
        entry: The claim.
        baselines: Published tables and available measured baselines.
        counts: Right answers by class behind the entry; None without its predictions.
        result: The claim's model, which its line goes without, and the version of its statistics.
    """
    ref, notes, problems = entry.split.ref, list[str](), list[Problem]()
    # Under the statistics of version 1 no model was left out of its line.
    judged = name_judged(result.model) if result.statistics > 1 else None
    named = [(record.baseline, record.link) for record in entry.effective_robustness]
    if len(set(named)) < len(named):
        message = "an effective robustness comes twice for one baseline and link"
        return RobustnessFindings((error("repeated", ref, message),), ())
    if problem := explain_no_axis(entry):
        return RobustnessFindings((error("other-axis", ref, problem),), ())
    for record in entry.effective_robustness:
        found, note = _check_record(record, entry, baselines, counts, judged)
        problems += found
        notes += [*note, *([] if record.clustered else [UNCLUSTERED_NOTE])]
    for refusal in entry.no_robustness:
        problems += _check_refusal(refusal, entry, baselines, counts, judged)
    return RobustnessFindings(tuple(problems), tuple(notes))


def explain_no_axis(entry: Entry) -> str | None:
    """Why an entry cannot have an effective robustness; None where it can, or has none."""
    if not entry.effective_robustness:
        return None
    if not entry.gaps:
        return "there is an effective robustness without a clean reference"
    reference = entry.gaps[0].reference
    if not all(0 < number <= MAX_IMAGES for number in (entry.n, reference.n)):
        return f"{entry.n} images and {reference.n} clean images are not possible"
    same_outputs = any(score.outputs == reference.outputs for score in entry.scores)
    if not same_outputs or not reference.same_classes:
        return "its clean reference is not the same-class twin the line is fitted on"
    return None


def _check_refusal(
    refusal: RobustnessRefusal,
    entry: Entry,
    baselines: Sequence[Baseline],
    counts: PairCounts | None,
    judged: JudgedModel | None,
) -> Iterator[Problem]:
    """Whether a stated reason for no effective robustness is that of the baseline."""
    where = f"{entry.split.ref} ({refusal.baseline})"
    found = find_baseline(refusal, entry, baselines)
    if isinstance(found, Problem):
        yield found
        return
    right = None if judged is None else explain_refusal(entry, found, pair=counts, judged=judged)
    if right != refusal.reason:
        given = f"no effective robustness because {refusal.reason!r}"
        yield error("not-reproduced", where, f"{given}; computed again the reason is {right!r}")


def _check_record(
    record: EffectiveRobustness,
    entry: Entry,
    baselines: Sequence[Baseline],
    counts: PairCounts | None,
    judged: JudgedModel | None,
) -> tuple[list[Problem], list[str]]:
    where = f"{entry.split.ref} ({record.baseline}, {record.link})"
    problems = [*check_arithmetic(record, entry)]
    found = find_baseline(record, entry, baselines)
    if isinstance(found, Problem):
        return [*problems, found], []
    refused = None if judged is None else explain_refusal(entry, found, pair=counts, judged=judged)
    if refused is not None:
        return [*problems, error("no-robustness", where, f"there can be none: {refused}")], []
    try:
        # A stranger's numbers may overflow; the result then differs, which is found below, and numpy's
        # warning would only hide the finding.
        with np.errstate(all="ignore"):
            placed = place_entry(
                entry,
                found,
                record.link,
                pair=counts if record.clustered else None,
                judged=judged,
                num_resamples=NUM_RESAMPLES,
                seed=BOOTSTRAP_SEED,
                # An older file has one of several rules; one of today must not choose.
                rule="jackknife" if judged is not None else choose_rule(record.method),
            )
    except ImagenetGError as refused:
        return [*problems, error("not-recomputable", where, str(refused))], []
    unknown = record.clustered and counts is None
    if unknown:
        problems.append(
            warning(
                "unknown-interval",
                where,
                "its interval was computed by class; without the predictions it cannot be checked",
            )
        )
    problems += compare_records(record, placed, where, skipped=INTERVAL_FIELDS if unknown else ())
    return problems, [describe_placement(placed)]


def check_arithmetic(record: EffectiveRobustness, entry: Entry) -> Iterator[Problem]:
    """ER = A(D') - beta(A(D_test)), with the slope and intercept the record itself names."""
    where = f"{entry.split.ref} ({record.baseline}, {record.link})"
    clean = entry.gaps[0].reference
    top1 = next(score.top1.value for score in entry.scores if score.outputs == clean.outputs)
    expected = _apply_line(record, clean.top1.value, clean.n)
    for name, given, right in (
        ("expected top-1", record.expected_top1, expected),
        ("effective robustness", record.value, top1 - expected),
    ):
        # At 0 and 1 the link's value depends on the baseline's number of images, which a record lacks.
        if 0 < clean.top1.value < 1 and not math.isclose(given, right, rel_tol=0, abs_tol=TOLERANCE):
            yield error("not-reproduced", where, f"{name} is {given:.6f}; its own line gives {right:.6f}")
    outside = not record.reference_low <= clean.top1.value <= record.reference_high
    if record.extrapolated != outside:
        yield error("not-reproduced", where, f"extrapolated is {record.extrapolated}; by its range {outside}")
    if record.weak != (record.r2 < WEAK_R2):
        yield error("not-reproduced", where, f"weak is {record.weak} at r2 {record.r2:.3f}")
    bounds = (record.low, record.value, record.high)
    known = [bound for bound in bounds if bound is not None]
    if known != sorted(known):
        yield error("impossible", where, f"{record.value} lies outside its interval")


def _apply_line(record: EffectiveRobustness, clean: float, num_images: int) -> float:
    with np.errstate(all="ignore"):
        height = record.intercept + record.slope * apply_fit_link(clean, num_images, record.link)
        return float(invert_link(height, record.link))


def find_baseline(
    record: EffectiveRobustness | RobustnessRefusal, entry: Entry, baselines: Sequence[Baseline]
) -> Baseline | Problem:
    """The baseline a record was computed with, or why it cannot be computed again."""
    link = f", {record.link}" if isinstance(record, EffectiveRobustness) else ""
    where = f"{entry.split.ref} ({record.baseline}{link})"
    known = [one for one in baselines if name_baseline(one) == record.baseline]
    fitting = [one for one in known if explain_mismatch(entry, one) is None]
    if any(one.sha256 == record.baseline_sha256 for one in fitting):
        return next(one for one in fitting if one.sha256 == record.baseline_sha256)
    if fitting:
        return error("other-baseline", where, "the baseline's hash is not that of the available one")
    if any(one.sha256 == record.baseline_sha256 for one in known):
        reason = explain_mismatch(entry, known[0]) or ""
        return error("other-axis", where, f"that baseline does not fit the entry: {reason}")
    return warning(
        "unknown-baseline",
        where,
        "this baseline is not available for the split, so line, value and interval cannot be checked; a "
        "maintainer can give its file with --baseline",
    )


def compare_records(
    record: EffectiveRobustness, placed: Placement, where: str, *, skipped: Sequence[str] = ()
) -> Iterator[Problem]:
    """One problem for each number that differs from the one computed again."""
    ours = make_record(placed, clustered=record.clustered).model_dump(exclude=set(skipped))
    for field, given, right in find_differences(record.model_dump(exclude=set(skipped)), ours):
        code = "other-baseline" if field in LINE_FIELDS else "not-reproduced"
        yield error(code, where, f"{field} is {given}; computed again it is {right}")
