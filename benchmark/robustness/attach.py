"""Add effective robustness to a result: pure, from a result, a baseline and the counts behind both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imagenet_g.benchmark.classes import load_class_set
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.predictions.class_counts import PairCounts, SetCounts
from imagenet_g.benchmark.results import WIDENED, EffectiveRobustness, Entry, Gap, Result
from imagenet_g.benchmark.robustness.fits import (
    LineFit,
    compute_band,
    compute_effective_robustness,
    fit_line,
    predict_top1,
)
from imagenet_g.benchmark.robustness.intervals import EvaluatedModel, Interval, compute_interval
from imagenet_g.benchmark.robustness.measured_sets import MeasuredBaseline, build_measured_points
from imagenet_g.benchmark.robustness.points import BaselinePoints, validate_overlap
from imagenet_g.benchmark.robustness.published_sets import BaselineSet, build_points
from imagenet_g.benchmark.statistics.intervals import BOOTSTRAP_SEED, NUM_RESAMPLES
from imagenet_g.benchmark.statistics.observations import Observation

Baseline = BaselineSet | MeasuredBaseline
UNCLUSTERED_NOTE = (
    "The interval of the effective robustness takes images as independent: no predictions by class "
    "were available, so it is too narrow."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a model lies against a baseline line.

    Attributes:
        fit: The line.
        expected: beta(x), a fraction.
        low: Lower end of the 95 % band in which the next standard model would lie.
        high: Upper end.
        value: Effective robustness.
        interval: Its interval.
        extrapolated: Whether the model's clean accuracy lies outside the baseline models'.
    """

    fit: LineFit
    expected: float
    low: float
    high: float
    value: float
    interval: Interval
    extrapolated: bool


def attach_effective_robustness(
    result: Result,
    baseline: Baseline,
    links: Sequence[str],
    *,
    counts: Mapping[str, PairCounts] | None = None,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = BOOTSTRAP_SEED,
) -> Result:
    """The result with an effective robustness for every entry the baseline has a line for.

    Args:
        result: A result; its gaps hold the clean accuracy to use.
        baseline: Published figures, or a measured baseline.
        links: Links to fit on, one effective robustness each.
        counts: Right answers by class behind the entries, by split, from `load_pair_counts`. Without them
            the evaluated model's images count as independent, and a warning in the result states that.
        num_resamples: Bootstrap resamples.
        seed: Seed of the resampling.

    Raises:
        InputError: The baseline fits no entry; the message gives the reason for each.
        UnknownNameError: There is no such link.
    """
    entries, refused = [], []
    for entry in result.entries:
        reason = explain_mismatch(entry, baseline)
        if reason is not None:
            refused.append(f"{entry.split.ref}: {reason}")
            entries.append(entry)
            continue
        pair = (counts or {}).get(entry.split.ref)
        placed = [
            place_entry(entry, baseline, link, pair=pair, num_resamples=num_resamples, seed=seed)
            for link in links
        ]
        entries.append(_extend_entry(entry, placed, clustered=pair is not None))
    # One entry that fits is enough: a clean set evaluated beside the split never has a line.
    if len(refused) == len(result.entries):
        raise InputError(f"Baseline '{_name(baseline)}' fits no entry of this result. " + " ".join(refused))
    return result.model_copy(update={"entries": tuple(entries)})


def explain_mismatch(entry: Entry, baseline: Baseline) -> str | None:
    """Why a baseline does not apply to an entry; None where it does."""
    if not entry.gaps:
        return "no clean reference, so no axis to fit on."
    gap = entry.gaps[0]
    if not gap.reference.same_classes:
        return "its clean reference covers other classes than the split; run with --reference."
    if isinstance(baseline, MeasuredBaseline):
        return _explain_measured(entry, gap, baseline)
    return _explain_published(entry, gap, baseline)


def _explain_measured(entry: Entry, gap: Gap, baseline: MeasuredBaseline) -> str | None:
    if entry.split.ref != baseline.target:
        return f"the baseline was measured on '{baseline.target}'."
    if entry.split.content_sha256 != baseline.content_sha256:
        return "the baseline was measured on other images of that name."
    # A restricted output is right more often than one over 1000 classes; on the other axis the line means
    # nothing.
    if (gap.reference.set, gap.reference.outputs) != (baseline.reference_set, baseline.outputs):
        return (
            f"the baseline's clean axis is '{baseline.reference_set}' with outputs '{baseline.outputs}', "
            f"the result's '{gap.reference.set}' with '{gap.reference.outputs}'."
        )
    return None


def _explain_published(entry: Entry, gap: Gap, baseline: BaselineSet) -> str | None:
    target = baseline.header.targets.get(entry.split.ref)
    if target is not None and entry.limit is not None:
        return "only part of its images were run, and the published figures are on all."
    if target is None:
        return f"it has figures for {', '.join(baseline.header.targets) or 'no split'} only."
    column = baseline.header.columns[target.reference]
    if (gap.reference.set, gap.reference.outputs) != (column.set, column.outputs):
        return (
            f"its clean axis is '{column.set}' with outputs '{column.outputs}', the result's "
            f"'{gap.reference.set}' with '{gap.reference.outputs}'."
        )
    return None


