"""Models compared on stored predictions of the same images.

Two models count as different where their paired difference, clustered by class, is more than chance after
Holm's correction over all pairs (`statistics.paired`). Else they are tied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.accuracy import BoolArray
from imagenet_g.benchmark.statistics.discordance import (
    McNemarTest,
    compute_error_consistency,
    compute_mcnemar,
    count_discordant,
)
from imagenet_g.benchmark.statistics.groups import GroupTable, build_group_table
from imagenet_g.benchmark.statistics.intervals import CONFIDENCE, compute_wilson_interval
from imagenet_g.benchmark.statistics.paired import PairedDifference, compare_pairs, compute_rank_ranges


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Answers of several models on the same N images.

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
        difference: Accuracy of the first less that of the second; p-value and interval are corrected for the
            number of pairs after Holm.
        p_value: Of that difference, uncorrected.
        mcnemar: McNemar's test, uncorrected; it takes images as independent and decides nothing.
        same_answer: Share of images with the same predicted class.
        both_right: Share of images both get right.
        both_wrong: Share of images neither gets right.
        kappa: Error consistency; None where chance alone makes them agree.
        by_group: Group tables by what the images were grouped by, "class" always among them.
    """

    first: str
    second: str
    difference: PairedDifference
    p_value: float
    mcnemar: McNemarTest
    same_answer: float
    both_right: float
    both_wrong: float
    kappa: float | None
    by_group: Mapping[str, GroupTable]

    @property
    def tied(self) -> bool:
        """Whether the two models are statistically indistinguishable."""
        return self.difference.verdict == "tie"


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


def compare_models(answers: Answers, *, confidence: float = CONFIDENCE) -> ModelComparison:
    """Compare every pair of models.

    Raises:
        InputError: There are fewer than two models, or no image.
    """
    if len(answers.models) < 2:
        raise InputError("A comparison needs at least two models.")
    if not len(answers.image_ids):
        raise InputError("The models share no image, so there is nothing to compare.")
    order = np.argsort(-answers.correct.mean(axis=1), kind="stable")
    # All pairs at once, because Holm's correction needs every p-value.
    tests = compare_pairs(answers.correct, answers.labels[:, 0])
    compared = tuple(
        _compare_pair(
            answers,
            pair,
            tests.extract(*pair, level=1 - confidence),
            p_value=float(tests.p_values[pair]),
        )
        for pair in ((int(first), int(second)) for first, second in combinations(order, 2))
    )
    best, worst = compute_rank_ranges(tests.find_better(level=1 - confidence))
    return ModelComparison(
        num_images=len(answers.image_ids),
        num_classes=len(np.unique(answers.labels[:, 0])),
        outputs=answers.outputs,
        standings=tuple(_stand(answers, int(row), ranks=(int(best[row]), int(worst[row]))) for row in order),
        pairs=compared,
    )


def _compare_pair(
    answers: Answers, pair: tuple[int, int], difference: PairedDifference, *, p_value: float
) -> PairComparison:
    one, other = answers.correct[pair[0]], answers.correct[pair[1]]
    return PairComparison(
        first=answers.models[pair[0]],
        second=answers.models[pair[1]],
        difference=difference,
        p_value=p_value,
        mcnemar=compute_mcnemar(*count_discordant(one, other)),
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


def _stand(answers: Answers, row: int, *, ranks: tuple[int, int]) -> ModelStanding:
    correct = answers.correct[row]
    low, high = compute_wilson_interval(int(correct.sum()), len(correct))
    return ModelStanding(
        model=answers.models[row],
        top1=float(correct.mean()),
        low=low,
        high=high,
        best_rank=ranks[0],
        worst_rank=ranks[1],
    )
