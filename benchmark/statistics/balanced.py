"""The gap of an average class: each class counts alike, however many of its images a filter kept.

A filter keeps more images of classes that are easy to recognise, so that an accuracy over its images is
mostly about those. The mean over classes of the differences of the classes' own accuracies,

    AG_b = (1 / C) sum over c of (k_c / n_c - k'_c / n'_c),

is about all classes that both sets have, C of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.statistics.accuracy import BoolArray, FloatArray
from imagenet_g.benchmark.statistics.clustered_newcombe import bound_clustered_gap
from imagenet_g.benchmark.statistics.intervals import CONFIDENCE
from imagenet_g.benchmark.statistics.observations import Observation

BALANCED_METHOD = "class-jackknife-newcombe-balanced"


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancedDifference:
    """AG_b of the module's docstring.

    Attributes:
        value: In [-1, 1].
        bounds: Its interval; None with fewer than two classes.
        num_classes: C, at least 1.
    """

    value: float
    bounds: tuple[float, float] | None
    num_classes: int


def compute_balanced_gap(
    shifted: Observation, clean: Observation, *, confidence: float = CONFIDENCE
) -> BalancedDifference | None:
    """Mean over the classes that both sets have of the difference of their accuracies.

    The interval is that of a gap (`clustered_newcombe`) between two sets in which each class has the same
    number of images: the number m whose noise is that of the set, the harmonic mean of the classes' numbers.

    Args:
        shifted: With right answers by class, or published.
        clean: With right answers by class, or published.
        confidence: Nominal coverage in (0, 1).

    Returns:
        The gap; None where a set has no classes, or they share none.

    Example:
        >>> total = np.array([10.0, 2.0, 0.0])
        >>> one = Observation(top1=9 / 12, n=12, right=np.array([9.0, 0.0, 0.0]), total=total)
        >>> other = Observation(top1=0.9, n=30, right=np.array([10.0, 8.0, 9.0]), total=np.full(3, 10.0))
        >>> found = compute_balanced_gap(one, other)
        >>> round(found.value, 3), found.num_classes  # the mean of -0.1 and -0.8
        (-0.45, 2)
    """
    if shifted.right is None or shifted.total is None or clean.right is None or clean.total is None:
        return None
    shared = (shifted.total > 0) & (clean.total > 0)
    if not shared.any():
        return None
    one, other = (
        _level(right, total, shared)
        for right, total in ((shifted.right, shifted.total), (clean.right, clean.total))
    )
    return BalancedDifference(
        value=one.top1 - other.top1,
        bounds=bound_clustered_gap(one, other, confidence=confidence),
        num_classes=int(shared.sum()),
    )


def _level(right: FloatArray, total: FloatArray, shared: BoolArray) -> Observation:
    """The accuracy as if each shared class had the same number of images."""
    accuracies, totals = right[shared] / total[shared], total[shared]
    # Whole images: fewer than one would make the noise of a class infinite.
    size = max(1, round(len(totals) / float((1 / totals).sum())))
    return Observation(
        top1=float(accuracies.mean()),
        n=size * len(totals),
        right=accuracies * size,
        total=np.full(len(totals), float(size)),
    )
