"""Add effective robustness to a result: pure, from a result, a baseline and the counts behind both."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from imagenet_g.benchmark.classes import load_class_set
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.predictions.class_counts import PairCounts, SetCounts
from imagenet_g.benchmark.records import ModelRecord
from imagenet_g.benchmark.results import STATISTICS_VERSION, Entry, Gap, Result, RobustnessRefusal
from imagenet_g.benchmark.robustness.intervals import Rule
from imagenet_g.benchmark.robustness.links import LINKS
from imagenet_g.benchmark.robustness.measured_sets import MeasuredBaseline, build_measured_points
from imagenet_g.benchmark.robustness.own_line import JudgedModel
from imagenet_g.benchmark.robustness.partial_runs import explain_partial
from imagenet_g.benchmark.robustness.placements import (
    Placement,
    choose_line,
    describe_placement,
    make_record,
    place_model,
    start_sentence,
)
from imagenet_g.benchmark.robustness.points import BaselinePoints, EvaluatedModel, validate_overlap
from imagenet_g.benchmark.robustness.published_sets import BaselineSet, build_points
from imagenet_g.benchmark.statistics.intervals import BOOTSTRAP_SEED, NUM_RESAMPLES
from imagenet_g.benchmark.statistics.observations import Observation

Baseline = BaselineSet | MeasuredBaseline
UNCLUSTERED_NOTE = (
    "The interval of the effective robustness takes images as independent: no predictions by class "
    "were available, so it is too narrow."
)


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
        InputError: The baseline fits no entry, for reasons that the message gives; or the result's other
            numbers follow older rules.
        UnknownNameError: There is no such link.
    """
    if result.statistics < STATISTICS_VERSION:
        raise InputError(
            f"The numbers of this result follow version {result.statistics} of the statistics, effective "
            f"robustness follows version {STATISTICS_VERSION}; run 'imagenet-g score --upgrade' on it first."
        )
    judged = name_judged(result.model)
    entries, refused = [], []
    for entry in result.entries:
        pair = (counts or {}).get(entry.split.ref)
        if (reason := explain_mismatch(entry, baseline)) is not None:
            refused.append(f"{entry.split.ref}: {reason}")
            entries.append(entry)
        elif (reason := explain_refusal(entry, baseline, pair=pair, judged=judged)) is not None:
            entries.append(_refuse_entry(entry, baseline, reason))
        else:
            placed = [
                place_entry(
                    entry, baseline, link, pair=pair, judged=judged, num_resamples=num_resamples, seed=seed
                )
                for link in links
            ]
            entries.append(_extend_entry(entry, placed, clustered=pair is not None))
    # One entry that fits is enough: a clean set evaluated beside the split never has a line.
    if len(refused) == len(result.entries):
        raise InputError(
            f"Baseline '{name_baseline(baseline)}' fits no entry of this result. " + " ".join(refused)
        )
    return result.model_copy(update={"entries": tuple(entries)})


def name_judged(model: ModelRecord) -> JudgedModel:
    """The model of a result, as it is looked for among the models of a baseline."""
    return JudgedModel(spec=model.spec, weights_sha256=model.weights_sha256)


def explain_mismatch(entry: Entry, baseline: Baseline) -> str | None:
    """Why a baseline is not one for an entry; None where it is."""
    if not entry.gaps:
        return "no clean reference, so no axis to fit on."
    if entry.label_rule is not None:
        return "it was scored with --pairs, and the baseline's models with one label an image."
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
    if entry.split.num_classes != len(baseline.class_indices):
        return _explain_classes(entry, len(baseline.class_indices))
    if (gap.reference.set, gap.reference.outputs) != (baseline.reference_set, baseline.outputs):
        return (
            f"the baseline's clean axis is '{baseline.reference_set}' with outputs '{baseline.outputs}', "
            f"the result's '{gap.reference.set}' with '{gap.reference.outputs}'."
        )
    return None


def _explain_published(entry: Entry, gap: Gap, baseline: BaselineSet) -> str | None:
    target = baseline.header.targets.get(entry.split.ref)
    if target is None:
        targets = ", ".join(baseline.header.targets)
        if not targets:
            return "it lists models and has no figures; 'imagenet-g baselines run' measures a line with them."
        return f"it has figures for {targets} only."
    if entry.split.num_classes != (known := len(_list_classes(entry, baseline))):
        return _explain_classes(entry, known)
    column = baseline.header.columns[target.reference]
    if (gap.reference.set, gap.reference.outputs) != (column.set, column.outputs):
        return (
            f"its clean axis is '{column.set}' with outputs '{column.outputs}', the result's "
            f"'{gap.reference.set}' with '{gap.reference.outputs}'."
        )
    return None


