"""Models compared on stored predictions of the same images.

Two models count as different only when both hold: the interval of their paired difference, clustered by
class and widened for the number of pairs, leaves out 0, and McNemar's test does after Holm's correction.
Else they are tied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.classes import NUM_CLASSES, load_classes
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.accuracy import BoolArray, FloatArray, compute_class_counts
from imagenet_g.benchmark.statistics.intervals import (
    BOOTSTRAP_SEED,
    CONFIDENCE,
    NUM_RESAMPLES,
    compute_bootstrap_interval,
    compute_resampled_accuracy,
    compute_wilson_interval,
    draw_cluster_weights,
    make_cluster_spread,
)
from imagenet_g.benchmark.statistics.paired import (
    GroupTable,
    McNemarTest,
    adjust_holm,
    build_group_table,
    compute_error_consistency,
    compute_mcnemar,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What several models answered on the same N images.

    Attributes:
        models: M names, unique.
        image_ids: N identities.
        labels: `(N, L)` acceptable classes, padded with -1.
        predicted: `(M, N)` best class of each model, -1 where it has none.
        correct: `(M, N)` whether that is acceptable.
        outputs: What the models chose among: "all" or a stored class set.
        groups: Further groupings of the images by name, such as "recipe" or "source", `(N,)` names each.
    """

    models: tuple[str, ...]
    image_ids: tuple[str, ...]
    labels: npt.NDArray[np.int16]
    predicted: npt.NDArray[np.int16]
    correct: BoolArray
    outputs: str
    groups: Mapping[str, npt.NDArray[np.str_]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairComparison:
    """Two models, first less second.

    Attributes:
        first: Name of the first model.
        second: Name of the second.
        difference: Accuracy of the first less that of the second.
        low: Lower bound of the class-clustered interval, None with a single class.
        high: Upper bound.
        confidence: Coverage of that interval, raised for the number of pairs (Bonferroni).
        mcnemar: McNemar's test.
        p_holm: Its p-value after Holm's correction over the pairs.
        tied: Whether the models cannot be told apart.
        same_answer: Share of images with the same predicted class.
        both_right: Share of images both get right.
        both_wrong: Share of images neither gets right.
        kappa: Error consistency; None where chance alone makes them agree.
        by_group: Group tables by what the images were grouped by, "class" always among them.
    """

    first: str
    second: str
    difference: float
    low: float | None
    high: float | None
    confidence: float
    mcnemar: McNemarTest
    p_holm: float
    tied: bool
    same_answer: float
    both_right: float
    both_wrong: float
    kappa: float | None
    by_group: Mapping[str, GroupTable]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStanding:
    """One model among the compared.

    Attributes:
        model: Its name.
        top1: Accuracy.
        low: Lower end of its Wilson interval.
        high: Upper end.
        best_rank: 1 + the number of models that are better beyond chance.
        worst_rank: Number of models less those that are worse beyond chance.
    """

    model: str
    top1: float
    low: float
    high: float
    best_rank: int
    worst_rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelComparison:
    """All models and all their pairs on one set of images, the most accurate first."""

    num_images: int
    num_classes: int
    outputs: str
    standings: tuple[ModelStanding, ...]
    pairs: tuple[PairComparison, ...]


def compare_models(
    answers: Answers,
    *,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = BOOTSTRAP_SEED,
    confidence: float = CONFIDENCE,
) -> ModelComparison:
    """Compare every pair of models.

    Raises:
        InputError: There are fewer than two models, or no image.
    """
    if len(answers.models) < 2:
        raise InputError("A comparison needs at least two models.")
    if not len(answers.image_ids):
        raise InputError("The models share no image, so there is nothing to compare.")
    order = np.argsort(-answers.correct.mean(axis=1), kind="stable")
    draws = _draw_accuracies(answers, num_resamples=num_resamples, seed=seed)
    pairs = [(int(first), int(second)) for first, second in combinations(order, 2)]
    widened = 1 - (1 - confidence) / len(pairs)
    tests = [_test_pair(answers, first, second) for first, second in pairs]
    adjusted = adjust_holm([test.p_value for test in tests])
    compared = tuple(
        _compare_pair(answers, pair, test, float(p_holm), draws, confidence=widened, level=1 - confidence)
        for pair, test, p_holm in zip(pairs, tests, adjusted, strict=True)
    )
    return ModelComparison(
        num_images=len(answers.image_ids),
        num_classes=len(np.unique(answers.labels[:, 0])),
        outputs=answers.outputs,
        standings=tuple(_stand(answers, int(row), compared) for row in order),
        pairs=compared,
    )


def _draw_accuracies(answers: Answers, *, num_resamples: int, seed: int) -> tuple[FloatArray, int] | None:
    """`(M, B)` accuracies in resamples of classes drawn alike for all models, and the number of classes."""
    clusters = answers.labels[:, 0].astype(np.int64)
    counts = [compute_class_counts(row, clusters, num_clusters=NUM_CLASSES) for row in answers.correct]
    used = counts[0][1] > 0
    num_classes = int(used.sum())
    if num_classes < 2:
        return None
    rng = np.random.default_rng(seed)
    weights = draw_cluster_weights(num_classes, num_resamples=num_resamples, rng=rng)
    drawn = [compute_resampled_accuracy(weights, right[used], total[used]) for right, total in counts]
    return np.stack(drawn), num_classes


def _test_pair(answers: Answers, first: int, second: int) -> McNemarTest:
    one, other = answers.correct[first], answers.correct[second]
    return compute_mcnemar(int((one & ~other).sum()), int((other & ~one).sum()))


def _compare_pair(
    answers: Answers,
    pair: tuple[int, int],
    test: McNemarTest,
    p_holm: float,
    draws: tuple[FloatArray, int] | None,
    *,
    confidence: float,
    level: float,
) -> PairComparison:
    one, other = answers.correct[pair[0]], answers.correct[pair[1]]
    difference = float(one.mean() - other.mean())
    low = high = None
    if draws is not None:
        drawn = draws[0][pair[0]] - draws[0][pair[1]]
        spread = make_cluster_spread(drawn, draws[1])
        low, high = compute_bootstrap_interval(difference, drawn, parts=(spread,), confidence=confidence)
    settled = low is not None and high is not None and (low > 0 or high < 0) and p_holm < level
    return PairComparison(
        first=answers.models[pair[0]],
        second=answers.models[pair[1]],
        difference=difference,
        low=low,
        high=high,
        confidence=confidence,
        mcnemar=test,
        p_holm=p_holm,
        tied=not settled,
        same_answer=float((answers.predicted[pair[0]] == answers.predicted[pair[1]]).mean()),
        both_right=float((one & other).mean()),
        both_wrong=float((~one & ~other).mean()),
        kappa=compute_error_consistency(one, other),
        by_group=_group_pair(answers, one, other),
    )


def _group_pair(answers: Answers, one: BoolArray, other: BoolArray) -> dict[str, GroupTable]:
    wnids = np.array([info.wnid for info in load_classes()])
    groups = {"class": wnids[answers.labels[:, 0]], **answers.groups}
    return {name: build_group_table(one, other, values) for name, values in groups.items()}


def _stand(answers: Answers, row: int, pairs: Sequence[PairComparison]) -> ModelStanding:
    model = answers.models[row]
    settled = [pair for pair in pairs if not pair.tied and model in (pair.first, pair.second)]
    # Pairs are ordered by accuracy, so the first of a settled pair is the better one.
    beaten_by = sum(pair.second == model for pair in settled)
    beats = sum(pair.first == model for pair in settled)
    correct = answers.correct[row]
    low, high = compute_wilson_interval(int(correct.sum()), len(correct))
    return ModelStanding(
        model=model,
        top1=float(correct.mean()),
        low=low,
        high=high,
        best_rank=1 + beaten_by,
        worst_rank=len(answers.models) - beats,
    )
