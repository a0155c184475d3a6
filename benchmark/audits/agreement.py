"""Agreement of raters: the raw share of equal answers, and Krippendorff's alpha.

Alpha is 1 - observed / expected disagreement over all pairs of answers to one image (Krippendorff 2011,
"Computing Krippendorff's Alpha-Reliability"). Images with fewer than two answers do not count.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Level = Literal["nominal", "ordinal"]


def compute_alpha(counts: Counts, *, level: Level) -> float | None:
    """Krippendorff's alpha.

    Args:
        counts: `(N, V)` how many raters gave each of V values to each of N images; for "ordinal" the values
            ascend.
        level: "nominal", where two values are equal or not, or "ordinal", where they differ by the number of
            answers between them.

    Returns:
        At most 1; None where it is 0/0: all answers that count are the same, or no image has two.

    Example:
        >>> counts = np.array([[2, 0], [1, 1], [0, 2], [0, 1]])
        >>> round(compute_alpha(counts, level="nominal"), 4)  # 1 - 5 * 2 / (2 * 3 * 3)
        0.4444
        >>> compute_alpha(np.array([[2, 0], [3, 0]]), level="nominal") is None
        True
    """
    # A single answer makes no pair, and its image would divide by 0 below.
    paired = counts[counts.sum(axis=1) >= 2].astype(np.float64)
    if not len(paired):
        return None
    sizes = paired.sum(axis=1)
    # Less the diagonal: an answer is not compared with itself.
    coincidences = (paired / (sizes - 1)[:, None]).T @ paired - np.diag(
        (paired / (sizes - 1)[:, None]).sum(0)
    )
    totals = coincidences.sum(axis=0)
    distances = _measure_distances(totals, level)
    # Less one: two answers are drawn without replacement. In this alpha differs from Scott's pi.
    expected = (np.outer(totals, totals) * distances).sum() / (totals.sum() - 1)
    if not expected > 0:
        return None
    return float(1 - (coincidences * distances).sum() / expected)


def compute_raw_agreement(counts: Counts) -> float | None:
    """Share of equal answers among the pairs of answers to one image, each image counting alike.

    Args:
        counts: As for `compute_alpha`.

    Returns:
        Fraction; None where no image has two answers.

    Example:
        >>> compute_raw_agreement(np.array([[2, 0], [1, 1], [0, 1]]))
        0.5
    """
    paired = counts[counts.sum(axis=1) >= 2]
    if not len(paired):
        return None
    sizes = paired.sum(axis=1)
    return float(((paired * (paired - 1)).sum(axis=1) / (sizes * (sizes - 1))).mean())


def count_paired(counts: Counts) -> int:
    """Images with at least two answers."""
    return int((counts.sum(axis=1) >= 2).sum())


def _measure_distances(totals: FloatArray, level: Level) -> FloatArray:
    """`(V, V)` squared distances between values."""
    if level == "nominal":
        return 1.0 - np.eye(len(totals))
    # Answers from one value to the other, those at both ends counted half.
    middles = np.cumsum(totals) - totals / 2
    return np.asarray(np.subtract.outer(middles, middles) ** 2)
