"""Accuracy, gap and ranks by the threshold of a filter: arithmetic on stored scores and stored answers."""

from __future__ import annotations

import numpy as np

from imagenet_g.benchmark.filter_effects.blind import BlindAccuracies
from imagenet_g.benchmark.filter_effects.cases import FilterCase
from imagenet_g.benchmark.filter_effects.records import GapEstimate, ThresholdPoint
from imagenet_g.benchmark.filter_effects.views import compute_gap, find_clean_rows, observe
from imagenet_g.benchmark.statistics.accuracy import BoolArray, FloatArray

NUM_STEPS = 20
MIN_IMAGES = 20
"""A point of fewer images would be noise."""


def choose_thresholds(scores: FloatArray, *, own: float | None, num_steps: int = NUM_STEPS) -> FloatArray:
    """Thresholds that keep even steps of the images, from all to few, and the filter's own.

    Args:
        scores: `(N,)` finite scores.
        own: The threshold of the release's filter; None for none.
        num_steps: Into how many steps the images are divided.

    Returns:
        `(T,)` ascending, the first minus infinity; all keep `MIN_IMAGES` images or more, the filter's own
        and the first apart.

    Example:
        >>> choose_thresholds(np.arange(100.0), own=12.5, num_steps=4).tolist()
        [-inf, 12.5, 25.0, 50.0, 75.0]
    """
    ordered = np.sort(scores)
    places = np.arange(1, num_steps) * len(ordered) // num_steps
    chosen = ordered[places[len(ordered) - places >= MIN_IMAGES]]
    # A threshold at the lowest score keeps all images, as the first point does.
    chosen = chosen[chosen > ordered[0]]
    if own is not None and (scores >= own).any():
        # Whatever it keeps: readers look for the release's own threshold on the curve.
        chosen = np.append(chosen, own)
    return np.concatenate([[-np.inf], np.unique(chosen)])


def measure_point(case: FilterCase, threshold: float, number: int, blind: BlindAccuracies) -> ThresholdPoint:
    """All models on the images of at least one score.

    Args:
        case: With scores of the split; those of the reference are held against the same threshold.
        threshold: Minus infinity for all images.
        number: Of the point among the views of `blind`.
        blind: Accuracies on all points, and under blind filters.
    """
    scores = case.images.scores
    kept = np.ones(len(case.images.classes), np.bool_) if scores is None else scores >= threshold
    gaps = _measure_gaps(case, kept, threshold)
    return ThresholdPoint(
        threshold=None if np.isneginf(threshold) else threshold,
        num_images=int(kept.sum()),
        num_classes=len(np.unique(case.images.classes[kept])),
        share=float(kept.mean()),
        # Weights that sum to 1 but for rounding can carry a share past 1, which a record refuses.
        accuracies=tuple(min(1.0, float(value)) for value in blind.seen[number]),
        gaps=tuple(None if gap is None else gap.value for gap in gaps),
        gap_lows=tuple(None if gap is None else gap.low for gap in gaps),
        gap_highs=tuple(None if gap is None else gap.high for gap in gaps),
        agreement=blind.compare_ranks(number),
    )


def _measure_gaps(case: FilterCase, kept: BoolArray, threshold: float) -> list[GapEstimate | None]:
    classes, clean = case.images.classes[kept], case.clean
    passed = None if clean is None or clean.scores is None else clean.scores >= threshold
    rows = find_clean_rows(clean, classes, passed)
    if rows is None or clean is None:
        return [None] * len(case.models)
    return [
        None
        if model.clean is None
        else compute_gap(
            observe(model.correct[kept], classes), observe(model.clean[rows], clean.classes[rows])
        )
        for model in case.models
    ]
