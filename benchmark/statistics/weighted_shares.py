"""A share of a sampled domain, with the sample's weights and an interval from resampling within strata.

A sample is drawn stratum by stratum; of its units some belong to the domain, such as valid images, and of
those some are hits, such as right answers. With w_i the weight of a unit,

    share = sum over the domain of w_i hit_i / sum over the domain of w_i

is a ratio of two estimated totals. Its interval redraws units within their strata, those outside the domain
too, since how many belong to it is itself estimated. A stratum of n units is redrawn by n - 1 draws with
weights n / (n - 1) (Rao and Wu 1988): n draws would have a variance of (n - 1) / n of what it should be,
half of it with two units a stratum. A stratum of one unit shows no variance, so all such strata are redrawn
as one.
The interval is never shorter than the noise within classes (`statistics.within`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.accuracy import BoolArray, FloatArray, IntArray
from imagenet_g.benchmark.statistics.intervals import (
    BOOTSTRAP_SEED,
    NUM_RESAMPLES,
    compute_percentile_interval,
)
from imagenet_g.benchmark.statistics.within import bound_within_classes, widen

WEIGHTED_METHOD = "rao-wu-within-classes-widened"


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainShare:
    """A share with its 95 % interval.

    Attributes:
        value: In [0, 1].
        low: Lower bound.
        high: Upper bound.
        num_units: Units of the domain.
    """

    value: float
    low: float
    high: float
    num_units: int


def compute_weighted_share(
    hits: BoolArray,
    domain: BoolArray,
    weights: FloatArray,
    strata: IntArray,
    *,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = BOOTSTRAP_SEED,
) -> DomainShare | None:
    """The share of the module's docstring.

    Args:
        hits: `(N,)` whether each sampled unit is a hit.
        domain: `(N,)` whether it belongs to the domain.
        weights: `(N,)` how many units of the population it stands for, > 0.
        strata: `(N,)` its stratum, such as its class; any integers.
        num_resamples: B.
        seed: Of the resampling.

    Returns:
        The share; None where no unit belongs to the domain.

    Raises:
        InputError: The arrays do not match, or a weight is not a positive number.

    Example:
        >>> hits, domain = np.array([1, 1, 0, 0], dtype=bool), np.array([1, 1, 1, 0], dtype=bool)
        >>> weights, strata = np.array([1.0, 1.0, 2.0, 2.0]), np.array([0, 0, 1, 1])
        >>> found = compute_weighted_share(hits, domain, weights, strata)
        >>> found.value, found.num_units  # 2 of a weight of 4
        (0.5, 3)
    """
    _validate(hits, domain, weights, strata)
    if not domain.any():
        return None
    counted = weights * domain
    value = float((counted * hits).sum() / counted.sum())
    draws = draw_units(strata, num_resamples=num_resamples, seed=seed)
    totals, right = draws @ counted, draws @ (counted * hits)
    # A resample without the domain says nothing of it.
    shares = np.divide(right, totals, out=np.full(len(totals), np.nan), where=totals > 0)
    resampled = compute_percentile_interval(shares)
    low, high = widen(
        (min(value, resampled[0]), max(value, resampled[1])), _bound_noise(hits, counted, strata)
    )
    return DomainShare(value=value, low=max(0.0, low), high=min(1.0, high), num_units=int(domain.sum()))


def draw_units(strata: IntArray, *, num_resamples: int, seed: int) -> FloatArray:
    """`(B, N)` factors on the weights: each row a resample within strata, its mean within a stratum 1.

    Args:
        strata: `(N,)` stratum of each unit.
        num_resamples: B.
        seed: Of the draws.

    Example:
        >>> draws = draw_units(np.array([5, 5, 7, 7, 7]), num_resamples=2, seed=0)
        >>> draws[:, :2].sum(axis=1).tolist(), draws[:, 2:].sum(axis=1).tolist()
        ([2.0, 2.0], [3.0, 3.0])
    """
    rng = np.random.default_rng(seed)
    _, groups, sizes = np.unique(strata, return_inverse=True, return_counts=True)
    # Alone in its stratum, a unit has nothing to be exchanged with.
    groups = np.where(sizes[groups] == 1, -1, groups)
    factors = np.ones((num_resamples, len(strata)))
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        size = len(members)
        if size > 1:
            drawn = rng.multinomial(size - 1, np.full(size, 1 / size), size=num_resamples)
            factors[:, members] = drawn * size / (size - 1)
    return factors


def _bound_noise(hits: BoolArray, counted: FloatArray, strata: IntArray) -> tuple[float, float]:
    _, groups = np.unique(strata, return_inverse=True)
    inside = counted > 0
    total = np.bincount(groups[inside], minlength=groups.max() + 1).astype(np.float64)
    right = np.bincount(groups[inside & hits], minlength=len(total)).astype(np.float64)
    share = np.bincount(groups, weights=counted, minlength=len(total)) / counted.sum()
    return bound_within_classes(right, total, weights=share)


def _validate(hits: BoolArray, domain: BoolArray, weights: FloatArray, strata: IntArray) -> None:
    if not len(hits) == len(domain) == len(weights) == len(strata):
        raise InputError(
            f"{len(hits)} hits, {len(domain)} units, {len(weights)} weights and {len(strata)} strata do not "
            "match."
        )
    if not (np.isfinite(weights) & (weights > 0)).all():
        raise InputError("Every weight of a sampled unit must be a number above 0.")
