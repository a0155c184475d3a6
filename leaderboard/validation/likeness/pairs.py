"""Two models' answers to the same images: how many are the same, and how many errors are.

Two good models have most answers in common because both are right. What they do not have in common is what is
wrong, and the order of the four answers below the first: these tell a copy from a good model, whatever noise
was put on its probabilities and however many answers were corrected.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.answers.top_five import TopFive
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS

BoolArray = npt.NDArray[np.bool_]
ROUNDING = 0.01
"""How far probabilities may lie apart that are the same but for machine, library and TF32."""
NEAR = 0.05
"""How far apart they may lie in rows that are looked for under other images, so that half precision and a
little noise hide nothing."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """Counts of images that two models answer alike.

    Attributes:
        num_images: Images that both have an answer to.
        same_first: Whose first answer is the same.
        same_five: Whose five answers are the same, in the same order.
        same_rows: Whose probabilities too are equal within rounding.
        both_wrong: Whose first answer is wrong in both.
        same_wrong: Of these, those with the same wrong answer.
        elsewhere: Rows of the first model that the second has, under whatever image.
    """

    num_images: int
    same_first: int
    same_five: int
    same_rows: int
    both_wrong: int
    same_wrong: int
    elsewhere: int


def match_fives(ours: TopFive, theirs: TopFive) -> BoolArray:
    """`(N,)`: whether an image has the same five answers in the same order.

    Rows of fewer than five answers never match: a system that names one class alone would have the "same
    five" wherever it has the same first.

    Example:
        >>> ours, theirs = (TopFive(np.array([row]), np.ones((1, 5)) / 5) for row in ([1, 2, 3, 4, 5],) * 2)
        >>> match_fives(ours, theirs).tolist()
        [True]
    """
    same = (ours.indices == theirs.indices).all(axis=1)
    return np.asarray(same & (ours.indices[:, -1] != NO_CLASS))


def compute_likeness(ours: TopFive, theirs: TopFive, labels: npt.NDArray[np.int16]) -> Likeness:
    """How much two models' answers are the same.

    Args:
        ours: `(N, 5)` answers of one model.
        theirs: `(N, 5)` of the other, to the same images in the same order.
        labels: `(N, L)` acceptable classes, padded with -1.

    Example:
        >>> ours = TopFive(np.array([[1, 2, 3, 4, 5], [7, 2, 3, 4, 5]]), np.full((2, 5), 0.2))
        >>> theirs = TopFive(np.array([[1, 2, 3, 5, 4], [7, 2, 3, 4, 5]]), np.full((2, 5), 0.2))
        >>> found = compute_likeness(ours, theirs, np.array([[1], [8]]))
        >>> found.same_first, found.same_five, found.both_wrong, found.same_wrong
        (2, 1, 1, 1)
    """
    first, other = ours.indices[:, 0], theirs.indices[:, 0]
    both = (first != NO_CLASS) & (other != NO_CLASS)
    wrong = both & ~_is_right(first, labels) & ~_is_right(other, labels)
    fives = match_fives(ours, theirs)
    near = np.abs(ours.probabilities - theirs.probabilities).max(axis=1, initial=0) <= ROUNDING
    return Likeness(
        num_images=int(both.sum()),
        same_first=int((both & (first == other)).sum()),
        same_five=int(fives.sum()),
        same_rows=int((fives & near).sum()),
        both_wrong=int(wrong.sum()),
        same_wrong=int((wrong & (first == other)).sum()),
        elsewhere=int(find_elsewhere(ours, theirs).sum()),
    )


def _is_right(first: npt.NDArray[np.int16], labels: npt.NDArray[np.int16]) -> BoolArray:
    return np.asarray((first[:, None] == labels).any(axis=1))


def find_elsewhere(ours: TopFive, theirs: TopFive, *, near: float = NEAR) -> BoolArray:
    """`(N,)`: whether a row of one model is among the other's, under whatever image.

    Rows that were shared out anew among images of one class keep its accuracy, and no image has its own.

    Args:
        ours: `(N, 5)` answers of one model.
        theirs: `(M, 5)` of the other.
        near: How far the first probabilities may lie apart; the five answers are the same, in order.

    Example:
        >>> ours = TopFive(np.array([[1, 2, 3, 4, 5], [5, 4, 3, 2, 1]]), np.full((2, 5), 0.2))
        >>> find_elsewhere(ours, ours.take(np.array([1, 1]))).tolist()
        [False, True]
    """
    codes = np.concatenate([_encode(ours), _encode(theirs)])
    # Small numbers in place of codes, so that a probability still fits behind one in a float64.
    numbers = np.unique(codes, return_inverse=True)[1].reshape(-1)
    keys = 2.0 * numbers + np.concatenate([ours.probabilities[:, 0], theirs.probabilities[:, 0]])
    wanted, there = keys[: len(ours.indices)], np.sort(keys[len(ours.indices) :])
    if not len(there):
        return np.zeros(len(wanted), dtype=np.bool_)
    above = np.searchsorted(there, wanted).clip(max=len(there) - 1)
    below = (above - 1).clip(min=0)
    # Keys of two codes lie at least 1 apart.
    distance = np.minimum(np.abs(there[above] - wanted), np.abs(there[below] - wanted))
    return np.asarray((distance <= near) & (ours.indices[:, -1] != NO_CLASS))


def _encode(top5: TopFive) -> npt.NDArray[np.int64]:
    """Five answers as one number; ten bits hold a class of the 1000, or none."""
    shifts = 10 * np.arange(top5.indices.shape[1], dtype=np.int64)
    return np.asarray(((top5.indices.astype(np.int64) + 1) << shifts).sum(axis=1))
