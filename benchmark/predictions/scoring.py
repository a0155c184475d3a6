"""From predictions to scores: arithmetic only, no model in sight."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.classes import NUM_CLASSES, make_class_set, name_class_set
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.predictions.metrics import Metric, estimate_metric, load_metrics
from imagenet_g.benchmark.predictions.predictions import Predictions, PredictionsMeta, TopFive
from imagenet_g.benchmark.predictions.scored_images import ScoredImages
from imagenet_g.benchmark.records import Outputs
from imagenet_g.benchmark.results import Estimate, Gap, Reference, Score
from imagenet_g.benchmark.statistics.accuracy import (
    BoolArray,
    FloatArray,
    compute_class_counts,
    compute_correct,
)
from imagenet_g.benchmark.statistics.intervals import (
    BOOTSTRAP_SEED,
    NUM_RESAMPLES,
    compute_bootstrap_interval,
    compute_resampled_accuracy,
    compute_wilson_interval,
    draw_cluster_weights,
    make_cluster_spread,
)

SPLIT_CLASSES = "split-classes"


def select_outputs(predictions: Predictions, outputs: str) -> TopFive:
    """Top-5 over all classes ("all") or within a stored class set.

    Raises:
        DataError: The file has no such restricted columns.
    """
    if outputs == "all":
        return predictions.top5
    if outputs not in predictions.restricted:
        raise DataError(
            f"The predictions hold no outputs restricted to '{outputs}'; "
            f"they hold: {', '.join(sorted(predictions.restricted)) or 'all classes only'}. "
            "Run 'imagenet-g evaluate' again to add them."
        )
    return predictions.restricted[outputs]


def name_own_outputs(meta: PredictionsMeta) -> str:
    """Under what name outputs restricted to the split's own classes are stored; see `select_outputs`."""
    return name_class_set(make_class_set(SPLIT_CLASSES, meta.classes.indices))


def compute_score(
    predictions: Predictions,
    *,
    stored_as: str,
    outputs: Outputs,
    num_outputs: int,
    metrics: Iterable[Metric] | None = None,
) -> Score:
    """Every metric with its interval; an image without a prediction is wrong.

    Args:
        predictions: Rows to score; drop unscored rows beforehand to leave them out.
        stored_as: Which stored top-5 to use: "all" or a class set's name.
        outputs: What to call that choice in the result.
        num_outputs: How many classes the model chose among.
        metrics: What to compute, top-1 among it; None for all there are. Those that need what the predictions
            do not hold are left out.

    Raises:
        InputError: There is no image.
    """
    if not len(predictions):
        raise InputError("There is no image to score.")
    images = ScoredImages(predictions.labels, select_outputs(predictions, stored_as), num_outputs)
    chosen = load_metrics().values() if metrics is None else metrics
    found = {metric.name: estimate_metric(metric, images) for metric in chosen}
    return Score(
        outputs=outputs,
        num_outputs=num_outputs,
        metrics={name: estimate for name, estimate in found.items() if estimate is not None},
    )


def estimate_accuracy(right: int, total: int) -> Estimate:
    """A proportion with its Wilson interval.

    Example:
        >>> estimate = estimate_accuracy(50, 100)
        >>> estimate.value, round(estimate.low, 4), round(estimate.high, 4), estimate.method
        (0.5, 0.4038, 0.5962, 'wilson')
    """
    low, high = compute_wilson_interval(right, total)
    return Estimate(value=right / total, low=low, high=high, method="wilson")


def count_by_class(correct: BoolArray, predictions: Predictions) -> tuple[FloatArray, FloatArray]:
    """`(1000,)` right answers and images by class; an image with several labels counts for its first."""
    clusters: npt.NDArray[np.int64] = predictions.labels[:, 0].astype(np.int64)
    return compute_class_counts(correct, clusters, num_clusters=NUM_CLASSES)


