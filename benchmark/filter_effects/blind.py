"""Blind filters: as many images of each class as a view keeps, chosen at random.

Fewer images alone change accuracies, and so ranks. How much is seen by shuffling a view's weights among the
images of each class: a change of ranks beyond that is an effect of the filter. One shuffle serves
all views and thresholds at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.filter_effects.records import RankAgreement
from imagenet_g.benchmark.statistics.accuracy import BoolArray, FloatArray, IntArray
from imagenet_g.benchmark.statistics.intervals import compute_percentile_interval
from imagenet_g.benchmark.statistics.rank_agreement import compute_kendall_tau

NUM_BLIND = 500
SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindAccuracies:
    """Accuracies on views, and under blind filters of the same sizes.

    Attributes:
        whole: `(M,)` on all images.
        seen: `(V, M)` on each view.
        blind: `(B, V, M)` under blind filters.
    """

    whole: FloatArray
    seen: FloatArray
    blind: FloatArray

    def compare_ranks(self, view: int, chosen: BoolArray | None = None) -> RankAgreement:
        """Kendall's tau-b of a view with all images, among chosen models or all."""
        models = np.ones(len(self.whole), dtype=np.bool_) if chosen is None else chosen
        whole = self.whole[models]
        tau = float(compute_kendall_tau(whole, self.seen[view][models]))
        draws = compute_kendall_tau(whole, self.blind[:, view][:, models])
        known = draws[np.isfinite(draws)]
        if not len(known):
            return RankAgreement(
                tau=_state(tau), blind_low=None, blind_median=None, blind_high=None, blind_below=None
            )
        low, high = compute_percentile_interval(known)
        return RankAgreement(
            tau=_state(tau),
            blind_low=low,
            blind_median=float(np.median(known)),
            blind_high=high,
            # The view itself counts as one more draw, so that a share of 0 is never claimed.
            blind_below=None
            if np.isnan(tau)
            else float((1 + (known <= tau + 1e-12).sum()) / (1 + len(known))),
        )


def measure_blind(
    correct: BoolArray,
    classes: IntArray,
    weights: FloatArray,
    *,
    num_blind: int = NUM_BLIND,
    seed: int = SEED,
) -> BlindAccuracies:
    """Accuracies on views, and under blind filters that keep as much of each class.

    Args:
        correct: `(M, N)` right answers.
        classes: `(N,)` class of each image.
        weights: `(V, N)` weight of each image in each view, 0 for those left out; no view is empty.
        num_blind: B.
        seed: Of the shuffles.

    Example:
        >>> correct = np.array([[1, 1, 0, 0], [0, 1, 1, 0]], dtype=bool)
        >>> found = measure_blind(correct, np.zeros(4), np.array([[1.0, 1, 0, 0]]), num_blind=3)
        >>> found.whole.tolist(), found.seen.tolist(), found.blind.shape
        ([0.5, 0.5], [[1.0, 0.5]], (3, 1, 2))
    """
    # Sorted by class once: a shuffle within classes is then a sort of class plus a random number below 1.
    order = np.argsort(classes, kind="stable")
    answers = np.ascontiguousarray(correct[:, order].T, dtype=np.float64)
    groups = np.unique(classes[order], return_inverse=True)[1].astype(np.float64)
    views = weights[:, order] / weights.sum(axis=1, keepdims=True)
    rng = np.random.default_rng(seed)
    blind = np.empty((num_blind, len(views), len(correct)))
    for number in range(num_blind):
        shuffled = np.argsort(groups + rng.random(len(groups)))
        blind[number] = views @ answers[shuffled]
    return BlindAccuracies(whole=answers.mean(axis=0), seen=views @ answers, blind=blind)


def _state(value: float) -> float | None:
    return None if np.isnan(value) else value