def place_entry(
    entry: Entry,
    baseline: Baseline,
    link: str,
    *,
    pair: PairCounts | None,
    num_resamples: int,
    seed: int,
    widened: bool = True,
) -> Placement:
    """Compare one entry with a baseline; `explain_mismatch` must have returned None."""
    gap = entry.gaps[0]
    score = next(score for score in entry.scores if score.outputs == gap.reference.outputs)
    evaluated = EvaluatedModel(
        reference=(_observe(gap.reference.top1.value, gap.reference.n, pair.reference if pair else None),),
        shifted=_observe(score.top1.value, entry.n, pair.shifted if pair else None),
    )
    if isinstance(baseline, MeasuredBaseline):
        points = build_measured_points(baseline)
        if pair is not None:
            validate_overlap(pair.class_indices, baseline.class_indices, source=f"Baseline '{baseline.id}'")
    else:
        points = build_points(baseline, entry.split.ref)
        if pair is not None:
            known = load_class_set(_find_class_set(baseline, entry.split.ref)).indices
            validate_overlap(pair.class_indices, known, source=f"Baseline '{baseline.header.id}'")
    return place_model(points, evaluated, link, num_resamples=num_resamples, seed=seed, widened=widened)


def _find_class_set(baseline: BaselineSet, split: str) -> str:
    return baseline.header.columns[baseline.header.targets[split].column].class_set


def place_model(
    points: BaselinePoints,
    evaluated: EvaluatedModel,
    link: str,
    *,
    num_resamples: int,
    seed: int,
    widened: bool = True,
) -> Placement:
    """Fit the line and compare a model with it."""
    clean = [one.top1 for one in evaluated.reference]
    # Only the side of the knot on which the model lies: the line has another slope beyond it.
    points = points.select_piece(clean[0])
    fit = fit_line(points, link)
    value = float(compute_effective_robustness(fit, reference=clean, shifted=evaluated.shifted.top1)[0])
    low, high = compute_band(fit, clean)
    return Placement(
        fit=fit,
        expected=float(predict_top1(fit, clean)[0]),
        low=float(low[0]),
        high=float(high[0]),
        value=value,
        interval=compute_interval(
            points,
            evaluated,
            link,
            value=value,
            num_resamples=num_resamples,
            seed=seed,
            widened=widened,
        ),
        extrapolated=fit.is_extrapolated(clean),
    )


def _observe(top1: float, num_images: int, counts: SetCounts | None) -> Observation:
    if counts is None:
        return Observation(top1=top1, n=num_images)
    return Observation(top1=top1, n=num_images, right=counts.right, total=counts.total)


def _name(baseline: Baseline) -> str:
    return baseline.id if isinstance(baseline, MeasuredBaseline) else baseline.header.id


def _extend_entry(entry: Entry, placed: Sequence[Placement], *, clustered: bool) -> Entry:
    fresh = tuple(make_record(placement, clustered=clustered) for placement in placed)
    # Attaching twice replaces and does not append; a result may hold several baselines and links.
    replaced = {(record.baseline, record.link) for record in fresh}
    kept = tuple(
        record for record in entry.effective_robustness if (record.baseline, record.link) not in replaced
    )
    notes = [describe_placement(placement) for placement in placed]
    if not clustered:
        notes.append(UNCLUSTERED_NOTE)
    # A key each and no set: the order of the warnings is kept, and attaching twice repeats none.
    warnings = dict.fromkeys((*entry.warnings, *notes))
    return entry.model_copy(update={"effective_robustness": (*kept, *fresh), "warnings": tuple(warnings)})


def make_record(placement: Placement, *, clustered: bool) -> EffectiveRobustness:
    """The record of a placement in a result file."""
    fit, interval = placement.fit, placement.interval
    return EffectiveRobustness(
        baseline=fit.baseline,
        baseline_sha256=fit.baseline_sha256,
        link=fit.link,
        value=placement.value,
        low=interval.low,
        high=interval.high,
        clustered=clustered,
        expected_top1=placement.expected,
        band_low=placement.low,
        band_high=placement.high,
        axis=", ".join(fit.axes),
        slope=fit.slopes[0],
        intercept=fit.intercept,
        r2=fit.r2,
        num_models=fit.num_models,
        num_families=fit.num_families,
        reference_low=fit.reference_low[0],
        reference_high=fit.reference_high[0],
        extrapolated=placement.extrapolated,
        weak=fit.weak,
        num_resamples=interval.num_resamples,
        seed=interval.seed,
        method=interval.method if interval.method.endswith(WIDENED) else None,
    )


def describe_placement(placement: Placement) -> str:
    """One sentence: what was expected, and how far outside the band the model landed."""
    measured = placement.expected + placement.value
    if placement.low <= measured <= placement.high:
        where = "inside it"
    elif measured > placement.high:
        where = f"{100 * (measured - placement.high):.2f} points above it"
    else:
        where = f"{100 * (placement.low - measured):.2f} points below it"
    fit = placement.fit
    flags = [
        *(["the clean accuracy lies outside the baseline's"] if placement.extrapolated else []),
        *([f"the line is weak (r2 {fit.r2:.2f}): read the gap first"] if fit.weak else []),
    ]
    return (
        f"Against {fit.baseline} ({fit.link}), {100 * placement.expected:.2f} % was expected, "
        f"95 % band {100 * placement.low:.2f} to {100 * placement.high:.2f} %; "
        f"measured {100 * measured:.2f} %, {where}" + "".join(f"; {flag}" for flag in flags) + "."
    )
