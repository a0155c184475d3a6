"""How long something lasts where not everything ends while it is watched: Kaplan and Meier's estimate.

With d_j of n_j failing at time t_j, and those last seen at t_j still at risk then (Kaplan and Meier 1958),

    S(t) = product over t_j <= t of (1 - d_j / n_j)

The band is symmetric in log(-log S) (Kalbfleisch and Prentice 1980), so that it stays within [0, 1]. Its
variance of log S is Greenwood's (1926), sum of d_j / (n_j (n_j - d_j)), as if all units were independent.
Where units come in clusters, it is also that of Williams (1995): the square of each cluster's influence

    phi_c(t) = sum over t_j <= t of (d_cj - n_cj d_j / n_j) / (n_j - d_j)

summed over C clusters, times C / (C - 1), with Student's t. The band is the wider of both. With each unit a
cluster of its own the sum is Greenwood's. At S = 1 and S = 0 log(-log S) does not exist; there the band is
Wilson's interval of none, or all, of those at risk.

The interval of the median is that of Brookmeyer and Crowley (1982): all times at which the band holds 1/2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.accuracy import BoolArray, FloatArray, IntArray
from imagenet_g.benchmark.statistics.intervals import (
    CONFIDENCE,
    compute_wilson_interval,
    find_student_quantile,
)

GREENWOOD = "log-log"
CLUSTERED = "log-log-classes-widened"
_ROUNDING = 1e-12
"""A product of fractions that is 1/2 on paper may lie this far above it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalCurve:
    """The share that lasts beyond each time.

    Attributes:
        times: `(K,)` distinct times, ascending.
        at_risk: `(K,)` units that have neither failed nor left before this time.
        failed: `(K,)` of them that fail at it.
        survival: `(K,)` share that lasts beyond it, in [0, 1].
        low: `(K,)` lower end of the pointwise band.
        high: `(K,)` upper end.
        method: How the band was computed.
    """

    times: FloatArray
    at_risk: FloatArray
    failed: FloatArray
    survival: FloatArray
    low: FloatArray
    high: FloatArray
    method: str


def compute_survival(
    times: FloatArray,
    failed: BoolArray,
    *,
    clusters: IntArray | None = None,
    confidence: float = CONFIDENCE,
) -> SurvivalCurve:
    """Kaplan and Meier's estimate with its pointwise band; see the module.

    Args:
        times: `(N,)` when each unit failed or was last seen, finite.
        failed: `(N,)` whether it failed; the others are right-censored.
        clusters: `(N,)` the cluster of each unit, such as its class; None for independent units.
        confidence: Nominal coverage in (0, 1).

    Raises:
        InputError: There is no unit, the arrays do not match, or a time is not finite.

    Example:
        >>> times, failed = np.array([1.0, 1.0, 2.0, 3.0]), np.array([True, True, False, True])
        >>> curve = compute_survival(times, failed)
        >>> curve.at_risk.tolist(), curve.failed.tolist(), curve.survival.tolist()
        ([4.0, 2.0, 1.0], [2.0, 0.0, 1.0], [0.5, 0.5, 0.0])
    """
    _validate_units(times, failed, clusters)
    found, places = np.unique(times, return_inverse=True)
    everyone = np.zeros(len(times), dtype=np.int64)
    at_risk, events = (counts[0] for counts in _count_by_cluster(places, failed, everyone, len(found)))
    survival = np.cumprod(1 - events / at_risk)
    low, high = _bound_by_greenwood(at_risk, events, survival, confidence)
    clustered = clusters is not None and len(np.unique(clusters)) > 1
    if clusters is not None and clustered:
        _, units = np.unique(clusters, return_inverse=True)
        variance, freedom = _compute_clustered_variance(*_count_by_cluster(places, failed, units, len(found)))
        quantile = find_student_quantile(freedom, confidence=confidence)
        wide_low, wide_high = _bound_by_log_log(survival, variance, quantile)
        # NaN where log(-log S) does not exist: the other band stands.
        low, high = np.fmin(low, wide_low), np.fmax(high, wide_high)
    return SurvivalCurve(
        times=np.asarray(found, dtype=np.float64),
        at_risk=at_risk,
        failed=events,
        survival=survival,
        low=low,
        high=high,
        method=CLUSTERED if clustered else GREENWOOD,
    )


