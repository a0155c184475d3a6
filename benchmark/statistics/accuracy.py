"""Which predictions are right: pure functions over arrays."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.errors import InputError

BoolArray: TypeAlias = npt.NDArray[np.bool_]
IntArray: TypeAlias = npt.NDArray[np.integer]
FloatArray: TypeAlias = npt.NDArray[np.float64]
NO_CLASS = -1


def compute_correct(top_indices: IntArray, labels: IntArray, *, k: int) -> BoolArray:
    """Whether one of the first `k` predicted classes is an acceptable label.

    Args:
        top_indices: `(N, K)` predicted class indices, best first; -1 where there is no prediction.
        labels: `(N, L)` acceptable class indices; rows with fewer are padded with -1.
        k: How many of the K predictions count, 1 <= k <= K.

    Returns:
        `(N,)` booleans. An image counts once however many of its labels are hit.

    Raises:
        InputError: `k` is out of range or the rows do not match.

    Example:
        >>> top = np.array([[3, 7], [-1, -1]])  # the second image has no prediction
        >>> labels = np.array([[7, -1], [4, -1]])
        >>> compute_correct(top, labels, k=1).tolist(), compute_correct(top, labels, k=2).tolist()
        ([False, False], [True, False])
    """
    if not 1 <= k <= top_indices.shape[1]:
        raise InputError(f"k = {k} must lie in 1..{top_indices.shape[1]}, the number of stored predictions.")
    if len(top_indices) != len(labels):
        raise InputError(f"{len(top_indices)} rows of predictions do not match {len(labels)} rows of labels.")
    predicted = top_indices[:, :k, None]
    # Padding equals padding: without the second part, an image without a prediction would match its padded
    # labels.
    hits = (predicted == labels[:, None, :]) & (predicted != NO_CLASS)
    return np.asarray(hits.any(axis=(1, 2)))


def compute_class_counts(
    correct: BoolArray, clusters: IntArray, *, num_clusters: int
) -> tuple[FloatArray, FloatArray]:
    """Sum of right answers and number of images per cluster.

    Args:
        correct: `(N,)` booleans.
        clusters: `(N,)` cluster index of each image in 0..num_clusters-1; the cluster is its class.
        num_clusters: Number of clusters C.

    Returns:
        Two `(C,)` float arrays: right answers, images.

    Example:
        >>> correct, classes = np.array([True, False, True]), np.array([0, 0, 2])
        >>> right, total = compute_class_counts(correct, classes, num_clusters=3)
        >>> right.tolist(), total.tolist()
        ([1.0, 0.0, 1.0], [2.0, 0.0, 1.0])
    """
    right = np.bincount(clusters, weights=correct.astype(np.float64), minlength=num_clusters)
    total = np.bincount(clusters, minlength=num_clusters)
    return np.asarray(right, dtype=np.float64), np.asarray(total, dtype=np.float64)


def compute_mean_per_class(right: FloatArray, total: FloatArray) -> float:
    """Accuracy averaged over classes, each class weighing the same; classes without images are left out.

    Raises:
        InputError: No class has an image.

    Example:
        >>> compute_mean_per_class(np.array([9.0, 0.0, 0.0]), np.array([9.0, 1.0, 0.0]))  # not 9 of 10
        0.5
    """
    seen = total > 0
    if not seen.any():
        raise InputError("There is no image to score.")
    return float(np.mean(right[seen] / total[seen]))
