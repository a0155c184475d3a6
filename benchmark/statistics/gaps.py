"""The interval of an accuracy gap: a model on a shifted set less the same model on a clean one."""

from __future__ import annotations

import math

import numpy as np

from imagenet_g.benchmark.statistics.accuracy import FloatArray
from imagenet_g.benchmark.statistics.intervals import (
    BOOTSTRAP_SEED,
    CONFIDENCE,
    NUM_RESAMPLES,
    compute_clustered_interval,
    compute_wilson_interval,
)
from imagenet_g.benchmark.statistics.observations import (
    Observation,
    draw_accuracies,
    draw_class_weights,
    find_used_classes,
)


def compute_gap_interval(
    shifted: Observation,
    clean: Observation,
    *,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = BOOTSTRAP_SEED,
    confidence: float = CONFIDENCE,
) -> tuple[float, float] | None:
    """Bootstrap interval of A(shifted) - A(clean), clustered by class.

    Classes are drawn once for both sets, so what is hard about a class cancels. A published accuracy has no
    classes; it is redrawn from a binomial at its n.

    Args:
        shifted: With right answers by class.
        clean: With right answers by class, or published.
        num_resamples: B.
        seed: Seed of the resampling.
        confidence: Nominal coverage in (0, 1).

    Returns:
        Bounds within [-1, 1]; None where fewer than two classes have images.

    Example:
        >>> right, total = np.array([9.0, 5.0, 1.0]), np.full(3, 10.0)
        >>> shifted = Observation(top1=0.5, n=30, right=right, total=total)
        >>> low, high = compute_gap_interval(shifted, Observation(top1=0.9, n=50_000))
        >>> low < -0.4 < high < 1
        True
    """
    draws = draw_gaps(shifted, clean, num_resamples=num_resamples, seed=seed)
    return None if draws is None else bound_gap(shifted, clean, draws, confidence=confidence)


def bound_gap(
    shifted: Observation, clean: Observation, draws: FloatArray, *, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """The interval of a gap from its `(B,)` resamples; arguments as `compute_gap_interval`."""
    value = shifted.top1 - clean.top1
    num_classes = int(find_used_classes((shifted, clean)).sum())
    low, high = compute_clustered_interval(value, draws, num_classes, confidence=confidence)
    if _is_constant(shifted) or _is_constant(clean):
        # All right or all wrong: resampling sees no spread where there is doubt all the same.
        other_low, other_high = compute_newcombe_interval(shifted, clean, confidence=confidence)
        low, high = min(low, other_low), max(high, other_high)
    # The stretch for few classes may carry a bound beyond what a difference of two accuracies can be.
    return max(-1.0, low), min(1.0, high)


def draw_gaps(
    shifted: Observation,
    clean: Observation,
    *,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = BOOTSTRAP_SEED,
) -> FloatArray | None:
    """The gap in every resample of classes: `(B,)`; arguments as `compute_gap_interval`."""
    used = find_used_classes((shifted, clean))
    # One class does not show how classes differ.
    if used.sum() < 2:
        return None
    rng = np.random.default_rng(seed)
    weights = draw_class_weights(used, num_resamples=num_resamples, rng=rng)
    ours, theirs = (
        draw_accuracies(one, weights, num_resamples=num_resamples, rng=rng) for one in (shifted, clean)
    )
    return np.asarray(ours - theirs)


def _is_constant(observed: Observation) -> bool:
    return observed.right is not None and observed.num_right in (0.0, float(observed.n))


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
    low, high = compute_wilson_interval(first.num_right, first.n, confidence=confidence)
    base_low, base_high = compute_wilson_interval(second.num_right, second.n, confidence=confidence)
    value = first.top1 - second.top1
    below = math.hypot(first.top1 - low, base_high - second.top1)
    above = math.hypot(high - first.top1, second.top1 - base_low)
    return value - below, value + above
