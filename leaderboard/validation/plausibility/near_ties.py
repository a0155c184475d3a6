"""Near ties: where a model hardly prefers the right class to another, or another to it, it is half right.

Of the images whose right class is the first or the second answer, take the log of the first probability over
the second, with a minus where the second is right. No model knows on which side of 0 an image lies, so there
is no jump of their density there, at whatever accuracy, temperature or calibration. Whoever makes wrong
answers right moves images to the right side and leaves a jump. This is the density test of McCrary (2008,
Journal of Econometrics 142, 698-714), here as the intercept of a logistic regression on the size of the
margin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.answers.top_five import TopFive
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
STEEPEST = 6.0
"""Bound of the slope for each unit of log probability: 1 is a calibrated model, 6 one whose logits were
divided by six. Without a bound, a model that is always right, however little it prefers its answer, would be
one too."""
MAX_INTERCEPT = 8.0
WINDOW = 0.5
"""Share of all images whose margins are near: up to the median."""
_LEAST = 1e-38


@dataclass(frozen=True, slots=True)
class NearTies:
    """Images near a tie, and how far they are from half right.

    Attributes:
        num_images: Near images whose first or second answer is right.
        num_right: Of these, those answered rightly.
        expected: How many would be, of a model without a jump at 0.
        z: Signed root of the likelihood ratio of a jump; standard normal for an honest model, positive where
            too many are right.
        unit: Margin up to which an image is near, in log probability.
    """

    num_images: int
    num_right: int
    expected: float
    z: float
    unit: float


def compute_margins(top5: TopFive) -> FloatArray:
    """`(N,)` log of the first probability over the second, at least 0; NaN for fewer than two answers.

    Example:
        >>> top5 = TopFive(np.array([[1, 2], [1, -1]]), np.array([[0.5, 0.25], [1, 0]]))
        >>> compute_margins(top5).round(2).tolist()
        [0.69, nan]
    """
    odds = np.log(np.maximum(top5.probabilities[:, :2].astype(np.float64), _LEAST))
    # Of two probabilities that are 0 in float32, neither is known to be greater.
    known = (top5.indices[:, 1] != NO_CLASS) & (top5.probabilities[:, 0] > 0)
    margins: FloatArray = np.where(known, odds[:, 0] - odds[:, 1], np.nan)
    return margins


def compute_signed_margins(top5: TopFive, labels: npt.NDArray[np.int16]) -> FloatArray:
    """`(N,)` margins, positive where the first answer is right, negative where the second one is.

    Args:
        top5: `(N, 5)` answers.
        labels: `(N, L)` acceptable classes, padded with -1.

    Returns:
        NaN where not exactly one of the two best answers is right.

    Example:
        >>> top5 = TopFive(np.array([[1, 2], [1, 2], [3, 4]]), np.array([[0.5, 0.25]] * 3))
        >>> compute_signed_margins(top5, np.array([[1], [2], [1]])).round(2).tolist()
        [0.69, -0.69, nan]
    """
    first, second = ((top5.indices[:, place, None] == labels).any(axis=1) for place in (0, 1))
    margins = compute_margins(top5)
    signed: FloatArray = np.where(first == second, np.nan, np.where(first, margins, -margins))
    return signed


def measure_near_ties(top5: TopFive, labels: npt.NDArray[np.int16]) -> NearTies | None:
    """The near images of a model, and the jump at 0.

    Args:
        top5: `(N, 5)` answers.
        labels: `(N, L)` acceptable classes, padded with -1.

    Returns:
        None where no image has two answers.
    """
    margins = compute_margins(top5)
    margins = margins[~np.isnan(margins)]
    if not len(margins):
        return None
    unit = float(np.quantile(margins, WINDOW))
    signed = compute_signed_margins(top5, labels)
    # Exact ties are in the order of the classes, which says nothing of the model.
    near = signed[~np.isnan(signed) & (np.abs(signed) <= unit) & (signed != 0)]
    if not len(near):
        return NearTies(0, 0, 0.0, 0.0, unit)
    slope, z = fit_jump(np.abs(near), near > 0)
    expected = float(_sigmoid(slope * np.abs(near)).sum())
    return NearTies(len(near), int((near > 0).sum()), expected, z, unit)


def fit_jump(sizes: FloatArray, right: BoolArray) -> tuple[float, float]:
    """The slope without a jump, and how much better a jump explains what is right.

    Args:
        sizes: `(N,)` sizes of margins, positive.
        right: `(N,)` whether the answer is right.

    Returns:
        Slope in 0..`STEEPEST`, and the signed root of the likelihood ratio.

    Example:
        >>> sizes, right = np.linspace(0.01, 1, 100), np.arange(100) % 2 == 0
        >>> abs(fit_jump(sizes, right)[1]) < 0.5, fit_jump(sizes, sizes > 0)[1] > 5
        (True, True)
    """
    from scipy.optimize import minimize

    signs = np.where(right, 1.0, -1.0)
    terms = np.stack([np.ones_like(sizes), sizes])

    def compute_loss(weights: FloatArray) -> tuple[float, FloatArray]:
        logits = signs * (weights @ terms)
        # log(1 + exp(-x)) without overflow.
        return float(np.logaddexp(0, -logits).sum()), -(terms * (signs * _sigmoid(-logits))).sum(axis=1)

    def fit(start: FloatArray, bound: float) -> OptimizeResult:
        bounds = [(-bound, bound), (0, STEEPEST)]
        return minimize(compute_loss, start, jac=True, bounds=bounds, method="L-BFGS-B")

    smooth = fit(np.array([0.0, 1.0]), 0.0)
    # From there, so that a jump never explains less.
    jump = fit(smooth.x, MAX_INTERCEPT)
    gain = max(float(smooth.fun - jump.fun), 0.0)
    return float(smooth.x[1]), float(np.sign(jump.x[0]) * np.sqrt(2 * gain))


def _sigmoid(values: FloatArray) -> FloatArray:
    chances: FloatArray = 0.5 * (1 + np.tanh(values / 2))
    return chances
