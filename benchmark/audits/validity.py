"""The share of valid images: as the majority has it, and corrected for the errors of the majority.

The images of a class are a stratum. With e_i = w_i (v_i - p) / sum w the share of image i in the estimate
p = sum w v / sum w, its variance is the sum over strata of n_h / (n_h - 1) times the sum of (e_i - mean)^2,
which is what resampling images within strata gives on average (Rao and Wu 1988). Strata with a single image
are put together into one, so that the differences between their classes count as noise: never too small.
The interval is Wilson's at the number of independent images that would have this variance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.records import Estimate
from imagenet_g.benchmark.statistics.intervals import (
    CONFIDENCE,
    compute_wilson_interval,
    find_student_quantile,
)

FloatArray = npt.NDArray[np.float64]
STRATIFIED_WILSON = "wilson-stratified"
WILSON = "wilson"
LANG_REICZIGEL = "lang-reiczigel"


@dataclass(frozen=True, slots=True)
class JudgedShare:
    """A weighted share of images.

    Attributes:
        value: Fraction.
        size: The number of independent images with the same variance.
    """

    value: float
    size: float


@dataclass(frozen=True, slots=True)
class ControlCounts:
    """Controls of one kind that have a verdict.

    Attributes:
        right: Those with the verdict that they ought to have.
        total: All of them.
    """

    right: int
    total: int

    @property
    def share(self) -> float:
        """The share with the right verdict; NaN without controls."""
        return self.right / self.total if self.total else math.nan


def compute_mean_variance(
    values: npt.NDArray[np.generic], strata: npt.NDArray[np.generic], weights: FloatArray
) -> tuple[float, float]:
    """A weighted mean and its variance from images within strata, by the formula of the module's docstring.

    Args:
        values: `(N,)` numbers or booleans, N >= 1.
        strata: `(N,)` stratum of each image, of any type.
        weights: `(N,)` positive weights.

    Returns:
        Mean and variance; the variance is NaN for a single image.

    Example:
        >>> mean, variance = compute_mean_variance(
        ...     np.array([1.0, 0.0, 1.0, 1.0]), np.array([7, 7, 9, 9]), np.ones(4))
        >>> mean, variance  # only the first stratum varies: (1/2)^2 * 0.5 / 2
        (0.75, 0.0625)
    """
    numbers = values.astype(np.float64)
    mean = float(weights @ numbers / weights.sum())
    shares = weights * (numbers - mean) / weights.sum()
    _, groups, sizes = np.unique(strata, return_inverse=True, return_counts=True)
    # One more group, at the end, for all strata with a single image.
    groups = np.where(sizes[groups] == 1, len(sizes), groups)
    counts = np.bincount(groups, minlength=len(sizes) + 1)
    if len(numbers) == 1:
        return mean, math.nan
    # A lone single image has nobody to differ from: its own share of the estimate counts.
    centres = np.bincount(groups, shares, minlength=len(counts)) / np.maximum(counts, 1)
    centres[counts == 1] = 0.0
    squares = np.bincount(groups, (shares - centres[groups]) ** 2, minlength=len(counts))
    return mean, float((squares * counts / np.maximum(counts - 1, 1)).sum())


def compute_share(
    valid: npt.NDArray[np.bool_], strata: npt.NDArray[np.generic], weights: FloatArray
) -> JudgedShare:
    """A weighted share with the size of the sample that it is worth.

    Args:
        valid: `(N,)` verdicts, N >= 1.
        strata: `(N,)` class of each image.
        weights: `(N,)` positive weights.

    Example:
        >>> compute_share(np.array([True, True, True]), np.zeros(3), np.ones(3))
        JudgedShare(value=1.0, size=3.0)
    """
    value, variance = compute_mean_variance(valid, strata, weights)
    # Kish's size: where all verdicts agree, or within every class, the variance says nothing.
    kish = float(weights.sum() ** 2 / (weights**2).sum())
    if not variance > 0:
        return JudgedShare(value, kish)
    return JudgedShare(value, value * (1 - value) / variance)


def estimate_share(
    valid: npt.NDArray[np.bool_], strata: npt.NDArray[np.generic], weights: FloatArray
) -> Estimate | None:
    """The share with Wilson's interval at its size; None without an image."""
    if not len(valid):
        return None
    found = compute_share(valid, strata, weights)
    low, high = compute_wilson_interval(found.value * found.size, found.size)
    return Estimate(value=found.value, low=low, high=high, method=STRATIFIED_WILSON)


def estimate_rate(counts: ControlCounts) -> Estimate | None:
    """Sensitivity or specificity with Wilson's interval; None without a control."""
    if not counts.total:
        return None
    low, high = compute_wilson_interval(counts.right, counts.total)
    return Estimate(value=counts.share, low=low, high=high, method=WILSON)


