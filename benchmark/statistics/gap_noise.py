"""The part of an accuracy gap's doubt that is chance within classes."""

from __future__ import annotations

from imagenet_g.benchmark.statistics.intervals import (
    CONFIDENCE,
    compute_difference_interval,
    compute_wilson_interval,
)
from imagenet_g.benchmark.statistics.observations import Observation
from imagenet_g.benchmark.statistics.within import bound_within_classes


def compute_newcombe_interval(
    first: Observation, second: Observation, *, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Interval of a difference of two proportions from their Wilson intervals (Newcombe 1998, method 10).

    Example:
        >>> first, second = Observation(top1=56 / 70, n=70), Observation(top1=48 / 80, n=80)
        >>> bounds = compute_newcombe_interval(first, second)
        >>> [round(bound, 4) for bound in bounds]  # the paper's example (a), its Table II
        [0.0524, 0.3339]
    """
    return compute_difference_interval(
        *(
            (one.top1, *compute_wilson_interval(one.num_right, one.n, confidence=confidence))
            for one in (first, second)
        )
    )


def bound_noise(
    first: Observation, second: Observation, *, nested: bool = False, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Interval of a difference from chance within classes alone: Newcombe's, of `bound_accuracy_noise`.

    The images of the two sets count as independent. Where images come in pairs, as a picture and what was
    made of it, the true noise is smaller: the interval is then too wide rather than too narrow.

    Args:
        first: An accuracy.
        second: The accuracy that is taken off.
        nested: Whether all images of the smaller set are among those of the other, with the same answers, as
            in a view by a filter. Of A(S) - A(D) only the images D has more, R, are then another sample:
            it is (|R| / |D|) (A(S) - A(R)), and exactly zero where D has no image more.
        confidence: Nominal coverage in (0, 1).

    Example:
        >>> import numpy as np
        >>> ten = np.ones(10)  # classes of four images
        >>> clean = Observation(top1=0.75, n=40, right=3 * ten, total=4 * ten)
        >>> shifted = Observation(top1=0.5, n=40, right=2 * ten, total=4 * ten)
        >>> [round(bound, 3) for bound in bound_noise(shifted, clean)]
        [-0.433, -0.038]
        >>> [round(bound, 3) for bound in compute_newcombe_interval(shifted, clean)]  # classes alike
        [-0.433, -0.038]
        >>> bound_noise(clean, clean, nested=True)
        (0.0, 0.0)
    """
    small, large = (first, second) if first.n <= second.n else (second, first)
    rest = subtract_images(large, small) if nested else None
    if rest is None:
        return _bound_independent(first, second, confidence=confidence)
    if rest.n == 0:
        return first.top1 - second.top1, first.top1 - second.top1
    low, high = _bound_independent(small, rest, confidence=confidence)
    part = rest.n / large.n
    return (part * low, part * high) if small is first else (-part * high, -part * low)


def _bound_independent(first: Observation, second: Observation, *, confidence: float) -> tuple[float, float]:
    return compute_difference_interval(
        *((one.top1, *bound_accuracy_noise(one, confidence=confidence)) for one in (first, second))
    )


def subtract_images(large: Observation, small: Observation) -> Observation | None:
    """The images of one set that are not in the other; None where the counts do not allow that."""
    if large.right is None or large.total is None or small.right is None or small.total is None:
        return None
    right, total = large.right - small.right, large.total - small.total
    if (right < 0).any() or (right > total).any():
        return None
    count = int(total.sum())
    return Observation(top1=float(right.sum()) / max(count, 1), n=count, right=right, total=total)


def bound_accuracy_noise(observed: Observation, *, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """`bound_within_classes` of an accuracy; Wilson's interval of a published one, which has no classes."""
    if observed.right is None or observed.total is None:
        return compute_wilson_interval(observed.num_right, observed.n, confidence=confidence)
    return bound_within_classes(observed.right, observed.total, confidence=confidence)
