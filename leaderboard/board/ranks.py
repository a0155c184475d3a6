"""Rank ranges: which places the tests of a ranking leave open for each model.

A model's best rank is one more than the number of models that are better beyond chance; its worst rank is the
number of models less those that are worse beyond chance. "Beyond chance" is the paired test of
`statistics.paired`: on the same images, clustered by class, with Holm's correction over all pairs. The chance
of any wrong order among the models of one trust level is at most 5 %.

Verified models are ranked first, recomputed ones behind them: answers that nobody has seen the model give may
be invented, and must not push down those of a model that was run again. Self-reported numbers are not ranked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.statistics.accuracy import BoolArray
from imagenet_g.benchmark.statistics.paired import compare_pairs, compute_rank_ranges

NO_ANSWERS = "no stored answers, so no test and no rank"
LISTED = "self-reported: listed and not ranked, because not every number follows from checked predictions"
OTHER_IMAGES = "scored on other images or among other classes than the ranked rows, so not comparable"
RULE = (
    "A rank range holds the places that paired tests leave open: same images, clustered by class, Holm's "
    "correction over all pairs of one trust level; the chance of a wrong order among them is at most 5 %. "
    "Verified rows are ranked first, recomputed ones behind them. Published rows have an interval and no "
    "rank; self-reported ones are listed last and never ranked."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedAnswers:
    """Which images a model gets right.

    Attributes:
        image_ids: Identities of the N images scored, in any order, unique.
        classes: `(N,)` class of each image.
        right: `(N,)` whether the first answer is an acceptable label.
        outputs: Number of classes the model chose among.
    """

    image_ids: tuple[str, ...]
    classes: npt.NDArray[np.integer]
    right: BoolArray
    outputs: int


@dataclass(frozen=True, slots=True)
class RankRange:
    """Best and worst rank that the tests leave open; 1 is the best."""

    best: int
    worst: int


def rank_answers(
    answers: Mapping[str, RankedAnswers], tiers: Mapping[str, int] | None = None
) -> dict[str, RankRange]:
    """Rank ranges of models on one split.

    Only models with the same images and as many classes to choose among are compared. Where there are several
    such groups, the largest is ranked; of equal ones, that with more images, then with more classes.

    Args:
        answers: By model.
        tiers: By model; those of a lower number are ranked before all of a higher one, and no model is
            tested against one of another tier. Without a number a model is in tier 0.

    Returns:
        By model; models of other groups are absent.

    Example:
        >>> classes, ids = np.repeat(np.arange(50), 20), tuple(map(str, range(1000)))
        >>> rng = np.random.default_rng(0)
        >>> three = {
        ...     name: RankedAnswers(image_ids=ids, classes=classes, right=rng.random(1000) < p, outputs=1000)
        ...     for name, p in {"vit": 0.7, "resnet": 0.7, "alexnet": 0.5}.items()
        ... }
        >>> ranked = rank_answers(three)
        >>> [(name, one.best, one.worst) for name, one in ranked.items()]
        [('vit', 1, 2), ('resnet', 1, 2), ('alexnet', 3, 3)]
    """
    groups = {model: (frozenset(one.image_ids), one.outputs) for model, one in answers.items()}
    if not groups:
        return {}
    sizes = Counter(groups.values())
    chosen = max(sizes, key=lambda group: (sizes[group], len(group[0]), group[1]))
    compared = [model for model, group in groups.items() if group == chosen]
    by_tier: dict[int, list[str]] = {}
    for model in compared:
        by_tier.setdefault((tiers or {}).get(model, 0), []).append(model)
    found: dict[str, RankRange] = {}
    for _, models in sorted(by_tier.items()):
        found |= _rank_behind(len(found), {model: answers[model] for model in models})
    return found


def _rank_behind(before: int, answers: Mapping[str, RankedAnswers]) -> dict[str, RankRange]:
    """Rank ranges of one tier, of which so many ranks are taken by those before it."""
    first = next(iter(answers.values()))
    right = np.stack([_order_right(one, first.image_ids) for one in answers.values()])
    ranked = rank_right(right, first.classes)
    return {
        model: RankRange(before + one.best, before + one.worst)
        for model, one in zip(answers, ranked, strict=True)
    }


def rank_right(right: BoolArray, classes: npt.ArrayLike) -> list[RankRange]:
    """Rank ranges of M models on the same images.

    Args:
        right: `(M, N)` whether each model is right.
        classes: `(N,)` class of each image.
    """
    best, worst = compute_rank_ranges(compare_pairs(right, classes).find_better())
    return [RankRange(int(low), int(high)) for low, high in zip(best, worst, strict=True)]


def _order_right(answers: RankedAnswers, order: tuple[str, ...]) -> BoolArray:
    # Files need not have one order: images are matched by id, never by row.
    if answers.image_ids == order:
        return answers.right
    row_of = {image_id: row for row, image_id in enumerate(answers.image_ids)}
    return answers.right[[row_of[image_id] for image_id in order]]
