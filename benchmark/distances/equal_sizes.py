"""The distance of a split over that of held-out reference images, at the same number of images on both sides.

A fitted class depends on how many images it was fitted to, so the plain ratio of the two distances depends on
N even where nothing is shifted. Here the reference images of a class are dealt at random into two halves of n
images. One is fitted (PCA and class), the other and n images of the split are measured: without a shift the
two are alike whatever n is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imagenet_g.benchmark.distances.geometry import (
    MIN_SHAPE_IMAGES,
    compute_mahalanobis,
    fit_pca,
    fit_shape,
)
from imagenet_g.benchmark.distances.results import EqualSizes
from imagenet_g.benchmark.statistics.accuracy import FloatArray
from imagenet_g.benchmark.statistics.intervals import (
    BOOTSTRAP_SEED,
    NUM_RESAMPLES,
    compute_clustered_interval,
    draw_cluster_weights,
)

NUM_DRAWS = 10
"""Deals whose mean is taken; what is left of chance is small beside that of drawing classes."""


def compute_equal_sizes(
    pairs: Sequence[tuple[FloatArray, FloatArray]], *, num_components: int, seed: int = BOOTSTRAP_SEED
) -> EqualSizes | None:
    """The ratio of both distances at n images a class on each side.

    n is the most that every class with enough images has: half the reference images, or all of the split's.
    Classes that would bring it below `MIN_SHAPE_IMAGES` are left out.

    Args:
        pairs: For each class `(M, D)` embeddings of the split and `(N, D)` of the reference.
        num_components: Dimensions of the Mahalanobis distance.
        seed: Of the deals.

    Returns:
        None where no class has enough images.
    """
    used = [pair for pair in pairs if _count_images(pair) >= MIN_SHAPE_IMAGES]
    if not used:
        return None
    count = min(map(_count_images, used))
    rng = np.random.default_rng(seed)
    draws = [_measure_draw(used, count, num_components, rng) for _ in range(NUM_DRAWS)]
    whole = [draw for draw in draws if draw is not None]
    if not whole:
        return None
    split, held_out = np.mean(whole, axis=0)
    low, high = _bound_ratio(split, held_out)
    return EqualSizes(
        num_images=count,
        num_classes=len(used),
        num_draws=NUM_DRAWS,
        seed=seed,
        split=float(split.mean()),
        held_out=float(held_out.mean()),
        ratio=float(split.sum() / held_out.sum()),
        low=low,
        high=high,
    )


def _count_images(pair: tuple[FloatArray, FloatArray]) -> int:
    return min(len(pair[0]), len(pair[1]) // 2)


def _measure_draw(
    pairs: Sequence[tuple[FloatArray, FloatArray]], count: int, num_components: int, rng: np.random.Generator
) -> FloatArray | None:
    """`(2, C)` mean distances of the split and of held-out reference images; None where nothing differs."""
    new = [split[rng.permutation(len(split))[:count]] for split, _ in pairs]
    dealt = [known[rng.permutation(len(known))[: 2 * count]] for _, known in pairs]
    # Of the fitted half alone: a projection that has seen the other half would bring it nearer.
    pca = fit_pca(np.concatenate([one[:count] for one in dealt]), num_components)
    if pca is None:
        return None
    rows = []
    for mine, theirs in zip(new, dealt, strict=True):
        shape = fit_shape(pca.project(theirs[:count]))
        if shape is None:
            return None
        sides = (mine, theirs[count:])
        rows.append([float(compute_mahalanobis(pca.project(side), shape).mean()) for side in sides])
    return np.array(rows).T


def _bound_ratio(split: FloatArray, held_out: FloatArray) -> tuple[float | None, float | None]:
    """Interval of drawing classes; unknown for one class."""
    if len(split) < 2:
        return None, None
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    weights = draw_cluster_weights(len(split), num_resamples=NUM_RESAMPLES, rng=rng)
    ratios = np.asarray((weights @ split) / (weights @ held_out))
    return compute_clustered_interval(float(split.sum() / held_out.sum()), ratios, len(split))
