"""Whether models keep their order from one version to the next, and the line that maps one onto the other.

The models are fixed; what is uncertain is which images were drawn. So classes are resampled (with all their
images, the same classes in both versions), and everything is computed again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.records import Count, FileModel, Fraction
from imagenet_g.generation.verifying.diff import FloatArray, ModelPair

MIN_MODELS = 3
NUM_RESAMPLES = 2000
SEED = 0
CONFIDENCE = 0.95


class EquatingInterval(FileModel):
    """A number with its bootstrap interval."""

    value: float
    low: float
    high: float


class Equating(FileModel):
    """How two versions hang together over a fixed set of models."""

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
    seed: int = SEED,
) -> Equating:
    """Rank correlation and equating line of models over the classes two versions share.

    Args:
        pairs: The models; at least three that do not all score the same.
        shared: Indices of the classes both versions have.
        num_resamples: Bootstrap resamples of classes.
        seed: Of the resampling.

    Raises:
        InputError: Too few models, or all alike.
    """
    if len(pairs) < MIN_MODELS:
        raise InputError(
            f"An order needs at least {MIN_MODELS} models with predictions on both versions; "
            f"{len(pairs)} given."
        )
    random = np.random.default_rng(seed)
    draws = random.multinomial(len(shared), np.full(len(shared), 1 / len(shared)), size=num_resamples)
    weights = np.vstack([np.ones(len(shared)), draws])
    before, after = (_accuracies(pairs, shared, weights, side) for side in ("before", "after"))
    if np.ptp(before[0]) == 0 or np.ptp(after[0]) == 0:
        raise InputError("All models score the same on one of the versions: they have no order to keep.")
    found = np.array([_summarize(x, y) for x, y in zip(before, after, strict=True)])
    intervals = [_make_interval(column) for column in found[:, :4].T]
    return Equating(
        models=tuple(pair.name for pair in pairs),
        num_classes=len(shared),
        spearman=intervals[0],
        kendall=intervals[1],
        slope=intervals[2],
        intercept=intervals[3],
        r2=float(np.clip(found[0, 4], 0, 1)),
        num_resamples=num_resamples,
        seed=seed,
    )


def _accuracies(
    pairs: Sequence[ModelPair], shared: npt.NDArray[np.intp], weights: FloatArray, side: str
) -> FloatArray:
    """`(1 + resamples, models)` accuracies."""
    counts = [getattr(pair, side) for pair in pairs]
    right = np.stack([one.right[shared] for one in counts], axis=1)
    total = np.stack([one.total[shared] for one in counts], axis=1)
    return np.asarray((weights @ right) / (weights @ total))


def _summarize(x: FloatArray, y: FloatArray) -> tuple[float, float, float, float, float]:
    """Spearman, Kendall, slope, intercept, r2; not a number where one side does not vary."""
    from scipy import stats

    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return (np.nan,) * 5
    slope, intercept = np.polyfit(x, y, 1)
    r = float(np.corrcoef(x, y)[0, 1])
    spearman = stats.spearmanr(x, y).statistic
    return float(spearman), float(stats.kendalltau(x, y).statistic), float(slope), float(intercept), r * r


def _make_interval(column: FloatArray) -> EquatingInterval:
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.nanpercentile(column[1:], [tail, 100 - tail])
    return EquatingInterval(value=float(column[0]), low=float(low), high=float(high))