def compute_rogan_gladen(share: float, sensitivity: float, specificity: float) -> float:
    """The true share behind a share that was judged with known errors, cut to [0, 1].

    Source: Rogan and Gladen 1978: (share + specificity - 1) / (sensitivity + specificity - 1).

    Raises:
        InputError: Sensitivity and specificity are together at most 1: the verdicts say nothing.

    Example:
        >>> round(compute_rogan_gladen(0.5, 0.9, 0.8), 4)
        0.4286
        >>> compute_rogan_gladen(0.1, 0.9, 0.8)
        0.0
    """
    youden = sensitivity + specificity - 1
    if not youden > 0:
        raise InputError(
            f"sensitivity {sensitivity:g} and specificity {specificity:g} are together at most 1: "
            "such verdicts say nothing about validity."
        )
    return min(1.0, max(0.0, (share + specificity - 1) / youden))


def compute_corrected_interval(
    share: JudgedShare,
    right: ControlCounts,
    wrong: ControlCounts,
    *,
    confidence: float = CONFIDENCE,
) -> tuple[float, float]:
    """Interval of the corrected share that carries the errors of sensitivity and specificity.

    Source: Lang and Reiczigel 2014 (Preventive Veterinary Medicine 113, 13-22), with the share's `size` in
    the place of its number of images.

    Args:
        share: Of the images, as judged.
        right: Right controls; those judged valid are `right`.
        wrong: Wrong controls; those judged not valid are `right`.
        confidence: Nominal coverage in (0, 1).

    Returns:
        Lower and upper bound, fractions in [0, 1].

    Example:
        >>> bounds = compute_corrected_interval(
        ...     JudgedShare(0.5, 2000), ControlCounts(180, 200), ControlCounts(160, 200))
        >>> [round(bound, 3) for bound in bounds]
        [0.365, 0.488]
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    size = share.size + z * z
    p = (share.value * share.size + z * z / 2) / size
    sensitivity, specificity = ((counts.right + 1) / (counts.total + 2) for counts in (right, wrong))
    youden = sensitivity + specificity - 1
    # Two answers were added on either side; with few controls nothing may be left of what they show.
    if not youden > 0:
        return 0.0, 1.0
    centre = (p + specificity - 1) / youden
    missed = sensitivity * (1 - sensitivity) / (right.total + 2)
    alarms = specificity * (1 - specificity) / (wrong.total + 2)
    error = math.sqrt(p * (1 - p) / size + missed * centre**2 + alarms * (1 - centre) ** 2) / youden
    middle = centre + 2 * z * z * (centre * missed - (1 - centre) * alarms)
    return min(1.0, max(0.0, middle - z * error)), min(1.0, max(0.0, middle + z * error))


def estimate_corrected(
    share: JudgedShare | None, right: ControlCounts, wrong: ControlCounts
) -> tuple[Estimate | None, str | None]:
    """The corrected share with its interval, or None and a sentence why there cannot be one.

    Example:
        >>> estimate_corrected(JudgedShare(0.5, 100), ControlCounts(5, 10), ControlCounts(5, 10))[1]
        'Sensitivity 0.500 and specificity 0.500 are together at most 1: the verdicts say nothing.'
    """
    if share is None:
        return None, "No generated image has a verdict."
    if not (right.total and wrong.total):
        return None, "There are no rated controls of both kinds, so that the errors of raters are unknown."
    if right.share + wrong.share <= 1:
        return None, (
            f"Sensitivity {right.share:.3f} and specificity {wrong.share:.3f} are together at most 1: "
            "the verdicts say nothing."
        )
    value = compute_rogan_gladen(share.value, right.share, wrong.share)
    low, high = compute_corrected_interval(share, right, wrong)
    # The interval is about a shifted centre: with few controls it could end short of the estimate.
    low, high = min(low, value), max(high, value)
    return Estimate(value=value, low=low, high=high, method=LANG_REICZIGEL), None


def estimate_mean(
    values: FloatArray, strata: npt.NDArray[np.generic], weights: FloatArray
) -> tuple[float, float | None, float | None] | None:
    """A weighted mean with Student's interval from images within strata; None without an image.

    Returns:
        Mean, low, high; the bounds are None for a single image.
    """
    if not len(values):
        return None
    mean, variance = compute_mean_variance(values, strata, weights)
    if math.isnan(variance):
        return mean, None, None
    _, sizes = np.unique(strata, return_counts=True)
    # Single images share one stratum.
    singles = int((sizes == 1).sum())
    freedom = len(values) - (len(sizes) - singles) - (1 if singles else 0)
    half = find_student_quantile(max(1, freedom)) * math.sqrt(variance)
    return mean, mean - half, mean + half
