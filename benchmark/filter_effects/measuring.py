"""The circularity of a filter, from stored scores and stored answers; no model is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.answers.top_five import TOP_K
from imagenet_g.benchmark.classes import name_class_set
from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.filter_effects.blind import NUM_BLIND, SEED, measure_blind
from imagenet_g.benchmark.filter_effects.cases import (
    AnsweredModel,
    AuditedImages,
    FilterCase,
    ScoredImageSet,
    make_views,
)
from imagenet_g.benchmark.filter_effects.curve import choose_thresholds, measure_point
from imagenet_g.benchmark.filter_effects.records import (
    FilteredModel,
    FilterSection,
    FilterView,
    ThresholdPoint,
)
from imagenet_g.benchmark.filter_effects.stored_scores import (
    StoredFilter,
    find_alike,
    find_filter,
    read_scores,
)
from imagenet_g.benchmark.filter_effects.views import measure_view
from imagenet_g.benchmark.lineage.filter_kin import find_filter_kinship
from imagenet_g.benchmark.predictions.answered_sets import AnsweredSets, align_rows, drop_repeated
from imagenet_g.benchmark.predictions.evidence import Evidence
from imagenet_g.benchmark.predictions.scoring import select_outputs
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.statistics.accuracy import BoolArray, FloatArray, compute_correct


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterSettings:
    """How to measure.

    Attributes:
        judges: Specs of the models whose answers make the judged view, all among the models; empty for no
            such view.
        k: How many answers of a judge count, 1..5.
        view: The filtered view of the split; None for its only view by a score, or the first by name.
        num_blind: Blind filters to draw.
        seed: Of the draws.
    """

    judges: tuple[str, ...] = ()
    k: int = TOP_K
    view: str | None = None
    num_blind: int = NUM_BLIND
    seed: int = SEED


def measure_filter_effects(
    models: Sequence[AnsweredSets],
    split: Split,
    reference: Split | None,
    *,
    audited: Mapping[str, float] | None = None,
    simulated: bool | None = None,
    settings: FilterSettings | None = None,
) -> FilterSection:
    """The same models on unfiltered, filtered, judged and audited views, and by the filter's threshold.

    Args:
        models: Stored answers to the whole split, and to the whole reference; at least one model.
        split: The split, whose reader has the stored scores.
        reference: The clean set; None for no gaps. With scores in the column of that name by the same
            scorer it is filtered alike.
        audited: Weight of each image that raters call valid, by its id; None without an audit.
        simulated: Whether a program made the ratings; None for unknown, which the view then says.
        settings: How; None for the defaults.

    Raises:
        DataError: Answers are to other images than the split's, or lack its outputs.
        InputError: There is no model, or no image that all were run on.
        UnknownNameError: A judge is not among the models, or the split has no such view.
    """
    chosen = settings or FilterSettings()
    if not models:
        raise InputError("There are no answers of models; give a result with --results.")
    # A model that is given twice would count twice in the ranks and in the mean of its group.
    models = drop_repeated(models)
    rated = None if audited is None else AuditedImages(weights=audited, simulated=simulated)
    case, found, missing = make_case(models, split, reference, audited=rated, settings=chosen)
    views, curve = _measure(case, found, chosen)
    first = models[0].evidence
    return FilterSection(
        split=split.record.ref,
        content_sha256=split.record.content_sha256,
        reference=None if reference is None or case.clean is None else reference.record.ref,
        outputs=first.outputs,
        column=None if found is None else found.column,
        scorer=None if found is None else found.scorer,
        threshold=None if found is None else found.minimum,
        models=tuple(
            FilteredModel(
                spec=model.spec,
                weights_sha256=model.weights_sha256,
                kinship=model.kinship,
                is_judge=model.is_judge,
            )
            for model in case.models
        ),
        views=views,
        curve=curve,
        num_blind=chosen.num_blind,
        seed=chosen.seed,
        missing=missing,
    )


def make_case(
    models: Sequence[AnsweredSets],
    split: Split,
    reference: Split | None,
    *,
    audited: AuditedImages | None,
    settings: FilterSettings,
) -> tuple[FilterCase, StoredFilter | None, tuple[str, ...]]:
    """Arrays of all that is measured, the filter, and which views are missing and why."""
    shifted = align_rows([one.evidence for one in models])
    if shifted[0].record.content_sha256 != split.record.content_sha256:
        raise DataError(f"The answers are to other images than those of '{split.record.ref}'.")
    clean = _align_clean(models, shifted[0], reference)
    judges = _find_judges(shifted, settings.judges)
    found = find_filter(split, settings.view)
    images = _make_set(shifted, shifted[0], split, found, judges, settings.k)
    clean_set = None
    if clean is not None and reference is not None:
        clean_set = _make_set(
            clean, shifted[0], reference, find_alike(found, split, reference), judges, settings.k
        )
    weights = None if audited is None else _list_weights(shifted[0], audited.weights)
    views = make_views(
        images,
        clean_set,
        threshold=None if found is None else found.minimum,
        column=None if found is None else found.column,
        judges=settings.judges,
        k=settings.k,
        audited=weights,
        simulated=None if audited is None else audited.simulated,
    )
    case = FilterCase(
        images=images, clean=clean_set, models=_make_models(shifted, clean, judges), views=views
    )
    return case, found, tuple(_list_missing(case, found, settings, audited))


def _measure(
    case: FilterCase, found: StoredFilter | None, settings: FilterSettings
) -> tuple[tuple[FilterView, ...], tuple[ThresholdPoint, ...]]:
    scores = case.images.scores
    thresholds = (
        np.empty(0)
        if scores is None
        else choose_thresholds(scores, own=None if found is None else found.minimum)
    )
    kept = [] if scores is None else [(scores >= bound).astype(np.float64) for bound in thresholds]
    blind = measure_blind(
        case.correct,
        case.images.classes,
        # Together, so that views and thresholds are compared with the same blind filters.
        np.stack([*(view.weights for view in case.views), *kept]),
        num_blind=settings.num_blind,
        seed=settings.seed,
    )
    size = len(case.views)
    views = tuple(measure_view(case, number, blind) for number in range(size))
    curve = (
        measure_point(case, float(bound), size + number, blind) for number, bound in enumerate(thresholds)
    )
    return views, tuple(curve)


def _align_clean(
    models: Sequence[AnsweredSets], like: Evidence, reference: Split | None
) -> tuple[Evidence, ...] | None:
    """The answers to the reference's images of the split's classes; None where a model has none."""
    clean = [one.clean for one in models if one.clean is not None]
    if reference is None or len(clean) < len(models):
        return None
    if clean[0].record.content_sha256 != reference.record.content_sha256:
        raise DataError(f"The answers are to other images than those of '{reference.record.ref}'.")
    return align_rows([one.with_labels_in(like.class_set) for one in clean])


def _find_judges(evidences: Sequence[Evidence], specs: Sequence[str]) -> BoolArray:
    named = [one.model.spec for one in evidences]
    for spec in specs:
        if spec not in named:
            raise UnknownNameError("judge", spec, named, where="among the models")
    return np.isin(named, list(specs))


def _make_set(
    evidences: Sequence[Evidence],
    like: Evidence,
    split: Split,
    found: StoredFilter | None,
    judges: BoolArray,
    k: int,
) -> ScoredImageSet:
    """Classes, scores and verdicts of the images that all models were run on."""
    first = evidences[0].predictions
    judged = [_find_right(one, like, k=k) for one, chosen in zip(evidences, judges, strict=True) if chosen]
    return ScoredImageSet(
        classes=first.labels[:, 0].astype(np.int64),
        scores=None if found is None else read_scores(split, found.column, first.image_ids),
        judged=np.any(judged, axis=0) if judged else None,
    )


def _find_right(evidence: Evidence, like: Evidence, *, k: int) -> BoolArray:
    stored = "all" if like.outputs == "all" else name_class_set(like.output_set)
    top5 = select_outputs(evidence.predictions, stored)
    return compute_correct(top5.indices, evidence.predictions.labels, k=k)


def _list_weights(evidence: Evidence, audited: Mapping[str, float]) -> FloatArray:
    return np.array([audited.get(one, 0.0) for one in evidence.predictions.image_ids], dtype=np.float64)


def _make_models(
    shifted: Sequence[Evidence], clean: Sequence[Evidence] | None, judges: BoolArray
) -> tuple[AnsweredModel, ...]:
    records, like = [one.model for one in shifted], shifted[0]
    return tuple(
        AnsweredModel(
            spec=one.model.spec,
            weights_sha256=one.model.weights_sha256,
            kinship=find_filter_kinship(one.model, one.record.origin, known=records),
            is_judge=bool(judges[place]),
            correct=_find_right(one, like, k=1),
            clean=None if clean is None else _find_right(clean[place], like, k=1),
        )
        for place, one in enumerate(shifted)
    )


def _list_missing(
    case: FilterCase, found: StoredFilter | None, settings: FilterSettings, audited: AuditedImages | None
) -> list[str]:
    kinds, lines = {view.kind for view in case.views}, []
    if "filtered" not in kinds:
        if found is None:
            lines.append("No filtered view: the split stores no score that a view keeps images by.")
        elif case.images.scores is None:
            lines.append(f"No filtered view: column '{found.column}' has empty values.")
        else:
            lines.append(f"No filtered view: no image has a {found.column} of {found.minimum:g}.")
    if "judged" not in kinds:
        why = "no model was named as a judge" if not settings.judges else "the judges recognise no image"
        lines.append(f"No judged view: {why}.")
    if "audited" not in kinds:
        why = "there is no audit by people" if audited is None else "raters call no image valid"
        lines.append(f"No audited view: {why}.")
    return lines
