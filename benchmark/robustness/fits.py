"""The line that predicts the accuracy: ordinary least squares on link axes.

For clean accuracies x_1..x_K and shifted accuracy y, with link f, the baseline models S give

    min over a, b of  sum over i in S of (f(y_i) - a - sum_k b_k f(x_ik))^2          (unweighted)

and beta(x) = f^-1(a + sum_k b_k f(x_k)). Effective robustness is ER = y - beta(x), taken after inverting
the link (Bansal and Grover 2023, Eq. 2; Taori et al. 2020, section 4). K > 1 is the multi-ID form of Shi et
al. 2023.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.records import Count, FileModel, Fraction, Sha256
from imagenet_g.benchmark.robustness.links import LinkName, apply_fit_link, invert_link, parse_link
from imagenet_g.benchmark.robustness.points import BaselinePoints, validate_points
from imagenet_g.benchmark.statistics.accuracy import FloatArray

WEAK_R2 = 0.8
"""Below this the accuracy gap is shown first and the effective robustness is called weak."""


class LineFit(FileModel):
    """A fitted baseline line, with all that its bands need."""

    baseline: str
    baseline_sha256: Sha256
    target: str
    axes: tuple[str, ...]
    link: LinkName
    intercept: float
    slopes: tuple[float, ...]
    r2: float
    """Share of variance explained on the link's scale."""
    num_models: Count
    num_families: Count
    reference_n: tuple[Count, ...]
    reference_low: tuple[Fraction, ...]
    reference_high: tuple[Fraction, ...]
    residual_sd: float | None
    """On the link's scale, K + 1 degrees of freedom taken off; null where none are left."""
    unscaled_covariance: tuple[tuple[float, ...], ...]
    """(X'X)^-1 of the design with its column of ones first."""

    @property
    def weak(self) -> bool:
        """Whether the line explains too little to judge a single model by."""
        return self.r2 < WEAK_R2

    def is_extrapolated(self, reference: npt.ArrayLike) -> bool:
        """Whether a clean accuracy lies outside the baseline models' own."""
        given = np.atleast_1d(np.asarray(reference, dtype=np.float64))
        return bool(((given < np.array(self.reference_low)) | (given > np.array(self.reference_high))).any())


def fit_line(points: BaselinePoints, link: str) -> LineFit:
    """Least squares through all points on link axes.

    Raises:
        InputError: The points break `validate_points`, or the clean axes repeat one another.
        UnknownNameError: There is no such link.

    Example:
        >>> clean = np.array([[0.5], [0.6], [0.7], [0.8], [0.9]])
        >>> points = BaselinePoints(baseline="b", baseline_sha256="0" * 64, target="t", axes=("clean",),
        ...                         models=tuple("vwxyz"), families=tuple("vwxyz"), reference=clean,
        ...                         shifted=2 * clean[:, 0] - 1, reference_n=(1000,), shifted_n=1000)
        >>> fit = fit_line(points, "linear")

        >>> round(fit.intercept, 6), round(fit.slopes[0], 6), round(fit.r2, 6)
        (-1.0, 2.0, 1.0)
        >>> predict_top1(fit, 0.75).round(6).tolist()
        [0.5]
        >>> compute_effective_robustness(fit, reference=0.75, shifted=0.6).round(6).tolist()
        [0.1]
        >>> fit.is_extrapolated(0.75), fit.is_extrapolated(0.95)
        (False, True)
    """
    name = parse_link(link)
    validate_points(points)
    design = make_design(apply_fit_link(points.reference, points.reference_n, name))
    outcome = apply_fit_link(points.shifted, points.shifted_n, name)
    coefficients, _, rank, _ = np.linalg.lstsq(design, outcome, rcond=None)
    # lstsq would return the shortest of many solutions, and its slopes would mean nothing.
    if rank < design.shape[1]:
        raise InputError(
            f"The clean axes {', '.join(points.axes)} are collinear over these models; leave one out."
        )
    residuals = outcome - design @ coefficients
    freedom = len(outcome) - design.shape[1]
    squares = float(residuals @ residuals)
    return LineFit(
        baseline=points.baseline,
        baseline_sha256=points.baseline_sha256,
        target=points.target,
        axes=points.axes,
        link=name,
        intercept=float(coefficients[0]),
        slopes=tuple(float(slope) for slope in coefficients[1:]),
        r2=_compute_r2(outcome, squares),
        num_models=len(points.models),
        num_families=len(set(points.families)),
        reference_n=points.reference_n,
        reference_low=tuple(float(value) for value in points.reference.min(axis=0)),
        reference_high=tuple(float(value) for value in points.reference.max(axis=0)),
        residual_sd=math.sqrt(squares / freedom) if freedom > 0 else None,
        unscaled_covariance=tuple(
            tuple(float(cell) for cell in row) for row in np.linalg.inv(design.T @ design)
        ),
    )


