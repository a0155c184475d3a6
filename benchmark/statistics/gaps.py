"""The interval of an accuracy gap: a model on a shifted set less the same model on a clean one."""

from __future__ import annotations

import numpy as np

from imagenet_g.benchmark.statistics.accuracy import FloatArray
from imagenet_g.benchmark.statistics.intervals import (
    BOOTSTRAP_SEED,
    CONFIDENCE,
    NUM_RESAMPLES,
    compute_clustered_interval,
    compute_difference_interval,
    compute_wilson_interval,
)
from imagenet_g.benchmark.statistics.observations import (
    Observation,
    draw_accuracies,
    draw_class_weights,
    find_used_classes,
)
from imagenet_g.benchmark.statistics.within import bound_within_classes, widen

METHOD = "class-bootstrap-widened"
EARLIER_METHOD = "class-bootstrap"
"""Of results written before intervals were widened to the noise within classes."""


def compute_gap_interval(
    shifted: Observation,
    clean: Observation,
    *,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = BOOTSTRAP_SEED,
    confidence: float = CONFIDENCE,
    widened: bool = True,
    nested: bool = False,
) -> tuple[float, float] | None:
    """Bootstrap interval of A(shifted) - A(clean), clustered by class.

    Classes are drawn once for both sets, so what is hard about a class cancels. A published accuracy has no
    classes; it is redrawn from a binomial at its n. The interval is never shorter than that of the noise
    within classes (`bound_noise`), which classes that happen to be alike do not show.

    Args:
        shifted: With right answers by class.
        clean: With right answers by class, or published.
        num_resamples: B.
        seed: Seed of the resampling.
        confidence: Nominal coverage in (0, 1).
        widened: Widen it to the noise within classes; False for the rule of `EARLIER_METHOD`.
        nested: Whether the images of one set are among those of the other; see `bound_noise`.

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
    if draws is None:
        return None
    return bound_gap(shifted, clean, draws, confidence=confidence, widened=widened, nested=nested)


def bound_gap(
    shifted: Observation,
    clean: Observation,
    draws: FloatArray,
    *,
    confidence: float = CONFIDENCE,
    widened: bool = True,
    nested: bool = False,
) -> tuple[float, float]:
    """The interval of a gap from its `(B,)` resamples; arguments as `compute_gap_interval`."""
    value = shifted.top1 - clean.top1
    num_classes = int(find_used_classes((shifted, clean)).sum())
    low, high = compute_clustered_interval(value, draws, num_classes, confidence=confidence)
    if (_is_constant(shifted) or _is_constant(clean)) and not (nested and widened):
        # All right or all wrong: resampling sees no spread where there is doubt all the same.
        low, high = widen((low, high), compute_newcombe_interval(shifted, clean, confidence=confidence))
    if widened:
        noise = bound_noise(shifted, clean, nested=nested, confidence=confidence)
        low, high = widen((low, high), noise)
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
    rest = _subtract(large, small) if nested else None
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


def _subtract(large: Observation, small: Observation) -> Observation | None:
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
