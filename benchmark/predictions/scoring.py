"""From predictions to scores: arithmetic only, no model in sight."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.answers.top_five import TopFive
from imagenet_g.benchmark.classes import NUM_CLASSES, make_class_set, name_class_set
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.formats.strengths import StrengthRecord
from imagenet_g.benchmark.predictions.metric import Metric, estimate_metric
from imagenet_g.benchmark.predictions.metrics import load_metrics
from imagenet_g.benchmark.predictions.predictions import Predictions, PredictionsMeta
from imagenet_g.benchmark.predictions.scored_images import ScoredImages
from imagenet_g.benchmark.records import Outputs
from imagenet_g.benchmark.results import BalancedGap, Gap, Reference, Score
from imagenet_g.benchmark.statistics.accuracy import (
    BoolArray,
    FloatArray,
    compute_class_counts,
    compute_correct,
)
from imagenet_g.benchmark.statistics.balanced import BALANCED_METHOD, compute_balanced_gap
from imagenet_g.benchmark.statistics.gaps import METHOD, compute_gap_interval, resamples_classes
from imagenet_g.benchmark.statistics.intervals import BOOTSTRAP_SEED, NUM_RESAMPLES
from imagenet_g.benchmark.statistics.observations import Observation

# Named again, since scores and strengths are both read through it.
from imagenet_g.benchmark.strengths.measuring import estimate_accuracy as estimate_accuracy
from imagenet_g.benchmark.strengths.measuring import measure_strengths

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
    widened: bool = True,
) -> Score:
    """Every metric with its interval; an image without a prediction is wrong.

    Args:
        predictions: Rows to score; drop unscored rows beforehand to leave them out.
        stored_as: Which stored top-5 to use: "all" or a class set's name.
        outputs: What to call that choice in the result.
        num_outputs: How many classes the model chose among.
        metrics: What to compute, top-1 among it; None for all there are. Those that need what the predictions
            do not hold are left out.
        widened: Widen intervals to the noise within classes; False for the rules of earlier results.

    Raises:
        InputError: There is no image.
    """
    if not len(predictions):
        raise InputError("There is no image to score.")
    images = ScoredImages(predictions.labels, select_outputs(predictions, stored_as), num_outputs)
    chosen = load_metrics().values() if metrics is None else metrics
    found = {metric.name: estimate_metric(metric, images, widened=widened) for metric in chosen}
    return Score(
        outputs=outputs,
        num_outputs=num_outputs,
        metrics={name: estimate for name, estimate in found.items() if estimate is not None},
        # A score of chosen metrics is one side of a gap.
        strength=_measure_strengths(predictions, images) if metrics is None else None,
    )


def _measure_strengths(predictions: Predictions, images: ScoredImages) -> StrengthRecord | None:
    if predictions.strengths is None:
        return None
    correct = compute_correct(images.top5.indices, images.labels, k=1)
    return measure_strengths(predictions.strengths, correct, images.classes)


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
    method: str = METHOD,
    nested: bool = False,
    balanced: bool = False,
) -> Gap:
    """AG = A(D') - A(D_test) with the interval of `compute_gap_interval`.

    Args:
        score: The split's score.
        predictions: The rows that score was computed from.
        reference: The clean accuracy.
        reference_predictions: Rows behind a measured reference; None for a published one.
        stored_as: Which stored top-5 the score and the reference use.
        num_resamples: Bootstrap resamples B, of the rules of earlier results.
        seed: Seed of the resampling, of those rules.
        method: The rule of the interval.
        nested: Whether the images of one set are among those of the other.
        balanced: Add the gap in which each class counts alike.
    """
    clean = (
        Observation(top1=reference.top1.value, n=reference.n)
        if reference_predictions is None
        else _observe(reference_predictions, stored_as[1])
    )
    shifted = _observe(predictions, stored_as[0])
    interval = compute_gap_interval(
        shifted,
        clean,
        method=method,
        num_resamples=num_resamples,
        seed=seed,
        nested=nested,
    )
    drawn = resamples_classes(method)
    return Gap(
        reference=reference,
        value=score.top1.value - reference.top1.value,
        low=None if interval is None else interval[0],
        high=None if interval is None else interval[1],
        method="none" if interval is None else method,
        num_resamples=num_resamples if drawn else 0,
        seed=seed if drawn else 0,
        balanced=_balance(shifted, clean) if balanced else None,
    )


def _balance(shifted: Observation, clean: Observation) -> BalancedGap | None:
    found = compute_balanced_gap(shifted, clean)
    if found is None:
        return None
    low, high = found.bounds or (None, None)
    return BalancedGap(
        value=found.value,
        low=low,
        high=high,
        method="none" if found.bounds is None else BALANCED_METHOD,
        num_classes=found.num_classes,
    )


def _observe(predictions: Predictions, outputs: str) -> Observation:
    top5 = select_outputs(predictions, outputs)
    correct = compute_correct(top5.indices, predictions.labels, k=1)
    right, total = count_by_class(correct, predictions)
    return Observation(top1=int(correct.sum()) / len(correct), n=len(correct), right=right, total=total)
