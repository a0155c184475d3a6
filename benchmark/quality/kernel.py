"""Kernel distance: squared maximum mean discrepancy of two samples under a cubic kernel.

    k(x, y) = (x^T y / D + 1)^3
    d = mean of k over pairs of x + mean of k over pairs of y - 2 mean of k over all x and y

where no image is paired with itself. Source: Binkowski et al. 2018, section 3 and eq. 4 (where the features
are those of an Inception, it is the KID); Gretton et al. 2012, eq. 3. It is unbiased at every number of
images, so that it is negative about as often as positive where both samples come from one distribution. All
pairs are taken, not subsets of images.

Features of length 1 have products of at most 1 / D, for which the kernel is nearly linear: the distance is
then 3 / D times the squared distance of the means, without its bias, and little else counts.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from imagenet_g.benchmark.quality.estimates import Bounds, bound_one_sample, bound_two_samples
from imagenet_g.benchmark.statistics.accuracy import FloatArray, IntArray

BLOCK_ROWS = 1000
"""Rows of a block: 80 MB for 10,000 images."""


def compute_kernel(first: FloatArray, second: FloatArray) -> FloatArray:
    """`(n, m)` values of the kernel.

    Example:
        >>> compute_kernel(np.array([[1.0, 1.0]]), np.array([[1.0, 1.0], [-1.0, -1.0]])).tolist()
        [[8.0, 0.0]]
    """
    values = first @ second.T
    values /= first.shape[1]
    values += 1
    # Twice as fast as a power, and in place.
    squares = values * values
    squares *= values
    return squares


def compute_kernel_distance(first: FloatArray, second: FloatArray) -> float:
    """Unbiased squared discrepancy of two samples; may be negative.

    Args:
        first: `(n, D)` features, n >= 2.
        second: `(m, D)` features, m >= 2.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> alike = compute_kernel_distance(rng.normal(size=(200, 8)), rng.normal(size=(200, 8)))
        >>> moved = compute_kernel_distance(rng.normal(size=(200, 8)), 1 + rng.normal(size=(200, 8)))
        >>> abs(alike) < 0.05 < moved
        True
    """
    within = [_sum_pairs(side) / (len(side) * (len(side) - 1)) for side in (first, second)]
    between = sum(float(block.sum()) for _, block in _iterate_blocks(first, second))
    return sum(within) - 2 * between / (len(first) * len(second))


def _sum_pairs(points: FloatArray) -> float:
    """Sum of the kernel over all ordered pairs of two different points."""
    total = sum(float(block.sum()) for _, block in _iterate_blocks(points, points))
    # A point's pair with itself is large whatever the sample, and would bias the mean upwards.
    return total - float(_compute_own(points).sum())


def _compute_own(points: FloatArray) -> FloatArray:
    """`(n,)` kernel of each point with itself."""
    return np.asarray(((points**2).sum(axis=1) / points.shape[1] + 1) ** 3)


def _iterate_blocks(first: FloatArray, second: FloatArray) -> Iterator[tuple[slice, FloatArray]]:
    for start in range(0, len(first), BLOCK_ROWS):
        rows = slice(start, min(start + BLOCK_ROWS, len(first)))
        yield rows, compute_kernel(first[rows], second)


def bound_kernel(first: FloatArray, second: FloatArray) -> Bounds:
    """Distance of two samples with its interval from leaving out one image at a time, on either side.

    Args:
        first: `(n, D)` features, n >= 3.
        second: `(m, D)` features, m >= 3.
    """
    n, m = len(first), len(second)
    own = [_sum_by_image(side) for side in (first, second)]
    cross = compute_kernel(first, second)
    inside = [float(sums.sum()) for sums in own]
    between, rows, columns = float(cross.sum()), cross.sum(axis=1), cross.sum(axis=0)
    # An image of one side that is left out does not change the mean over the other side's pairs.
    fixed = [inside[0] / (n * (n - 1)), inside[1] / (m * (m - 1))]
    value = fixed[0] + fixed[1] - 2 * between / (n * m)
    # An image is in a pair twice over, as the first and as the second.
    without_row = (inside[0] - 2 * own[0]) / ((n - 1) * (n - 2)) - 2 * (between - rows) / ((n - 1) * m)
    without_column = (inside[1] - 2 * own[1]) / ((m - 1) * (m - 2)) - 2 * (between - columns) / (n * (m - 1))
    return bound_two_samples(value, fixed[1] + without_row, fixed[0] + without_column)


def _sum_by_image(points: FloatArray) -> FloatArray:
    """`(n,)` sums of the kernel of each point with all others."""
    kernel = compute_kernel(points, points)
    np.fill_diagonal(kernel, 0.0)
    return np.asarray(kernel.sum(axis=1))


def bound_kernel_by_groups(first: FloatArray, second: FloatArray, groups: IntArray) -> Bounds:
    """Distance of two large samples, with its interval from leaving out one group of classes at a time.

    Args:
        first: `(n, D)` features.
        second: `(n, D)` features.
        groups: `(n,)` group of each row, the same on both sides; each group in 0..G-1 has rows, G >= 2.
    """
    counts = np.bincount(groups).astype(np.float64)
    blocks = [_sum_by_groups(*pair, groups) for pair in ((first, first), (second, second), (first, second))]
    owns = [np.bincount(groups, weights=_compute_own(side)) for side in (first, second)]
    inside = [block - np.diag(own) for block, own in zip(blocks[:2], owns, strict=True)]
    sums, total = (*inside, blocks[2]), float(counts.sum())
    value = _combine([float(part.sum()) for part in sums], total)
    left_out = [
        _combine([_sum_without(part, group) for part in sums], total - counts[group])
        for group in range(len(counts))
    ]
    return bound_one_sample(value, np.array(left_out))


def _combine(sums: list[float], count: float) -> float:
    return (sums[0] + sums[1]) / (count * (count - 1)) - 2 * sums[2] / count**2


def _sum_without(sums: FloatArray, group: int) -> float:
    """Sum of a `(G, G)` table without one row and its column."""
    return float(sums.sum() - sums[group].sum() - sums[:, group].sum() + sums[group, group])


def _sum_by_groups(first: FloatArray, second: FloatArray, groups: IntArray) -> FloatArray:
    """`(G, G)` sums of the kernel between the groups of both sides."""
    number = int(groups.max()) + 1
    # By products of blocks: all pairs of 10,000 images at once would be 800 MB.
    members = np.zeros((len(groups), number))
    members[np.arange(len(groups)), groups] = 1.0
    table = np.zeros((number, number))
    for rows, block in _iterate_blocks(first, second):
        table += members[rows].T @ (block @ members)
    return table
