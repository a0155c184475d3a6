"""Ranks that claim no more than the intervals show.

A model's rank is one more than the number of models that are better beyond chance, so statistically
indistinguishable models share a rank. "Better beyond chance" is an unpaired test, which is cautious: models
err on the same images, and a paired comparison (`imagenet-g compare`, or the board's own) can separate models
that are tied here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.statistics.accuracy import FloatArray

IntArray = npt.NDArray[np.int64]


def compute_difference_low(
    better: FloatArray, better_low: FloatArray, worse: FloatArray, worse_high: FloatArray
) -> FloatArray:
    """Lower bound of `better - worse` for independent estimates with intervals; arrays broadcast.

    Source: Newcombe 1998, method 10 (for Wilson intervals); Zou and Donner 2008 for any interval (MOVER).

    Example:
        >>> low = compute_difference_low(np.array(0.8), np.array(0.77), np.array(0.7), np.array(0.74))
        >>> round(float(low), 3)  # 0.1 less the root of 0.03² + 0.04²
        0.05
    """
    return np.asarray(better - worse - np.sqrt((better - better_low) ** 2 + (worse_high - worse) ** 2))


def compute_shared_ranks(values: npt.ArrayLike, lows: npt.ArrayLike, highs: npt.ArrayLike) -> IntArray:
    """Rank of each of M models, 1 for all that no model beats beyond chance.

    Args:
        values: `(M,)` estimates, larger is better; NaN for a model without one.
        lows: `(M,)` lower bounds; without one (NaN) a model is tied with equal values only.
        highs: `(M,)` upper bounds.

    Returns:
        `(M,)` ranks; 0 for a model without an estimate.

    Example:
        >>> compute_shared_ranks([0.8, 0.79, 0.5], [0.78, 0.77, 0.48], [0.82, 0.81, 0.52]).tolist()
        [1, 1, 3]
    """
    value = np.asarray(values, dtype=np.float64)
    low = np.where(np.isnan(np.asarray(lows, dtype=np.float64)), value, lows)
    high = np.where(np.isnan(np.asarray(highs, dtype=np.float64)), value, highs)
    known = ~np.isnan(value)
    ranks = np.zeros(len(value), dtype=np.int64)
    # Only models with an estimate: NaN compares false with everything and would be tied with the best.
    v, lo, hi = value[known], low[known], high[known]
    margin = compute_difference_low(v[:, None], lo[:, None], v[None, :], hi[None, :])
    ranks[known] = 1 + (margin > 0).sum(axis=0)
    return ranks
