"""Corrections of p-values for many tests at once: pure functions over arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.statistics.accuracy import FloatArray


def adjust_holm(p_values: npt.ArrayLike) -> FloatArray:
    """p-values that keep the chance of any false finding below the level (Holm 1979): `(K,)`.

    Example:
        >>> adjust_holm([0.01, 0.04, 0.03]).round(6).tolist()
        [0.03, 0.06, 0.06]
    """
    given = np.asarray(p_values, dtype=np.float64)
    # Stable: equal p-values keep the order of their groups on every platform.
    order = np.argsort(given, kind="stable")
    factors = np.arange(len(given), 0, -1)
    raised = np.minimum(1.0, np.maximum.accumulate(given[order] * factors)) if len(given) else given
    adjusted = np.empty_like(given)
    adjusted[order] = raised
    return adjusted


def find_holm_levels(p_values: npt.ArrayLike, *, level: float) -> FloatArray:
    """The level at which Holm's procedure decides each of K tests: `(K,)`.

    The smallest p-value is compared with level / K, the next one with level / (K - 1) and so on up to the
    first that is not below; that one's level decides all that are left.

    Example:
        >>> find_holm_levels([0.01, 0.04, 0.03], level=0.06).tolist()  # 0.03 is not below 0.06 / 2
        [0.02, 0.03, 0.03]
    """
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    left = np.arange(len(given), 0, -1)
    passed = np.cumprod(given[order] * left < level)
    levels = np.empty_like(given)
    levels[order] = (
        level / left[np.minimum(np.arange(len(given)), int(passed.sum()))] if len(given) else given
    )
    return levels


def adjust_benjamini_hochberg(p_values: npt.ArrayLike) -> FloatArray:
    """p-values that keep the share of false findings below the level (Benjamini, Hochberg 1995): `(K,)`.

    Example:
        >>> adjust_benjamini_hochberg([0.01, 0.04, 0.03]).round(6).tolist()
        [0.03, 0.04, 0.04]
    """
    from scipy.stats import false_discovery_control

    return np.asarray(false_discovery_control(np.asarray(p_values, dtype=np.float64)))
