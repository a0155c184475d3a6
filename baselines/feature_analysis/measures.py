"""Four measures of features: pure functions on arrays.

Source of all four: Sariyildiz et al. 2023 (arXiv 2212.08420), Fig. 5 and the text about it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.errors import InputError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.integer]
ZERO_BELOW = 1e-5
"""A value nearer to 0 counts as zero."""
EPS_SQUARED = 0.5
_BLOCK = 512
"""Rows whose distances, or columns whose correlations, are in memory at a time."""


def normalise_rows(vectors: npt.NDArray[np.floating]) -> FloatArray:
    """`(N, D)` vectors at length 1; a vector of zeros stays one.

    Example:
        >>> normalise_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [[0.6, 0.8], [0.0, 0.0]]
    """
    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.asarray(np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0))


def compute_sparsity(vectors: FloatArray, *, below: float = ZERO_BELOW) -> FloatArray:
    """Of each image, the share of dimensions whose absolute value is below a bound.

    The paper prints the bound without bars: taken literally, every negative value would count.

    Args:
        vectors: `(N, D)`.
        below: The bound.

    Returns:
        `(N,)` in [0, 1].

    Example:
        >>> compute_sparsity(np.array([[0.0, -1.0, 1.0, 1e-6]])).tolist()
        [0.5]
    """
    return np.asarray((np.abs(vectors) < below).mean(axis=1), dtype=np.float64)


def compute_class_distances(vectors: FloatArray, labels: IntArray) -> dict[int, float]:
    """Of each class with two images or more, the mean Euclidean distance over its pairs of images.

    Args:
        vectors: `(N, D)`.
        labels: `(N,)`.

    Returns:
        Distances >= 0 by class, in the order of the classes.

    Example:
        >>> compute_class_distances(np.array([[0.0], [3.0], [9.0]]), np.array([1, 1, 2]))
        {1: 3.0}
    """
    found = {}
    for label in np.unique(labels):
        rows = vectors[labels == label]
        # One image makes no pair, and 0 would say that its class has no spread.
        if len(rows) > 1:
            found[int(label)] = _compute_mean_distance(rows)
    return found


def _compute_mean_distance(rows: FloatArray) -> float:
    from scipy.spatial.distance import cdist

    total = 0.0
    for start in range(0, len(rows), _BLOCK):
        # In blocks: all pairs of a class of 50,000 images would need 10 GB.
        total += float(cdist(rows[start : start + _BLOCK], rows).sum())
    # Each pair was counted twice, and each image with itself at distance 0.
    return total / (len(rows) * (len(rows) - 1))


def compute_redundancy(vectors: FloatArray) -> float:
    """The mean absolute correlation of two dimensions, (1/d^2) sum over i and j of |r_ij|.

    As printed the sum has its diagonal, so that d dimensions without any correlation have redundancy 1/d. A
    dimension that is the same for all images has no correlation and counts as 0, with itself too.

    Args:
        vectors: `(N, D)`, N >= 2.

    Returns:
        In [0, 1].

    Raises:
        InputError: Fewer than two images.

    Example:
        >>> round(compute_redundancy(np.array([[1.0, 2.0, 7.0], [2.0, 4.0, 7.0], [3.0, 6.0, 7.0]])), 9)
        0.444444444
    """
    if len(vectors) < 2:
        raise InputError("Redundancy needs two images or more: one has no correlations.")
    # Compared exactly: the mean of equal numbers may differ from them in the last bit, and that difference
    # would pass for variance.
    varied = vectors[:, vectors.min(axis=0) < vectors.max(axis=0)]
    centred = varied - varied.mean(axis=0)
    scaled = centred / np.linalg.norm(centred, axis=0)
    total = sum(
        float(np.abs(scaled[:, start : start + _BLOCK].T @ scaled).clip(max=1.0).sum())
        for start in range(0, scaled.shape[1], _BLOCK)
    )
    return float(total / vectors.shape[1] ** 2)


def compute_coding_length(vectors: FloatArray, *, eps_squared: float = EPS_SQUARED) -> float:
    """The coding length 1/2 log det(I + d / (N eps^2) X^T X), by the natural logarithm.

    Not centred, as printed. Public code is at odds over eps and eps^2; here it is eps^2.

    Args:
        vectors: `(N, D)` features X, d = D.
        eps_squared: The squared precision, > 0; 0.5 in the paper.

    Returns:
        In nats, >= 0.

    Raises:
        InputError: No image, or the precision is not a finite number above 0.

    Example:
        >>> round(compute_coding_length(np.eye(2)), 3)  # 1/2 log det(3 I), with d = N = 2
        1.099
    """
    if not len(vectors):
        raise InputError("Coding length needs an image.")
    if not (np.isfinite(eps_squared) and eps_squared > 0):
        raise InputError(f"The squared precision must be a number above 0, not {eps_squared}.")
    count, dimensions = vectors.shape
    # X^T X and X X^T give the same determinant (Sylvester); the smaller one is built.
    gram = vectors @ vectors.T if count < dimensions else vectors.T @ vectors
    scaled = np.eye(len(gram)) + dimensions / (count * eps_squared) * gram
    return 0.5 * float(np.linalg.slogdet(scaled)[1])
