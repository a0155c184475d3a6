"""A model's answers beside those of others to the same images: who is right where, and who errs alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imagenet_g.leaderboard.validation.plausibility.confidence import rank_right
from imagenet_g.leaderboard.validation.plausibility.near_ties import BoolArray

IntArray = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Beside:
    """One model beside others.

    Attributes:
        num_images: N.
        num_right: Its right answers.
        best_right: Those of the best of the others.
        alone: Images that it has right and no other has.
        none: Images that no other has right.
        difficulty: Chance that an image that it has right is one that more of the others have right than one
            that it has wrong (the area under the ROC curve); 0.5 where its being right has nothing to do with
            difficulty, None where all or none are right.
        difficulty_error: Standard error of `difficulty`; None with it.
        kappa: Mean error consistency with the others (Geirhos et al. 2020, equation 1): 0 for errors that are
            independent, 1 for the same ones; None where it is not defined.
        both_wrong: Pairs of its wrong answer and another's wrong answer to the same image.
        same_wrong: Of these, those with the same answer.
    """

    num_images: int
    num_right: int
    best_right: int
    alone: int
    none: int
    difficulty: float | None
    difficulty_error: float | None
    kappa: float | None
    both_wrong: int
    same_wrong: int


def compare_with(first: IntArray, right: BoolArray, others: Sequence[tuple[IntArray, BoolArray]]) -> Beside:
    """A model beside others.

    Args:
        first: `(N,)` its first answers.
        right: `(N,)` whether they are right.
        others: The same of at least one other, for the same images.

    Example:
        >>> ours, theirs = np.array([1, 2, 3, 4], dtype=np.int16), np.array([1, 2, 3, 5], dtype=np.int16)
        >>> right = np.array([True, True, False, False])
        >>> found = compare_with(ours, right, [(theirs, right)])
        >>> found.difficulty, found.kappa, found.both_wrong, found.same_wrong
        (1.0, 1.0, 2, 1)
    """
    count = np.sum([theirs for _, theirs in others], axis=0)
    difficulty, error = rank_right(count.astype(np.float64), right)
    kappas = [kappa for _, theirs in others if (kappa := compute_kappa(right, theirs)) is not None]
    both = [~right & ~theirs for _, theirs in others]
    return Beside(
        num_images=len(right),
        num_right=int(right.sum()),
        best_right=max(int(theirs.sum()) for _, theirs in others),
        alone=int((right & (count == 0)).sum()),
        none=int((count == 0).sum()),
        difficulty=difficulty,
        difficulty_error=error,
        kappa=float(np.mean(kappas)) if kappas else None,
        both_wrong=sum(int(one.sum()) for one in both),
        same_wrong=sum(
            int((one & (first == theirs)).sum()) for one, (theirs, _) in zip(both, others, strict=True)
        ),
    )


def compute_kappa(ours: BoolArray, theirs: BoolArray) -> float | None:
    """Error consistency: how much more often both are right or both are wrong than by chance.

    Returns:
        None where chance alone makes them agree on all.

    Example:
        >>> compute_kappa(np.array([True, True, False, False]), np.array([True, False, True, False]))
        0.0
    """
    mine, other = float(ours.mean()), float(theirs.mean())
    chance = mine * other + (1 - mine) * (1 - other)
    return None if chance >= 1 else float(((ours == theirs).mean() - chance) / (1 - chance))
