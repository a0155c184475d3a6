"""The interval of an accuracy gap: Newcombe's, with the variance of leaving out classes.

A normal or resampled interval of a share covers too seldom near 0 and 1, where few answers are right or few
are wrong. Newcombe (1998, method 10) puts the gap's interval together from Wilson's intervals of the two
accuracies, whose arms are lopsided there. Images of one class are not independent, so each accuracy counts as
if of fewer images. With v_i the variance of accuracy i when classes are left out one at a time (CR3), b_i =
q (1 - q) / n its binomial variance (q has one right and one wrong answer added), and V_i its variance within
classes (`statistics.within`),

    e_i = v_i / b_i,   e = (v_1 + v_2) / (b_1 + b_2),   d_i = e_i + max(0, e - e_i) / 2,
    n_i* = n_i / max(d_i t^2 / z^2, V_i / b_i),

t being Student's with n_i^2 / (sum of squared class sizes) - 1 degrees of freedom. d is the design effect;
a set that happens to have easy classes only takes half of what both sets together have more. What is hard
about a class on both sets cancels: with r = cov / root(d_1 b_1 d_2 b_2), cov being the covariance when
classes are left out, and l, u Wilson's bounds at n_i* (Zou 2007),

    low = p_1 - p_2 - root((p_1 - l_1)^2 + (u_2 - p_2)^2 - 2 r (p_1 - l_1) (u_2 - p_2)),

and high the same with the other arms. Where many answers are right and many wrong, this is Student's t over
the classes; with classes alike it is Newcombe's interval. It is never shorter than `bound_noise`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from imagenet_g.benchmark.statistics.accuracy import FloatArray
from imagenet_g.benchmark.statistics.gap_noise import bound_noise, subtract_images
from imagenet_g.benchmark.statistics.intervals import (
    CONFIDENCE,
    compute_wilson_interval,
    find_student_quantile,
)
from imagenet_g.benchmark.statistics.observations import Observation, find_used_classes
from imagenet_g.benchmark.statistics.within import ADDED, compute_within_variance, widen

MIN_CLASSES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One accuracy, with what its interval takes.

    Attributes:
        observed: The accuracy.
        influence: `(C,)` what leaving out each class takes from it; None for a published one.
        binomial: b, > 0.
        clustered: v; b for a published accuracy.
        within: V, > 0; b for a published accuracy.
        reach: t; z for a published accuracy.
    """

    observed: Observation
    influence: FloatArray | None
    binomial: float
    clustered: float
    within: float
    reach: float


def bound_clustered_gap(
    shifted: Observation, clean: Observation, *, confidence: float = CONFIDENCE, nested: bool = False
) -> tuple[float, float] | None:
    """The interval of the module's docstring.

    Args:
        shifted: An accuracy, with right answers by class or published.
        clean: The accuracy that is taken off.
        confidence: Nominal coverage in (0, 1).
        nested: Whether all images of the smaller set are among those of the other. Only the images that the
            larger has more are then another sample, as in `bound_noise`.

    Returns:
        Bounds within [-1, 1]; None where a set has fewer than two classes, or none has classes.

    Example:
        >>> import numpy as np
        >>> right, total = np.array([9.0, 5.0, 1.0]), np.full(3, 10.0)
        >>> one = Observation(top1=0.5, n=30, right=right, total=total)
        >>> other = Observation(top1=0.9, n=30, right=np.array([10.0, 9.0, 8.0]), total=total)
        >>> [round(bound, 2) for bound in bound_clustered_gap(one, other)]
        [-0.8, 0.11]
        >>> bound_clustered_gap(one, one, nested=True)
        (0.0, 0.0)
    """
    totals = [one.total for one in (shifted, clean) if one.total is not None]
    if not totals or min(int((total > 0).sum()) for total in totals) < MIN_CLASSES:
        return None
    noise = bound_noise(shifted, clean, nested=nested, confidence=confidence)
    low, high = widen(_bound(shifted, clean, confidence=confidence, nested=nested), noise)
    return max(-1.0, low), min(1.0, high)


def _bound(
    shifted: Observation, clean: Observation, *, confidence: float, nested: bool
) -> tuple[float, float]:
    small, large = (shifted, clean) if shifted.n <= clean.n else (clean, shifted)
    rest = subtract_images(large, small) if nested else None
    if rest is None:
        return _bound_independent(shifted, clean, confidence=confidence)
    value = shifted.top1 - clean.top1
    # A rest of one class does not show how classes differ; the noise within it is all that is known.
    if rest.total is None or int((rest.total > 0).sum()) < MIN_CLASSES:
        return value, value
    low, high = _bound_independent(small, rest, confidence=confidence)
    part = rest.n / large.n
    return (part * low, part * high) if small is shifted else (-part * high, -part * low)


def _bound_independent(first: Observation, second: Observation, *, confidence: float) -> tuple[float, float]:
    one, other = (_measure(observed, confidence=confidence) for observed in (first, second))
    effects = [side.clustered / side.binomial for side in (one, other)]
    covariance = 0.0
    if one.influence is not None and other.influence is not None:
        both = (one.clustered + other.clustered) / (one.binomial + other.binomial)
        effects = [effect + max(0.0, both - effect) / 2 for effect in effects]
        num_classes = int(find_used_classes((first, second)).sum())
        covariance = (1 - 1 / num_classes) * float(one.influence @ other.influence)
    size = math.sqrt(effects[0] * one.binomial * effects[1] * other.binomial)
    correlation = covariance / size if size else 0.0
    (low, high), (other_low, other_high) = (
        _bound_wilson(side, effect, confidence=confidence)
        for side, effect in zip((one, other), effects, strict=True)
    )
    value = first.top1 - second.top1
    return (
        value - _add_arms(first.top1 - low, other_high - second.top1, correlation),
        value + _add_arms(high - first.top1, second.top1 - other_low, correlation),
    )


def _add_arms(first: float, second: float, correlation: float) -> float:
    # Rounding carries equal arms of correlation 1 below 0.
    return math.sqrt(max(0.0, first**2 + second**2 - 2 * correlation * first * second))


def _measure(observed: Observation, *, confidence: float) -> _Side:
    rate = (observed.num_right + ADDED) / (observed.n + 2 * ADDED)
    binomial = rate * (1 - rate) / observed.n
    if observed.right is None or observed.total is None:
        reach = find_student_quantile(math.inf, confidence=confidence)
        return _Side(observed=observed, influence=None, binomial=binomial, clustered=binomial,
                     within=binomial, reach=reach)  # fmt: skip
    right, total = observed.right, observed.total
    seen = total > 0
    influence = (right - observed.top1 * total) / (observed.n - total)
    # Classes of unequal size count for less; below one degree of freedom the quantile loses all meaning.
    freedom = max(1.0, observed.n**2 / float((total**2).sum()) - 1)
    return _Side(
        observed=observed,
        influence=influence,
        binomial=binomial,
        clustered=(1 - 1 / int(seen.sum())) * float(influence @ influence),
        within=compute_within_variance(right[seen], total[seen]),
        reach=find_student_quantile(freedom, confidence=confidence),
    )


def _bound_wilson(side: _Side, effect: float, *, confidence: float) -> tuple[float, float]:
    plain = find_student_quantile(math.inf, confidence=confidence)
    shrink = max(effect * (side.reach / plain) ** 2, side.within / side.binomial)
    size = side.observed.n / shrink
    return compute_wilson_interval(side.observed.top1 * size, size, confidence=confidence)
