"""Expected calibration error: how far confidence lies from accuracy, in bins of equal width.

Guo et al. (2017), "On Calibration of Modern Neural Networks", with 15 bins. The plain estimate is too high:
even a calibrated model misses the accuracy of each bin by chance, and misses do not cancel.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.statistics.accuracy import BoolArray, FloatArray

NUM_BINS = 15
IntArray = npt.NDArray[np.intp]


def sum_bins(
    confidence: FloatArray, correct: BoolArray, units: IntArray, num_units: int, *, num_bins: int = NUM_BINS
) -> FloatArray:
    """Images, confidences and right answers of each bin, apart for each unit.

    Args:
        confidence: `(N,)` probability of the first answer, in [0, 1].
        correct: `(N,)` whether it is right.
        units: `(N,)` which unit, such as a class, an image belongs to, 0 to U - 1.
        num_units: U.
        num_bins: B. A bin holds the confidences above its lower end, up to its upper end.

    Returns:
        `(U, 3, B)`: numbers of images, sums of confidences, numbers of right answers.

    Example:
        >>> found = sum_bins(np.array([0.1, 0.9]), np.array([False, True]), np.array([0, 0]), 1, num_bins=2)
        >>> found.tolist()
        [[[1.0, 1.0], [0.1, 0.9], [0.0, 1.0]]]
    """
    edges = np.arange(1, num_bins) / num_bins
    cells = units * num_bins + np.searchsorted(edges, confidence)
    size = num_units * num_bins
    sums = [np.bincount(cells, weights, minlength=size) for weights in (None, confidence, correct)]
    return np.stack([one.reshape(num_units, num_bins) for one in sums], axis=1).astype(np.float64)


def compute_ece(sums: FloatArray) -> FloatArray:
    """Mean over the images of |accuracy - confidence| of their bin.

    Args:
        sums: `(..., 3, B)` as of `sum_bins`, at least one image each.

    Returns:
        `(...)` in [0, 1].

    Example:
        >>> float(compute_ece(np.array([[[2.0, 2.0], [0.4, 1.8], [1.0, 2.0]]]))[0].round(3))
        0.2
    """
    total, confidence, right = np.moveaxis(sums, -2, 0)
    errors: FloatArray = np.abs(right - confidence).sum(axis=-1) / total.sum(axis=-1)
    return errors


def compute_debiased_ece(sums: FloatArray) -> FloatArray:
    """The error less its expected excess by chance, at least 0.

    Kumar, Liang and Ma (2019), "Verified Uncertainty Calibration": the accuracy of a bin is drawn again from
    a normal distribution around the observed one, with its binomial variance; what such draws exceed the
    observed error by is taken off it. They draw 1000 times; here the mean of |normal| has its closed form,
    that of the folded normal distribution. For a calibrated model it takes off less than half of the excess.

    Args:
        sums: As `compute_ece`.
    """
    total, confidence, right = np.moveaxis(sums, -2, 0)
    filled = np.maximum(total, 1)
    accuracy = right / filled
    gap = np.abs(accuracy - confidence / filled)
    excess = compute_excess(gap, np.sqrt(accuracy * (1 - accuracy) / filled))
    corrected = ((gap - excess) * total).sum(axis=-1) / total.sum(axis=-1)
    bounded: FloatArray = np.maximum(corrected, 0.0)
    return bounded


def compute_excess(mean: FloatArray, spread: FloatArray) -> FloatArray:
    """By how much the mean of |x| exceeds |mean of x|, x normal: that of the folded normal distribution.

    Args:
        mean: Of x, at least 0.
        spread: Its standard deviation, at least 0.

    Example:
        >>> compute_excess(np.array([0.0, 3.0]), np.array([1.0, 1.0])).round(4).tolist()
        [0.7979, 0.0008]
    """
    from scipy.special import ndtr

    # Ten standard deviations away there is no excess, and a larger ratio would overflow.
    ratio = np.minimum(mean / np.maximum(spread, np.finfo(np.float64).tiny), 10.0)
    excess: FloatArray = spread * math.sqrt(2 / math.pi) * np.exp(-(ratio**2) / 2) - 2 * mean * ndtr(-ratio)
    return excess


def compute_largest_excess(sums: FloatArray, *, deviations: float = 1.96) -> float:
    """The largest excess by chance that is compatible with what was seen.

    In each bin the true difference of accuracy and confidence is taken to be as small as it can be: the
    observed one less some of its standard deviations, which are those over classes, and at least binomial.

    Args:
        sums: `(C, 3, B)` as of `sum_bins`, by class.
        deviations: How many standard deviations.

    Returns:
        As a share of the images.
    """
    total, confidence, right = sums.sum(axis=0)
    filled, classes = np.maximum(total, 1), len(sums)
    gap = (right - confidence) / filled
    residuals = sums[:, 2] - sums[:, 1] - sums[:, 0] * gap
    over_classes = (residuals**2).sum(axis=0) * classes / max(classes - 1, 1)
    chance = right * (1 - right / filled)
    spread = np.sqrt(np.maximum(over_classes, chance)) / filled
    excess = compute_excess(np.maximum(np.abs(gap) - deviations * spread, 0.0), spread)
    return float((excess * total).sum() / total.sum())
