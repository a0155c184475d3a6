"""From predictions to the entries of a result: scores, references and gaps.

Pure: everything here is computed from predictions, records and published figures, so that
`imagenet-g score` and a leaderboard get the very same numbers as the run itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from imagenet_g.benchmark.classes import ClassSet, name_class_set
from imagenet_g.benchmark.filters.quality import FILTER_RULES, is_filtered_alike
from imagenet_g.benchmark.images.reasons import count_reasons
from imagenet_g.benchmark.predictions.entry_notes import list_notes, require_scored
from imagenet_g.benchmark.predictions.evidence import Evidence
from imagenet_g.benchmark.predictions.metric import Metric
from imagenet_g.benchmark.predictions.metrics import TOP1
from imagenet_g.benchmark.predictions.scoring import compute_gap, compute_score
from imagenet_g.benchmark.records import Estimate, Outputs, PublishedAccuracy
from imagenet_g.benchmark.results import (
    STATISTICS_VERSION,
    Entry,
    Gap,
    Reference,
    Score,
    UnscoredImage,
    UnscoredReason,
)
from imagenet_g.benchmark.statistics.gaps import choose_method
from imagenet_g.benchmark.statistics.intervals import compute_wilson_interval

# Where a whole set cannot be read, its ids would make up most of the result; their number stays exact.
MAX_LISTED_UNSCORED = 1000


def make_entry(
    evidence: Evidence,
    *,
    reference: Evidence | None,
    published: Sequence[PublishedAccuracy],
    skip_unscored: bool = False,
    warnings: Sequence[str] = (),
    widened: bool = True,
    statistics: int = STATISTICS_VERSION,
) -> Entry:
    """Score one split and measure its gap.

    Args:
        evidence: The split's predictions.
        reference: Predictions of the same model on the clean set; None to use a published figure.
        published: Published clean accuracies of the model; may be empty.
        skip_unscored: Leave images without a prediction out instead of counting them as wrong.
        warnings: Further warnings for the reader.
        widened: Widen intervals to the noise within classes; False for the rules of earlier results.
        statistics: Version of the rules, so that an older file can be computed again by its own.

    Raises:
        DataError: No image has a prediction: that is no accuracy of 0.
    """
    require_scored(evidence.record.ref, evidence.predictions)
    counted = evidence.without_unscored() if skip_unscored else evidence
    missing = [
        UnscoredImage(image_id=image_id, reason=error)
        for image_id, error in zip(evidence.predictions.image_ids, evidence.predictions.errors, strict=True)
        if error is not None
    ]
    gap = _make_gap(
        counted,
        reference,
        published,
        skip_unscored=skip_unscored,
        method=choose_method(statistics=statistics, widened=widened),
        statistics=statistics,
    )
    return Entry(
        split=evidence.record,
        predictions=evidence.source,
        n=len(evidence.predictions),
        n_unscored=len(missing),
        unscored_count_as="left-out" if skip_unscored else "wrong",
        unscored=tuple(missing[:MAX_LISTED_UNSCORED]),
        unscored_reasons=tuple(
            UnscoredReason(reason=reason, n=count)
            for reason, count in count_reasons(image.reason for image in missing)
        ),
        limit=evidence.limit,
        scores=make_scores(counted, widened=widened),
        gaps=() if gap is None else (gap,),
        effective_robustness=(),
        warnings=(
            *warnings,
            *list_notes(evidence, counted, gap, reference, statistics=statistics),
        ),
    )


def make_scores(evidence: Evidence, *, widened: bool = True) -> tuple[Score, ...]:
    """Scores over all 1000 outputs and, where the split is about fewer classes, over those."""
    choices: tuple[Outputs, ...] = ("all",) if evidence.output_set.covers_all else ("all", "split-classes")
    return tuple(_make_score(evidence, outputs, widened=widened) for outputs in choices)


def choose_headline(entry: Entry) -> Score:
    """The score a table shows: the one the gap was measured on, else the split's usual one.

    A release is about its own classes. Anything else without a gap is shown over all 1000.
    """
    usual: Outputs = "all" if entry.split.version is None else "split-classes"
    outputs = entry.gaps[0].reference.outputs if entry.gaps else usual
    matching = [score for score in entry.scores if score.outputs == outputs]
    return matching[0] if matching else entry.scores[0]


def _make_score(
    evidence: Evidence, outputs: Outputs, metrics: Iterable[Metric] | None = None, *, widened: bool = True
) -> Score:
    return compute_score(
        evidence.predictions,
        stored_as=_stored_as(evidence, outputs),
        outputs=outputs,
        num_outputs=1000 if outputs == "all" else len(evidence.output_set.indices),
        metrics=metrics,
        widened=widened,
    )


def _stored_as(evidence: Evidence, outputs: Outputs) -> str:
    return "all" if outputs == "all" else name_class_set(evidence.output_set)


def _make_gap(
    evidence: Evidence,
    reference: Evidence | None,
    published: Sequence[PublishedAccuracy],
    *,
    skip_unscored: bool,
    method: str,
    statistics: int,
) -> Gap | None:
    if reference is not None:
        counted = reference.without_unscored() if skip_unscored else reference
        return _make_measured_gap(evidence, counted, method=method, statistics=statistics)
    figure = choose_published(evidence.class_set, published)
    if figure is None:
        return None
    clean = _make_published_reference(evidence, figure)
    return compute_gap(
        _make_score(evidence, clean.outputs, [TOP1]),
        evidence.predictions,
        clean,
        reference_predictions=None,
        stored_as=(_stored_as(evidence, clean.outputs), "all"),
        method=method,
    )


def _make_measured_gap(
    evidence: Evidence, reference: Evidence, *, method: str, statistics: int
) -> Gap | None:
    """The same-class twin: reference images and outputs restricted to the split's classes."""
    if reference.record.ref == evidence.record.ref:
        return None
    twin = reference.with_labels_in(evidence.class_set)
    # Without a prediction on any of them, the reference would be an accuracy of 0.
    if not twin.predictions.scored.any():
        return None
    outputs = evidence.outputs
    twin = replace(twin, class_set=evidence.class_set, output_set=evidence.output_set)
    score = _make_score(twin, outputs, [TOP1])
    clean = Reference(
        kind="measured",
        set=reference.record.ref,
        outputs=outputs,
        num_outputs=score.num_outputs,
        n=len(twin.predictions),
        top1=score.top1,
        same_classes=set(np.unique(twin.predictions.labels)) - {-1} >= set(evidence.class_set.indices),
        # Images that passed a filter are easier: a filter on one side alone changes the gap.
        filtered_alike=FILTER_RULES[statistics](evidence.quality_filter, reference.quality_filter),
        source=None,
        manifest_sha256=reference.record.manifest_sha256,
        predictions_sha256=reference.source.sha256,
    )
    stored = _stored_as(evidence, outputs)
    return compute_gap(
        _make_score(evidence, outputs, [TOP1]),
        evidence.predictions,
        clean,
        reference_predictions=twin.predictions,
        stored_as=(stored, stored),
        method=method,
        nested=evidence.is_nested(twin),
        # A filter leaves some classes with few images; version 1 had no such gap.
        balanced=statistics > 1 and evidence.quality_filter is not None,
    )


