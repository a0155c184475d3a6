"""All models on the views of one split: accuracies, gaps, ranks, and whom a view favours."""

from __future__ import annotations

import numpy as np

from imagenet_g.benchmark.filter_effects.blind import BlindAccuracies
from imagenet_g.benchmark.filter_effects.cases import AnsweredModel, FilterCase, ScoredImageSet, ViewCase
from imagenet_g.benchmark.filter_effects.records import FilterView, GapEstimate, ModelOnView
from imagenet_g.benchmark.predictions.scoring import estimate_accuracy
from imagenet_g.benchmark.records import Estimate
from imagenet_g.benchmark.statistics.accuracy import BoolArray, FloatArray, IntArray, compute_class_counts
from imagenet_g.benchmark.statistics.clustered_newcombe import bound_clustered_gap
from imagenet_g.benchmark.statistics.intervals import compute_difference_interval
from imagenet_g.benchmark.statistics.observations import Observation
from imagenet_g.benchmark.statistics.paired import compare_pairs, compute_rank_ranges
from imagenet_g.benchmark.statistics.rank_agreement import compute_mean_ranks
from imagenet_g.benchmark.statistics.weighted_shares import WEIGHTED_METHOD, compute_weighted_share

NUM_CLASSES = 1000
ROUNDING = 1e-12


def measure_view(case: FilterCase, number: int, blind: BlindAccuracies) -> FilterView:
    """All models on one view.

    Args:
        case: Images, models and views.
        number: Of the view.
        blind: Accuracies on all views in the case's order, and under blind filters.
    """
    view, seen = case.views[number], blind.seen[number]
    kept = view.weights > 0
    ranks, whole_ranks = compute_mean_ranks(seen), compute_mean_ranks(blind.whole)
    best, worst = _bound_ranks(case, view)
    clean = find_clean_rows(case.clean, case.images.classes[kept], view.clean)
    models = tuple(
        _measure_model(case, view, model, clean).model_copy(
            update={
                "rank": float(ranks[place]),
                "best_rank": best[place],
                "worst_rank": worst[place],
                "moved": float(whole_ranks[place] - ranks[place]),
            }
        )
        for place, model in enumerate(case.models)
    )
    independent = case.independent
    return FilterView(
        kind=view.kind,
        rule=view.rule,
        simulated=view.simulated,
        num_images=int(kept.sum()),
        num_classes=len(np.unique(case.images.classes[kept])),
        share=_find_share(case, view),
        reference_alike=None if case.clean is None else view.kind == "unfiltered" or view.clean is not None,
        models=models,
        agreement=blind.compare_ranks(number),
        agreement_without_kin=blind.compare_ranks(number, independent) if independent.sum() > 1 else None,
        favour=_measure_favour(case.models, seen - blind.whole),
    )


def find_clean_rows(
    clean: ScoredImageSet | None, classes: IntArray, kept: BoolArray | None
) -> BoolArray | None:
    """`(R,)` the reference's images of the view's classes that passed its rule; None where none did."""
    if clean is None:
        return None
    # A gap is between the same classes: one that the view empties leaves the reference too.
    rows = np.isin(clean.classes, np.unique(classes))
    if kept is not None:
        rows &= kept
    return rows if rows.any() else None


def compute_gap(shifted: Observation, clean: Observation) -> GapEstimate:
    """A gap with the interval of `statistics.clustered_newcombe`."""
    low, high = bound_clustered_gap(shifted, clean) or (None, None)
    return GapEstimate(value=shifted.top1 - clean.top1, low=low, high=high)


def observe(correct: BoolArray, classes: IntArray) -> Observation:
    """Right answers and images by class of some images."""
    right, total = compute_class_counts(correct, classes, num_clusters=NUM_CLASSES)
    return Observation(top1=float(correct.mean()), n=len(correct), right=right, total=total)


def _measure_model(
    case: FilterCase, view: ViewCase, model: AnsweredModel, clean: BoolArray | None
) -> ModelOnView:
    kept = view.weights > 0
    accuracy = _estimate(case, view, model)
    reference = None
    if clean is not None and case.clean is not None and model.clean is not None:
        reference = observe(model.clean[clean], case.clean.classes[clean])
    if reference is None:
        gap = None
    elif view.is_weighted:
        gap = subtract_clean(accuracy, reference)
    else:
        gap = compute_gap(observe(model.correct[kept], case.images.classes[kept]), reference)
    return ModelOnView(accuracy=accuracy, gap=gap, rank=1.0, best_rank=None, worst_rank=None, moved=0.0)


def _estimate(case: FilterCase, view: ViewCase, model: AnsweredModel) -> Estimate:
    kept = view.weights > 0
    if not view.is_weighted:
        return estimate_accuracy(int(model.correct[kept].sum()), int(kept.sum()))
    found = compute_weighted_share(
        model.correct[kept], np.ones(int(kept.sum()), np.bool_), view.weights[kept], case.images.classes[kept]
    )
    if found is None:
        raise ValueError("a view without images")
    return Estimate(value=found.value, low=found.low, high=found.high, method=WEIGHTED_METHOD)


def subtract_clean(accuracy: Estimate, clean: Observation) -> GapEstimate:
    """A weighted accuracy less a clean one; without bounds where one of the two has none."""
    reference = estimate_accuracy(round(clean.num_right), clean.n)
    value = accuracy.value - reference.value
    if accuracy.low is None or accuracy.high is None or reference.low is None or reference.high is None:
        return GapEstimate(value=value, low=None, high=None)
    below, above = compute_difference_interval(
        (accuracy.value, accuracy.low, accuracy.high), (reference.value, reference.low, reference.high)
    )
    return GapEstimate(value=value, low=max(-1.0, below), high=min(1.0, above))


def _bound_ranks(case: FilterCase, view: ViewCase) -> tuple[list[int | None], list[int | None]]:
    """The ranks that paired tests leave open; None with weights, for which there is no such test."""
    if view.is_weighted:
        return [None] * len(case.models), [None] * len(case.models)
    kept = view.weights > 0
    tests = compare_pairs(case.correct[:, kept], case.images.classes[kept])
    best, worst = compute_rank_ranges(tests.find_better())
    return [int(rank) for rank in best], [int(rank) for rank in worst]


def _find_share(case: FilterCase, view: ViewCase) -> float:
    if view.kind == "audited":
        # Weights of rated images alone do not say how many of the split are valid.
        return min(1.0, float(view.weights.sum() / len(case.images.classes)))
    return float((view.weights > 0).mean())


def _measure_favour(models: tuple[AnsweredModel, ...], gains: FloatArray) -> float | None:
    favoured = np.array([model.is_favoured for model in models], dtype=np.bool_)
    others = np.array([model.is_independent for model in models], dtype=np.bool_)
    if not favoured.any() or not others.any():
        return None
    gain = float(gains[favoured].mean() - gains[others].mean())
    # Sums in another order differ by rounding; on all images there is no gain.
    return 0.0 if abs(gain) < ROUNDING else gain