def compute_gap(
    score: Score,
    predictions: Predictions,
    reference: Reference,
    *,
    reference_predictions: Predictions | None,
    stored_as: tuple[str, str] = ("all", "all"),
    num_resamples: int = NUM_RESAMPLES,
    seed: int = BOOTSTRAP_SEED,
) -> Gap:
    """AG = A(D') - A(D_test) with a bootstrap interval clustered by class.

    With reference predictions, classes are drawn once for both sets, so what is hard about a class cancels.
    With a published accuracy, its own error enters as a binomial draw at the published n.

    Args:
        score: The split's score.
        predictions: The rows that score was computed from.
        reference: The clean accuracy.
        reference_predictions: Rows behind a measured reference; None for a published one.
        stored_as: Which stored top-5 the score and the reference use.
        num_resamples: Bootstrap resamples B.
        seed: Seed of the resampling.
    """
    rng = np.random.default_rng(seed)
    shifted = _count_right(predictions, stored_as[0])
    clean = None if reference_predictions is None else _count_right(reference_predictions, stored_as[1])
    draws = _draw_gaps(shifted, clean, reference, num_resamples=num_resamples, rng=rng)
    value = score.top1.value - reference.top1.value
    low, high = (
        (None, None) if draws is None else _compute_gap_interval(value, draws, shifted, clean, reference)
    )
    return Gap(
        reference=reference,
        value=value,
        low=low,
        high=high,
        method="class-bootstrap" if draws is not None else "none",
        num_resamples=num_resamples,
        seed=seed,
    )


def _count_right(predictions: Predictions, stored_as: str) -> tuple[FloatArray, FloatArray]:
    top5 = select_outputs(predictions, stored_as)
    return count_by_class(compute_correct(top5.indices, predictions.labels, k=1), predictions)


def _compute_gap_interval(
    value: float,
    draws: FloatArray,
    shifted: tuple[FloatArray, FloatArray],
    clean: tuple[FloatArray, FloatArray] | None,
    reference: Reference,
) -> tuple[float, float]:
    num_classes = int(_find_used(shifted, clean).sum())
    low, high = compute_bootstrap_interval(value, draws, parts=(make_cluster_spread(draws, num_classes),))
    if _is_constant(shifted) or (clean is not None and _is_constant(clean)):
        # All right or all wrong: resampling sees no spread where there is doubt all the same.
        other_low, other_high = compute_newcombe_interval(value, shifted, clean, reference)
        low, high = min(low, other_low), max(high, other_high)
    # The stretch for few classes may carry a bound beyond what a difference of two accuracies can be.
    return max(-1.0, low), min(1.0, high)


def _is_constant(counts: tuple[FloatArray, FloatArray]) -> bool:
    right, total = float(counts[0].sum()), float(counts[1].sum())
    return right in (0.0, total)


def compute_newcombe_interval(
    value: float,
    shifted: tuple[FloatArray, FloatArray],
    clean: tuple[FloatArray, FloatArray] | None,
    reference: Reference,
) -> tuple[float, float]:
    """Interval of a difference of two proportions from their Wilson intervals (Newcombe 1998, method 10).

    Example:
        >>> shifted = np.array([56.0]), np.array([70.0])
        >>> clean = np.array([48.0]), np.array([80.0])
        >>> bounds = compute_newcombe_interval(0.2, shifted, clean, Reference.model_construct())
        >>> [round(bound, 4) for bound in bounds]  # the paper's example (a), its Table II
        [0.0524, 0.3339]
    """
    right, total = float(shifted[0].sum()), float(shifted[1].sum())
    low, high = compute_wilson_interval(right, total)
    if clean is None:
        base, base_total = reference.top1.value * reference.n, float(reference.n)
    else:
        base, base_total = float(clean[0].sum()), float(clean[1].sum())
    base_low, base_high = compute_wilson_interval(base, base_total)
    ours, theirs = right / total, base / base_total
    below = math.hypot(ours - low, base_high - theirs)
    above = math.hypot(high - ours, theirs - base_low)
    return value - below, value + above


def _find_used(
    shifted: tuple[FloatArray, FloatArray], clean: tuple[FloatArray, FloatArray] | None
) -> BoolArray:
    return np.asarray(shifted[1] > 0 if clean is None else (shifted[1] > 0) | (clean[1] > 0))


def _draw_gaps(
    shifted: tuple[FloatArray, FloatArray],
    clean: tuple[FloatArray, FloatArray] | None,
    reference: Reference,
    *,
    num_resamples: int,
    rng: np.random.Generator,
) -> FloatArray | None:
    used = _find_used(shifted, clean)
    # One class says nothing about how classes differ.
    if used.sum() < 2:
        return None
    weights = draw_cluster_weights(int(used.sum()), num_resamples=num_resamples, rng=rng)
    ours = compute_resampled_accuracy(weights, shifted[0][used], shifted[1][used])
    if clean is None:
        # A published figure names no images, so its classes cannot be drawn together with the split's.
        theirs = rng.binomial(reference.n, reference.top1.value, size=num_resamples) / reference.n
    else:
        theirs = compute_resampled_accuracy(weights, clean[0][used], clean[1][used])
    return np.asarray(ours - theirs)
