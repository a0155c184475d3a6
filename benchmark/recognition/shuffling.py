"""How many images a set of answers would name by luck: the recognised share with labels shuffled.

Answers that never look at an image reach some share of it: five of 100 classes by chance, more where answers
and labels are unevenly spread alike. Shuffling the labels among the images keeps both and breaks only what
joins them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.classes import NUM_CLASSES
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS, BoolArray, IntArray
from imagenet_g.benchmark.statistics.intervals import compute_percentile_interval

NUM_PERMUTATIONS = 1000
SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShuffledShare:
    """The share over permutations of the labels.

    Attributes:
        value: Its expectation over all permutations, exactly.
        low: 2.5 % of the drawn permutations lie below.
        high: 2.5 % lie above.
    """

    value: float
    low: float
    high: float


def shuffle_labels(
    answers: Sequence[IntArray],
    labels: IntArray,
    *,
    k: int,
    num_permutations: int = NUM_PERMUTATIONS,
    seed: int = SEED,
) -> ShuffledShare:
    """The share of images that at least one judge names, with labels shuffled.

    Args:
        answers: Of each judge, `(N, K)` classes, best first; -1 for no answer.
        labels: `(N, L)` acceptable classes, padded with -1.
        k: How many answers count, 1 <= k <= K.
        num_permutations: Permutations to draw.
        seed: Of the draws.

    Raises:
        InputError: There is no image or no judge, or `k` is out of range.

    Example:
        >>> labels = np.array([[3], [7]])
        >>> always = np.array([[3], [3]])
        >>> shuffle_labels([always], labels, k=1).value  # whichever image has the label 3 is named
        0.5
    """
    named = find_named_classes(answers, k=k)
    kinds, places = np.unique(labels, axis=0, return_inverse=True)
    # A column for each kind of label, so that a permutation is one look-up an image.
    hits = np.stack([named[:, row[row != NO_CLASS]].any(axis=1) for row in kinds], axis=1)
    places = places.reshape(-1)
    frequency = np.bincount(places, minlength=len(kinds)) / len(places)
    rng, rows = np.random.default_rng(seed), np.arange(len(places))
    draws = np.array([hits[rows, rng.permutation(places)].mean() for _ in range(num_permutations)])
    low, high = compute_percentile_interval(draws)
    # Exactly, so that only the interval depends on the draws.
    return ShuffledShare(value=float(hits.mean(axis=0) @ frequency), low=low, high=high)


def find_named_classes(answers: Sequence[IntArray], *, k: int) -> BoolArray:
    """`(N, 1000)` whether a class is among the first `k` answers of at least one judge.

    Example:
        >>> named = find_named_classes([np.array([[3, 7]]), np.array([[5, -1]])], k=1)
        >>> np.flatnonzero(named[0]).tolist()
        [3, 5]
    """
    if not len(answers) or not len(answers[0]):
        raise InputError("There is no judge, or no image to judge.")
    if any(not 1 <= k <= one.shape[1] for one in answers):
        raise InputError(f"k = {k} must lie in 1..{answers[0].shape[1]}, the number of stored answers.")
    # One column more than there are classes: no answer is -1, the last one, and is cut off.
    named = np.zeros((len(answers[0]), NUM_CLASSES + 1), dtype=np.bool_)
    for one in answers:
        np.put_along_axis(named, one[:, :k].astype(np.intp), True, axis=1)
    return named[:, :NUM_CLASSES]
