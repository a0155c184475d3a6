"""How much of the variation within classes goes with a property of the images: pure functions on embeddings.

Of every embedding the mean of its class is taken off. What is left is the variation within classes; its sum
of squares splits into a part between the values of the property and a part within them (the one-way table of
Anderson 2001, "A new method for non-parametric multivariate analysis of variance", with the classes as
strata):

    share = sum over g of n_g |mean_g|^2  /  sum over i of |x_i|^2

A property with many values has a large share by chance alone. The same share with the values shuffled within
each class says how large.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
NUM_SHUFFLES = 200
_SHUFFLE_SEED = 0
_ROWS = 4096


@dataclass(frozen=True, slots=True)
class SharedVariation:
    """A share and its level.

    Attributes:
        share: Between groups over total, in [0, 1].
        expected: Mean of the shuffled shares.
        low: Their 2.5 % quantile.
        high: Their 97.5 % quantile.
    """

    share: float
    expected: float
    low: float
    high: float


def compute_group_share(
    vectors: npt.NDArray[np.float32], labels: IntArray, groups: IntArray, *, num_shuffles: int = NUM_SHUFFLES
) -> SharedVariation | None:
    """The share of a property and what it would be by chance.

    Args:
        vectors: `(N, D)` embeddings.
        labels: `(N,)` classes.
        groups: `(N,)` value of the property, 0 to G - 1.
        num_shuffles: How often the values are shuffled within the classes.

    Returns:
        None where the images of a class do not differ, or where no shuffle changes anything: each class has
        one value alone, and the property says no more than the class.

    Example:
        >>> vectors = np.array([[1.0], [1.0], [-1.0], [-1.0]] * 2, dtype=np.float32)
        >>> labels = np.repeat([0, 1], 4)
        >>> compute_group_share(vectors, labels, np.tile([0, 0, 1, 1], 2)).share
        1.0
        >>> compute_group_share(vectors, labels, np.tile([0, 1, 0, 1], 2)).share
        0.0
    """
    if all(len(np.unique(groups[labels == label])) == 1 for label in np.unique(labels)):
        return None
    centred = center_classes(vectors, labels)
    total = float((centred**2).sum())
    # Embeddings of equal images differ by rounding, and a share of that is a share of nothing.
    if total <= np.finfo(np.float32).eps * len(vectors):
        return None
    rng = np.random.default_rng(_SHUFFLE_SEED)
    shuffled = np.array(
        [_sum_between(centred, shuffle_within(groups, labels, rng)) for _ in range(num_shuffles)]
    )
    low, high = np.quantile(shuffled / total, [0.025, 0.975])
    return SharedVariation(
        share=min(1.0, _sum_between(centred, groups) / total),
        expected=min(1.0, float(shuffled.mean()) / total),
        low=float(low),
        high=min(1.0, float(high)),
    )


def center_classes(vectors: npt.NDArray[np.float32], labels: IntArray) -> FloatArray:
    """`(N, D)` vectors less the mean of their class.

    Example:
        >>> vectors = np.array([[1.0], [3.0], [9.0]], dtype=np.float32)
        >>> center_classes(vectors, np.array([0, 0, 1])).ravel().tolist()
        [-1.0, 1.0, 0.0]
    """
    _, places = np.unique(labels, return_inverse=True)
    counts = np.bincount(places)
    points = vectors.astype(np.float64)
    means = _sum_groups(points, places.astype(np.int64)) / counts[:, None]
    # In place and by parts: a whole set in float64 is large enough once.
    for first in range(0, len(points), _ROWS):
        points[first : first + _ROWS] -= means[places[first : first + _ROWS]]
    return points


def shuffle_within(groups: IntArray, labels: IntArray, rng: np.random.Generator) -> IntArray:
    """`(N,)` values of the property, dealt anew among the images of each class.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> shuffle_within(np.array([1, 1, 7, 7]), np.array([0, 0, 5, 5]), rng).tolist()
        [1, 1, 7, 7]
    """
    mixed = rng.permutation(len(groups))
    # Both sorted by class; which image of the class comes first is left to chance on one side.
    plain, drawn = np.argsort(labels, kind="stable"), mixed[np.argsort(labels[mixed], kind="stable")]
    dealt = np.empty_like(groups)
    dealt[plain] = groups[drawn]
    return dealt


def _sum_between(centred: FloatArray, groups: IntArray) -> float:
    counts = np.bincount(groups)
    sums = _sum_groups(centred, groups)
    present = counts > 0
    return float(((sums[present] ** 2).sum(axis=1) / counts[present]).sum())


def _sum_groups(points: FloatArray, groups: IntArray) -> FloatArray:
    """`(G, D)` sums of the points of each group."""
    from scipy.sparse import csr_array

    # A sparse product: adding row by row into a table takes minutes for 50,000 embeddings and 200 shuffles.
    ones, rows = np.ones(len(points)), np.arange(len(points))
    table = csr_array((ones, (groups, rows)), shape=(int(groups.max()) + 1, len(points)))
    return np.asarray(table @ points)
