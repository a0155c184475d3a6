"""The order of models on two versions, and the line that maps the accuracies of one to the other.

The models are fixed; what is uncertain is which images were drawn. So classes are resampled (with all their
images, the same classes in both versions), and everything is computed again. Classes that happen to be alike
show no doubt, so the accuracies are also redrawn with the noise within classes alone, and no interval is
shorter than what that gives.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.predictions.class_counts import SetCounts
from imagenet_g.benchmark.records import Count, FileModel, Fraction
from imagenet_g.benchmark.statistics.accuracy import FloatArray
from imagenet_g.benchmark.statistics.intervals import (
    BOOTSTRAP_SEED,
    Spread,
    compute_bootstrap_interval,
    compute_resampled_accuracy,
    draw_cluster_weights,
    make_cluster_spread,
)
from imagenet_g.benchmark.statistics.within import compute_within_variance, widen
from imagenet_g.generation.verifying.diff import ModelPair

MIN_MODELS = 3
MIN_CLASSES = 2
NUM_RESAMPLES = 2000
"""Twice as many as for an accuracy: rank correlations take few values, and their ends need more draws."""

NUM_NOISE = 500
"""Redraws of the noise; each costs as much as a resample."""


class EquatingInterval(FileModel):
    """A number with its bootstrap interval."""

    value: float
    low: float
    high: float


class Equating(FileModel):
    """The relation of two versions over a fixed set of models."""

    models: tuple[str, ...]
    num_classes: Count
    spearman: EquatingInterval
    """Rank correlation of the accuracies, in [-1, 1]; 1: the same order."""
    kendall: EquatingInterval
    """Kendall's tau-b: share of pairs in the same order less share in the other."""
    slope: EquatingInterval
    """Of the least-squares line `after = intercept + slope * before`, both as fractions."""
    intercept: EquatingInterval
    r2: Fraction
    num_resamples: Count
    seed: int


def compute_equating(
    pairs: Sequence[ModelPair],
    shared: npt.NDArray[np.intp],
    *,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = BOOTSTRAP_SEED,
) -> Equating:
    """Rank correlation and equating line of models over the classes two versions share.

    Args:
        pairs: The models; at least three that do not all score the same.
        shared: Indices of the classes both versions have.
        num_resamples: Bootstrap resamples of classes.
        seed: Of the resampling.

    Raises:
        InputError: Too few models or classes, or all models alike.
    """
    _validate_numbers(len(pairs), len(shared))
    drawn = draw_cluster_weights(len(shared), num_resamples=num_resamples, rng=np.random.default_rng(seed))
    # First every class once: the value is computed by the same code as its resamples.
    weights = np.vstack([np.ones(len(shared)), drawn])
    before, after = (
        _compute_accuracies([getattr(pair, side) for pair in pairs], shared, weights)
        for side in ("before", "after")
    )
    if np.ptp(before[0]) == 0 or np.ptp(after[0]) == 0:
        raise InputError("All models score the same on one of the versions: they have no order.")
    found = np.array([_summarize(x, y) for x, y in zip(before, after, strict=True)])
    noise = _redraw_within_classes(pairs, shared, np.random.default_rng(seed))
    return Equating(
        models=tuple(pair.name for pair in pairs),
        num_classes=len(shared),
        spearman=_make_interval(found[:, 0], noise[:, 0], len(shared), bound=1.0),
        kendall=_make_interval(found[:, 1], noise[:, 1], len(shared), bound=1.0),
        slope=_make_interval(found[:, 2], noise[:, 2], len(shared)),
        intercept=_make_interval(found[:, 3], noise[:, 3], len(shared)),
        # Rounding carries the square of a perfect correlation past 1.
        r2=float(np.clip(found[0, 4], 0, 1)),
        num_resamples=num_resamples,
        seed=seed,
    )


def _validate_numbers(num_models: int, num_classes: int) -> None:
    if num_models < MIN_MODELS:
        raise InputError(
            f"An order needs at least {MIN_MODELS} models with predictions on both versions; "
            f"{num_models} given."
        )
    if num_classes < MIN_CLASSES:
        raise InputError(
            f"An interval over drawn classes needs at least {MIN_CLASSES} classes that both versions have; "
            f"{num_classes} given."
        )


def _compute_accuracies(
    counts: Sequence[SetCounts], shared: npt.NDArray[np.intp], weights: FloatArray
) -> FloatArray:
    """`(1 + resamples, models)` accuracies over the shared classes."""
    columns = [compute_resampled_accuracy(weights, one.right[shared], one.total[shared]) for one in counts]
    return np.stack(columns, axis=1)


def _redraw_within_classes(
    pairs: Sequence[ModelPair], shared: npt.NDArray[np.intp], rng: np.random.Generator
) -> FloatArray:
    """`(NUM_NOISE, 5)` numbers of `_summarize`, of accuracies with the noise within classes added."""
    sides = []
    for side in ("before", "after"):
        counts = [(one.right[shared], one.total[shared]) for one in (getattr(pair, side) for pair in pairs)]
        top1 = np.array([right.sum() / total.sum() for right, total in counts])
        spread = np.sqrt([compute_within_variance(*_drop_empty(right, total)) for right, total in counts])
        sides.append(np.clip(top1 + spread * rng.standard_normal((NUM_NOISE, len(top1))), 0, 1))
    return np.array([_summarize(x, y) for x, y in zip(*sides, strict=True)])


def _drop_empty(right: FloatArray, total: FloatArray) -> tuple[FloatArray, FloatArray]:
    return right[total > 0], total[total > 0]


def _summarize(x: FloatArray, y: FloatArray) -> tuple[float, float, float, float, float]:
    """Spearman, Kendall, slope, intercept, r2; not a number where one side does not vary."""
    from scipy import stats

    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return (np.nan,) * 5
    slope, intercept = np.polyfit(x, y, 1)
    r = float(np.corrcoef(x, y)[0, 1])
    spearman = stats.spearmanr(x, y).statistic
    return float(spearman), float(stats.kendalltau(x, y).statistic), float(slope), float(intercept), r * r


def _make_interval(
    column: FloatArray, noise: FloatArray, num_classes: int, *, bound: float = np.inf
) -> EquatingInterval:
    """The first number with the interval of the others and at least that of the noise, within +-bound."""
    value, draws = float(column[0]), column[1:]
    drawn = compute_bootstrap_interval(value, draws, parts=(make_cluster_spread(draws, num_classes),))
    low, high = widen(drawn, compute_bootstrap_interval(value, noise, parts=(Spread(draws=noise),)))
    return EquatingInterval(value=value, low=max(-bound, low), high=min(bound, high))
