"""The interval of an accuracy gap: a model on a shifted set less the same model on a clean one."""

from __future__ import annotations

import numpy as np

from imagenet_g.benchmark.statistics.accuracy import FloatArray
from imagenet_g.benchmark.statistics.clustered_newcombe import bound_clustered_gap
from imagenet_g.benchmark.statistics.gap_noise import bound_noise, compute_newcombe_interval
from imagenet_g.benchmark.statistics.intervals import (
    BOOTSTRAP_SEED,
    CONFIDENCE,
    NUM_RESAMPLES,
    compute_clustered_interval,
)
from imagenet_g.benchmark.statistics.observations import (
    Observation,
    draw_accuracies,
    draw_class_weights,
    find_used_classes,
)
from imagenet_g.benchmark.statistics.within import widen

METHOD = "class-jackknife-newcombe"
"""Of today: `clustered_newcombe.bound_clustered_gap`."""
WIDENED_METHOD = "class-bootstrap-widened"
"""Of results before: resampled classes, widened to the noise within classes."""
EARLIEST_METHOD = "class-bootstrap"
"""Of results before that: not widened."""


def compute_gap_interval(
    shifted: Observation,
    clean: Observation,
    *,
    method: str = METHOD,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = BOOTSTRAP_SEED,
    confidence: float = CONFIDENCE,
    nested: bool = False,
) -> tuple[float, float] | None:
    """Interval of A(shifted) - A(clean), clustered by class.

    What is hard about a class counts on both sides, so that it cancels. A published accuracy has no classes;
    it has the noise of its n images. The interval is never shorter than that of the noise within classes
    (`bound_noise`), which classes that happen to be alike do not show.

    Args:
        shifted: With right answers by class.
        clean: With right answers by class, or published.
        method: The rule; an earlier one is for results that name it.
        num_resamples: B, of the earlier rules.
        seed: Seed of the resampling, of the earlier rules.
        confidence: Nominal coverage in (0, 1).
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
    if not resamples_classes(method):
        return bound_clustered_gap(shifted, clean, confidence=confidence, nested=nested)
    draws = draw_gaps(shifted, clean, num_resamples=num_resamples, seed=seed)
    if draws is None:
        return None
    return _bound_draws(
        shifted, clean, draws, confidence=confidence, widened=method == WIDENED_METHOD, nested=nested
    )


def resamples_classes(method: str) -> bool:
    """Whether a rule is one of the earlier ones, which draw classes at random."""
    return method in (WIDENED_METHOD, EARLIEST_METHOD)


def choose_method(*, statistics: int, widened: bool) -> str:
    """The rule of results of a version of the statistics; the first version had two, one of them widened.

    Example:
        >>> choose_method(statistics=1, widened=False), choose_method(statistics=2, widened=True)
        ('class-bootstrap', 'class-jackknife-newcombe')
    """
    if statistics > 1:
        return METHOD
    return WIDENED_METHOD if widened else EARLIEST_METHOD


def _bound_draws(
    shifted: Observation,
    clean: Observation,
    draws: FloatArray,
    *,
    confidence: float,
    widened: bool,
    nested: bool,
) -> tuple[float, float]:
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