def find_median(curve: SurvivalCurve) -> tuple[float | None, float | None, float | None]:
    """The first time at which half or fewer last, and its interval; None for later than the last time.

    The lower end is the first time at which the band holds 1/2 or lies below it, the upper end the first from
    which on it lies below for good.

    Example:
        >>> few = compute_survival(np.arange(1.0, 9.0), np.array([True] * 5 + [False] * 3))
        >>> find_median(few)  # the band holds 1/2 up to the end
        (4.0, 1.0, None)
    """
    below = np.flatnonzero(curve.survival <= 0.5 + _ROUNDING)
    reached = np.flatnonzero(curve.low <= 0.5 + _ROUNDING)
    above = np.flatnonzero(curve.high > 0.5 + _ROUNDING)
    past = int(above[-1]) + 1 if len(above) else 0
    return (
        float(curve.times[below[0]]) if len(below) else None,
        float(curve.times[reached[0]]) if len(reached) else None,
        float(curve.times[past]) if past < len(curve.times) else None,
    )


def _validate_units(times: FloatArray, failed: BoolArray, clusters: IntArray | None) -> None:
    if not len(times):
        raise InputError("There is no unit whose survival could be estimated.")
    if len(times) != len(failed) or (clusters is not None and len(clusters) != len(times)):
        raise InputError(f"{len(times)} times do not match {len(failed)} failures and their clusters.")
    if not np.isfinite(times).all():
        raise InputError("Every time must be a finite number.")


def _count_by_cluster(
    places: IntArray, failed: BoolArray, clusters: IntArray, num_times: int
) -> tuple[FloatArray, FloatArray]:
    """Units at risk and failures of each cluster at each time: two `(C, K)` arrays."""
    size = (int(clusters.max()) + 1, num_times)
    cells = clusters * num_times + places
    leaving = np.bincount(cells, minlength=size[0] * size[1]).reshape(size)
    events = np.bincount(cells, weights=failed, minlength=size[0] * size[1]).reshape(size)
    at_risk = leaving[:, ::-1].cumsum(axis=1)[:, ::-1]
    return np.asarray(at_risk, dtype=np.float64), np.asarray(events, dtype=np.float64)


def _bound_by_greenwood(
    at_risk: FloatArray, events: FloatArray, survival: FloatArray, confidence: float
) -> tuple[FloatArray, FloatArray]:
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.cumsum(events / (at_risk * (at_risk - events)))
    low, high = _bound_by_log_log(survival, variance, find_student_quantile(math.inf, confidence=confidence))
    for place in np.flatnonzero((survival <= 0) | (survival >= 1)):
        # Nobody or everybody of those at risk; after S = 0 nobody is left, and this is the last place.
        right, total = at_risk[place] * round(survival[place]), at_risk[place]
        low[place], high[place] = compute_wilson_interval(right, total, confidence=confidence)
    return low, high


def _compute_clustered_variance(at_risk: FloatArray, events: FloatArray) -> tuple[FloatArray, int]:
    """`(K,)` Williams's variance of log S from `(C, K)` counts, and its degrees of freedom."""
    everyone, ended = at_risk.sum(axis=0), events.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        influence = np.cumsum((events - at_risk * (ended / everyone)) / (everyone - ended), axis=1)
    number = len(at_risk)
    return np.asarray((influence**2).sum(axis=0) * number / (number - 1)), number - 1


def _bound_by_log_log(
    survival: FloatArray, variance: FloatArray, quantile: float
) -> tuple[FloatArray, FloatArray]:
    """Two `(K,)` arrays; NaN where S is 0 or 1."""
    inside = (survival > 0) & (survival < 1)
    low, high = np.full(len(survival), np.nan), np.full(len(survival), np.nan)
    log = np.log(survival[inside])
    # log(-log S) has the standard deviation root(variance) / |log S|.
    reach = quantile * np.sqrt(variance[inside]) / -log
    # Clipped where e^709 would overflow: the band is then [0, 1] all the same.
    low[inside] = np.exp(log * np.exp(np.minimum(reach, 700.0)))
    high[inside] = np.exp(log * np.exp(-reach))
    return low, high
