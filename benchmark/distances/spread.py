"""How much the images of a class differ from each other, which no distance to their mean shows."""

from __future__ import annotations

from imagenet_g.benchmark.statistics.accuracy import FloatArray

MIN_SPREAD_IMAGES = 2
COLLAPSED = 0.5
"""Share of the reference's spread below which a reader is warned."""


def compute_spread(points: FloatArray) -> float | None:
    """Trace of the covariance: half the mean squared distance of two points; None for fewer than two.

    Unbiased at every number of points, so that sides of different sizes can be compared.

    Args:
        points: `(N, D)` embeddings of one class.

    Example:
        >>> import numpy as np
        >>> compute_spread(np.array([[0.0, 0.0], [2.0, 0.0]]))  # two points at a distance of 2
        2.0
        >>> compute_spread(np.array([[0.6, 0.8], [0.6, 0.8]]))  # a collapsed generator draws one image
        0.0
    """
    if len(points) < MIN_SPREAD_IMAGES:
        return None
    return float(((points - points.mean(axis=0)) ** 2).sum() / (len(points) - 1))
