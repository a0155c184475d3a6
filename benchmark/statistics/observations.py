"""One accuracy with what it was counted from, and its resamples by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.statistics.accuracy import BoolArray, FloatArray
from imagenet_g.benchmark.statistics.intervals import compute_resampled_accuracy, draw_cluster_weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A model's accuracy on one set.

    Attributes:
        top1: Fraction right.
        n: Number of images.
        right: `(C,)` right answers by class, or None for a published accuracy.
        total: `(C,)` images by class, or None.
    """

    top1: float
    n: int
    right: FloatArray | None = None
    total: FloatArray | None = None

    @property
    def num_right(self) -> float:
        """Right answers; of a published accuracy, what its rounding makes of them."""
        return self.top1 * self.n if self.right is None else float(self.right.sum())


def find_used_classes(observations: Sequence[Observation]) -> BoolArray:
    """`(C,)` whether any of them has an image of the class; `(0,)` where all are published accuracies."""
    totals = [one.total for one in observations if one.total is not None]
    return np.any([total > 0 for total in totals], axis=0) if totals else np.zeros(0, np.bool_)


def draw_class_weights(used: BoolArray, *, num_resamples: int, rng: np.random.Generator) -> FloatArray:
    """How often each class is drawn in each resample.

    Args:
        used: `(C,)` classes to draw from, at least one.
        num_resamples: B.
        rng: Source of randomness.

    Returns:
        `(B, C)` counts, 0 for classes that are not used.
    """
    weights = np.zeros((num_resamples, len(used)))
    weights[:, used] = draw_cluster_weights(int(used.sum()), num_resamples=num_resamples, rng=rng)
    return weights


def draw_accuracies(
    observed: Observation, weights: FloatArray | None, *, num_resamples: int, rng: np.random.Generator
) -> FloatArray:
    """An accuracy in every resample: of classes where it has counts, else a binomial at its n.

    Args:
        observed: The accuracy.
        weights: `(B, C)` from `draw_class_weights`, or None where classes are not drawn.
        num_resamples: B.
        rng: Source of the binomial draws.

    Returns:
        `(B,)` fractions; NaN in a resample that misses every class with images.
    """
    if observed.right is not None and observed.total is not None and weights is not None:
        return compute_resampled_accuracy(weights, observed.right, observed.total)
    # A published figure names no images, so its classes cannot be drawn.
    return np.asarray(rng.binomial(observed.n, observed.top1, size=num_resamples) / observed.n)