def choose_published(class_set: ClassSet, published: Sequence[PublishedAccuracy]) -> PublishedAccuracy | None:
    """The figure for exactly these classes if there is one, else the one for all 1000.

    Example:
        >>> from imagenet_g.benchmark.classes import load_class_set
        >>> whole = PublishedAccuracy(set="imagenet-val", class_set="all", top1=0.8, n=50_000, source="timm")
        >>> choose_published(load_class_set("imagenet-r"), [whole]).class_set  # no figure for the 200 classes
        'all'
        >>> choose_published(load_class_set("imagenet-r"), []) is None
        True
    """
    by_classes = {figure.class_set: figure for figure in published if figure.set == "imagenet-val"}
    return by_classes.get(name_class_set(class_set)) or by_classes.get("all")


def _make_published_reference(evidence: Evidence, figure: PublishedAccuracy) -> Reference:
    outputs: Outputs = "all" if figure.class_set == "all" else "split-classes"
    # A product and no count: published accuracies are rounded, and the interval takes fractions of an image.
    low, high = compute_wilson_interval(figure.top1 * figure.n, figure.n)
    return Reference(
        kind="published",
        set=figure.set,
        outputs=outputs,
        num_outputs=1000 if outputs == "all" else len(evidence.output_set.indices),
        n=figure.n,
        top1=Estimate(value=figure.top1, low=low, high=high, method="wilson"),
        same_classes=figure.class_set == name_class_set(evidence.class_set),
        # Every published figure is of the whole of ImageNet-val, which no score filtered.
        filtered_alike=is_filtered_alike(evidence.quality_filter, None),
        source=figure.source,
        manifest_sha256=None,
        predictions_sha256=None,
    )
