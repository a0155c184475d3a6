"""How much a version's difficulty changes with the seeds of its images, from replicates of one plan.

With y_rc the contribution of class c in replicate r to the panel's mean logit (linearised at the accuracies
of all replicates, where the logit has the slope 1 / (p (1 - p))), classes and replicates are crossed:

    y_rc = mean + class_c + seed_r + noise_rc.

What all classes of a replicate have in common is no part of the variance over classes. Its variance is that
of the two-way analysis of variance with one observation a cell (Searle, Casella and McCulloch 1992, chapter
4), which restricted maximum likelihood gives as well where it is not negative:

    seed variance = max(0, (MS_seeds - MS_noise) / C),

with R - 1 degrees of freedom. The mean over R replicates has an R-th of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.robustness.points import ClassCounts
from imagenet_g.benchmark.statistics.accuracy import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedVariance:
    """Variance of a version's mean logit between renderings with other seeds.

    Attributes:
        between: Of one rendering, in squared logits.
        num_replicates: R renderings that it was estimated from.
    """

    between: float
    num_replicates: int

    @property
    def of_mean(self) -> float:
        """Of the mean over all replicates, which is the version's own number."""
        return self.between / self.num_replicates


def compute_seed_variance(replicates: Sequence[ClassCounts]) -> SeedVariance:
    """The variance between replicates of one plan.

    Args:
        replicates: Right answers of the same models on the same classes, one for each replicate.

    Raises:
        InputError: Fewer than two replicates or classes, or other numbers of images in one of them.

    Example:
        >>> same = ClassCounts(right=np.array([[10.0, 30.0]]), total=np.array([50.0, 50.0]))
        >>> compute_seed_variance([same, same]).between
        0.0
    """
    effects = compute_effects(replicates)
    num_replicates, num_classes = effects.shape
    rows, columns = effects.mean(axis=1, keepdims=True), effects.mean(axis=0, keepdims=True)
    mean_seeds = num_classes * float(((rows - effects.mean()) ** 2).sum()) / (num_replicates - 1)
    rest = effects - rows - columns + effects.mean()
    mean_noise = float((rest**2).sum()) / ((num_replicates - 1) * (num_classes - 1))
    return SeedVariance(
        between=max(0.0, (mean_seeds - mean_noise) / num_classes), num_replicates=num_replicates
    )


def compute_effects(replicates: Sequence[ClassCounts]) -> FloatArray:
    """`(R, C)` contributions of each class, of which a row's mean is its replicate's shift in logits.

    Raises:
        InputError: As `compute_seed_variance`.
    """
    used = np.flatnonzero(replicates[0].total > 0) if replicates else np.zeros(0, np.intp)
    if len(replicates) < 2 or len(used) < 2:
        raise InputError("A variance between seeds needs two replicates and two classes.")
    if any(not np.array_equal(one.total, replicates[0].total) for one in replicates):
        raise InputError("The replicates have other numbers of images; all must be of one plan.")
    total = replicates[0].total[used]
    right = np.stack([one.right[:, used] for one in replicates])
    images = total.sum() * len(replicates)
    # As the link of the fits: an accuracy of 0 or 1 has no slope.
    least = 0.5 / (images + 1)
    pooled = np.clip(right.sum(axis=(0, 2)) / images, least, 1 - least)
    off = (right - pooled[:, None] * total) / (pooled * (1 - pooled))[:, None]
    return np.asarray(off.mean(axis=1) * len(used) / total.sum())