def make_design(linked: FloatArray) -> FloatArray:
    """`(..., M, K)` linked clean accuracies to `(..., M, K + 1)` with a column of ones first.

    Example:
        >>> make_design(np.array([[0.2], [0.4]])).tolist()
        [[1.0, 0.2], [1.0, 0.4]]
    """
    return np.concatenate([np.ones((*linked.shape[:-1], 1)), linked], axis=-1)


def _compute_r2(outcome: FloatArray, squares: float) -> float:
    total = float(((outcome - outcome.mean()) ** 2).sum())
    # Points all at one height: the line fits them, and explains nothing.
    return 1.0 - squares / total if total > 0 else 0.0


def predict_linked(fit: LineFit, reference: npt.ArrayLike) -> FloatArray:
    """The line's height on the link's scale at `(N, K)` clean accuracies: `(N,)`."""
    linked = apply_fit_link(_make_rows(fit, reference), fit.reference_n, fit.link)
    return np.asarray(fit.intercept + linked @ np.array(fit.slopes))


def predict_top1(fit: LineFit, reference: npt.ArrayLike) -> FloatArray:
    """beta(x): expected accuracy on the shifted set.

    Args:
        fit: The line.
        reference: `(N, K)` clean accuracies, or `(N,)` or a number where K = 1.

    Returns:
        `(N,)` fractions in [0, 1].
    """
    return invert_link(predict_linked(fit, reference), fit.link)


def compute_effective_robustness(
    fit: LineFit, *, reference: npt.ArrayLike, shifted: npt.ArrayLike
) -> FloatArray:
    """ER = y - beta(x), in accuracy (a fraction), positive above the line: `(N,)`."""
    return np.asarray(np.atleast_1d(np.asarray(shifted, dtype=np.float64)) - predict_top1(fit, reference))


def compute_band(
    fit: LineFit, reference: npt.ArrayLike, *, kind: str = "prediction", confidence: float = 0.95
) -> tuple[FloatArray, FloatArray]:
    """Where the line, or the next standard model, lies with the given confidence.

    Args:
        fit: The line.
        reference: Clean accuracies as for `predict_top1`.
        kind: "line" for the mean line, "prediction" for one more model.
        confidence: Coverage in (0, 1), under independent normal residuals on the link's scale.

    Returns:
        Lower and upper `(N,)` fractions.

    Raises:
        InputError: The fit has no degree of freedom left.
    """
    from scipy.stats import t

    if fit.residual_sd is None:
        raise InputError(f"The fit of '{fit.baseline}' has no degrees of freedom left for a band.")
    linked = make_design(apply_fit_link(_make_rows(fit, reference), fit.reference_n, fit.link))
    leverage = np.einsum("nk,kl,nl->n", linked, np.array(fit.unscaled_covariance), linked)
    # The scatter of one more model about the line, beside the doubt about the line itself.
    own = 1.0 if kind == "prediction" else 0.0
    freedom = fit.num_models - len(fit.slopes) - 1
    reach = t.ppf(0.5 + confidence / 2, freedom) * fit.residual_sd * np.sqrt(own + leverage)
    height = predict_linked(fit, reference)
    # Inverted last: the band is symmetric on the link's scale only, and stays inside [0, 1] this way.
    return invert_link(height - reach, fit.link), invert_link(height + reach, fit.link)


def _make_rows(fit: LineFit, reference: npt.ArrayLike) -> FloatArray:
    return np.asarray(reference, dtype=np.float64).reshape(-1, len(fit.slopes))
