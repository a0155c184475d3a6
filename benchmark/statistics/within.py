"""Doubt within classes: the binomial noise of an accuracy, whether or not its classes differ.

Resampling classes shows as much spread as the classes happen to have. Its expectation holds the noise within
classes, but one draw of few or like classes may show much less, down to nothing where all classes have the
same share of right answers. That noise is therefore also computed from the counts, and no interval of
resampled classes may be shorter.

With w_c the weight of class c, k_c of its n_c images right, and one right and one wrong answer added to each
count,

    V = sum over c of a_c q_c (1 - q_c),   a_c = w_c^2 / n_c,   q_c = (k_c + 1) / (n_c + 2)

but at most what it would be if all classes had one accuracy: with m = 1 / sum a_c effective images,

    V <= q (1 - q) / m,   q = (m p + 1) / (m + 2),   p = m * sum over c of a_c k_c / n_c.

p (1 - p) is concave, so by Jensen's inequality the true noise is never above that. The bound matters where
classes have one to four images: two answers added to each class would then outweigh the images themselves.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from imagenet_g.benchmark.statistics.accuracy import FloatArray
from imagenet_g.benchmark.statistics.intervals import CONFIDENCE, Spread, compute_wilson_interval

ADDED = 1.0
"""Right answers added to a count, and wrong ones (Agresti and Caffo 2000; pairs: Bonett and Price 2012)."""


def widen(bounds: tuple[float, float], least: tuple[float, float]) -> tuple[float, float]:
    """The interval that holds both: never narrower than either.

    Example:
        >>> widen((-0.25, -0.25), (-0.43, -0.04)), widen((-0.6, 0.1), (-0.43, -0.04))
        ((-0.43, -0.04), (-0.6, 0.1))
    """
    return min(bounds[0], least[0]), max(bounds[1], least[1])


def widen_part(
    value: float,
    bounds: tuple[float, float],
    noise: tuple[float, float],
    *,
    classes: Spread,
    confidence: float = CONFIDENCE,
) -> tuple[float, float]:
    """An interval of classes and other sources, lengthened where classes show less than chance within them.

    Of the noise, with variance V, resampled classes show no more than their own variance U. What is missing,
    V - U, is one more independent source: both arms of the noise, times root((V - U) / V), are added by
    square-and-add (Zou and Donner 2008). Where nothing else varies the interval is that of the noise.

    Args:
        value: The estimate.
        bounds: Its interval from resampling all sources.
        noise: The interval of chance within classes alone.
        classes: The estimate with only the classes redrawn.
        confidence: Nominal coverage of `bounds` and `noise`, in (0, 1).

    Example:
        >>> still = Spread(draws=np.zeros(2))
        >>> [round(bound, 3) for bound in widen_part(0.0, (-0.06, 0.06), (-0.08, 0.08), classes=still)]
        [-0.1, 0.1]
        >>> moved = Spread(draws=np.array([-0.05, 0.05]))
        >>> widen_part(0.0, (-0.12, 0.12), (-0.08, 0.08), classes=moved)  # the classes show more
        (-0.12, 0.12)
    """
    reach = NormalDist().inv_cdf(0.5 + confidence / 2)
    chance = ((noise[1] - noise[0]) / (2 * reach)) ** 2
    shown = float(np.nanvar(classes.draws)) * classes.inflation
    missing = math.sqrt(max(0.0, chance - shown) / chance)
    below = math.hypot(value - bounds[0], missing * (value - noise[0]))
    return value - below, value + math.hypot(bounds[1] - value, missing * (noise[1] - value))


def compute_within_variance(
    right: FloatArray, total: FloatArray, *, weights: FloatArray | None = None
) -> float:
    """V of the module's docstring: variance of an accuracy from chance within classes.

    Args:
        right: `(C,)` right answers by class.
        total: `(C,)` images by class, all > 0.
        weights: `(C,)` weight of each class, sum 1; None for its share of the images.

    Returns:
        Variance, > 0 also where every answer is right.

    Example:
        >>> alike = compute_within_variance(np.full(10, 20.0), np.full(10, 40.0))
        >>> round(alike * 400, 6)  # 400 images, half of them right
        0.25
        >>> sure = compute_within_variance(np.array([40.0, 0.0]), np.array([40.0, 40.0]))
        >>> sure < 0.1 * 0.25 / 80  # each class knows its answer: little is left to chance
        True
    """
    share = weigh_by_images(total) if weights is None else weights
    parts = share**2 / total
    rates = (right + ADDED) / (total + 2 * ADDED)
    pooled = _add_answers(float(parts @ (right / total)) / float(parts.sum()), 1 / float(parts.sum()))
    return min(float(parts @ (rates * (1 - rates))), float(parts.sum()) * pooled * (1 - pooled))


def weigh_by_images(total: FloatArray) -> FloatArray:
    """The share of the images that each class has: `(C,)`, sum 1."""
    return np.asarray(total / total.sum())


def _add_answers(rate: float, size: float) -> float:
    return (size * rate + ADDED) / (size + 2 * ADDED)


def bound_within_classes(
    right: FloatArray,
    total: FloatArray,
    *,
    weights: FloatArray | None = None,
    confidence: float = CONFIDENCE,
) -> tuple[float, float]:
    """Interval of an accuracy from chance within its classes alone.

    Wilson's interval of that accuracy at the effective number of images, with both arms shortened to the
    standard deviation root V. Where all classes are alike it is Wilson's own. It keeps Wilson's lopsided
    arms near 0 and 1, where a normal interval covers too seldom.

    Args:
        right: `(C,)` right answers by class.
        total: `(C,)` images by class; classes without any are left out.
        weights: `(C,)` weight of each class, sum 1 over those with images; None for its share of the images.
        confidence: Nominal coverage in (0, 1).

    Returns:
        Lower and upper bound, fractions.

    Example:
        >>> [round(bound, 3) for bound in bound_within_classes(np.full(10, 3.0), np.full(10, 4.0))]
        [0.598, 0.858]
        >>> [round(bound, 3) for bound in compute_wilson_interval(30, 40)]
        [0.598, 0.858]
    """
    seen = total > 0
    k, n = right[seen], total[seen]
    share = weigh_by_images(n) if weights is None else weights[seen]
    # Rounding carries a share of classes that are all right above 1.
    value, size = min(float(share @ (k / n)), 1.0), 1 / float((share**2 / n).sum())
    low, high = compute_wilson_interval(value * size, size, confidence=confidence)
    pooled = _add_answers(value, size)
    scale = math.sqrt(compute_within_variance(k, n, weights=share) * size / (pooled * (1 - pooled)))
    return value - scale * (value - low), value + scale * (high - value)