def _explain_classes(entry: Entry, known: int) -> str:
    return f"the baseline covers {known} classes, the result {entry.split.num_classes}."


def explain_refusal(
    entry: Entry, baseline: Baseline, *, pair: PairCounts | None, judged: JudgedModel
) -> str | None:
    """Why a baseline that is one for an entry gives no effective robustness; None where it does."""
    points = _build_points(entry, baseline)
    partial = explain_partial(entry, points, pair)
    return partial or choose_line(points, entry.gaps[0].reference.top1.value, judged).reason


def place_entry(
    entry: Entry,
    baseline: Baseline,
    link: str,
    *,
    pair: PairCounts | None,
    judged: JudgedModel | None,
    num_resamples: int,
    seed: int,
    rule: Rule = "jackknife",
) -> Placement:
    """Compare one entry with a baseline; `explain_mismatch` must have returned None.

    Args:
        entry: What is compared.
        baseline: With what.
        link: Name of the link.
        pair: Right answers by class; None where there are no predictions.
        judged: The model; None for the rule of older results, which leaves no model out.
        num_resamples: Bootstrap resamples.
        seed: Seed of the resampling.
        rule: As in `compute_interval`.

    Raises:
        InputError: Classes differ, or too few models are left.
    """
    gap = entry.gaps[0]
    score = next(score for score in entry.scores if score.outputs == gap.reference.outputs)
    evaluated = EvaluatedModel(
        reference=(_observe(gap.reference.top1.value, gap.reference.n, pair.reference if pair else None),),
        shifted=_observe(score.top1.value, entry.n, pair.shifted if pair else None),
    )
    if pair is not None:
        known = _list_classes(entry, baseline)
        validate_overlap(pair.class_indices, known, source=f"Baseline '{name_baseline(baseline)}'")
    return place_model(
        _build_points(entry, baseline),
        evaluated,
        link,
        judged=judged,
        num_resamples=num_resamples,
        seed=seed,
        rule=rule,
    )


def _build_points(entry: Entry, baseline: Baseline) -> BaselinePoints:
    if isinstance(baseline, MeasuredBaseline):
        return build_measured_points(baseline)
    return build_points(baseline, entry.split.ref)


def _list_classes(entry: Entry, baseline: Baseline) -> tuple[int, ...]:
    """Classes of a baseline's line for an entry's split."""
    if isinstance(baseline, MeasuredBaseline):
        return baseline.class_indices
    column = baseline.header.targets[entry.split.ref].column
    return load_class_set(baseline.header.columns[column].class_set).indices


def _observe(top1: float, num_images: int, counts: SetCounts | None) -> Observation:
    if counts is None:
        return Observation(top1=top1, n=num_images)
    return Observation(top1=top1, n=num_images, right=counts.right, total=counts.total)


def name_baseline(baseline: Baseline) -> str:
    """The id that a record of effective robustness names."""
    return baseline.id if isinstance(baseline, MeasuredBaseline) else baseline.header.id


def _refuse_entry(entry: Entry, baseline: Baseline, reason: str) -> Entry:
    fresh = RobustnessRefusal(
        baseline=name_baseline(baseline), baseline_sha256=baseline.sha256, reason=reason
    )
    entry = _drop_baseline(entry, fresh.baseline)
    return entry.model_copy(update={"no_robustness": (*entry.no_robustness, fresh)})


def _drop_baseline(entry: Entry, name: str) -> Entry:
    """The entry without what was found against a baseline before."""
    return entry.model_copy(
        update={
            "no_robustness": tuple(one for one in entry.no_robustness if one.baseline != name),
            "effective_robustness": tuple(one for one in entry.effective_robustness if one.baseline != name),
            "warnings": _drop_sentences(entry, [(name, link) for link in LINKS]),
        }
    )


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
    warnings = dict.fromkeys((*_drop_sentences(entry, replaced), *notes))
    names = {name for name, _ in replaced}
    return entry.model_copy(
        update={
            "effective_robustness": (*kept, *fresh),
            "no_robustness": tuple(one for one in entry.no_robustness if one.baseline not in names),
            "warnings": tuple(warnings),
        }
    )


def _drop_sentences(entry: Entry, replaced: Collection[tuple[str, str]]) -> tuple[str, ...]:
    """The warnings without those on numbers that are being replaced."""
    starts = tuple(start_sentence(baseline, link) for baseline, link in replaced)
    return tuple(warning for warning in entry.warnings if not warning.startswith(starts))
