"""Resampled architecture families, and the line refitted in each resample."""

from __future__ import annotations

import numpy as np

from imagenet_g.benchmark.robustness.fits import make_design
from imagenet_g.benchmark.statistics.accuracy import FloatArray


def compute_effective_families(families: tuple[str, ...]) -> float:
    """How many families of equal size these are worth: (sum m)^2 / sum m^2, for m models in each.

    A bootstrap over clusters of very unequal size is too narrow; counting the large ones for what they weigh
    repairs it (Carter, Schnepel and Steigerwald 2017).

    Example:
        >>> compute_effective_families(("resnet", "vit", "swin")), compute_effective_families(("vit", "vit"))
        (3.0, 1.0)
        >>> round(compute_effective_families(("resnet",) * 8 + ("vit", "swin")), 2)  # three in name only
        1.52
    """
    _, sizes = np.unique(np.array(families), return_counts=True)
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def draw_model_weights(
    families: tuple[str, ...], *, num_resamples: int, rng: np.random.Generator
) -> FloatArray:
    """How much each model weighs in each resample of families: `(B, M)`.

    Families get uniform Dirichlet weights (the Bayesian bootstrap of Rubin 1981), which have nearly the
    variance of drawing with replacement but never leave a line without two distinct models.

    Example:
        >>> weights = draw_model_weights(
        ...     ("vit", "vit", "swin"), num_resamples=4, rng=np.random.default_rng(0)
        ... )
        >>> weights.shape, bool((weights[:, 0] == weights[:, 1]).all())  # a family moves as one
        ((4, 3), True)
    """
    names, index = np.unique(np.array(families), return_inverse=True)
    drawn = rng.standard_exponential((num_resamples, len(names)))
    # Exponential draws over their mean are Dirichlet weights that sum to the number of families.
    return np.asarray((drawn / drawn.mean(axis=1, keepdims=True))[:, index])


def fit_weighted_lines(reference: FloatArray, shifted: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted least squares in every resample.

    Args:
        reference: `(B or 1, M, K)` clean accuracies on the link's scale.
        shifted: `(B or 1, M)` shifted accuracies on the link's scale.
        weights: `(B or 1, M)`, >= 0.

    Returns:
        `(B, K + 1)` coefficients, intercept first.

    Example:
        >>> clean, shifted = np.array([[[0.0], [1.0], [2.0]]]), np.array([[1.0, 3.0, 9.0]])
        >>> fit_weighted_lines(clean, shifted, np.array([[1.0, 1.0, 0.0]])).round(6).tolist()  # 1 + 2 x
        [[1.0, 2.0]]
    """
    design = make_design(reference)
    weighted = design * weights[..., None]
    gram = np.swapaxes(weighted, -1, -2) @ design
    moment = np.swapaxes(weighted, -1, -2) @ shifted[..., None]
    # A resample of few models may leave no line; the least-norm one stands in, as least squares would give.
    return np.asarray((np.linalg.pinv(gram, hermitian=True) @ moment)[..., 0])


def predict_weighted(
    reference: FloatArray, shifted: FloatArray, weights: FloatArray, clean: FloatArray
) -> FloatArray:
    """Height of the lines of `fit_weighted_lines` at one point each: `(B,)`; in closed form for one axis.

    Args:
        reference: `(B or 1, M, K)` clean accuracies on the link's scale.
        shifted: `(B or 1, M)` shifted accuracies on the link's scale.
        weights: `(B or 1, M)`, >= 0, not all 0.
        clean: `(B or 1, K)` where to read the lines, on the link's scale.

    Example:
        >>> clean, shifted = np.array([[[0.0], [1.0], [2.0]]]), np.array([[1.0, 3.0, 9.0]])
        >>> predict_weighted(clean, shifted, np.array([[1.0, 1.0, 0.0]]), np.array([[3.0]])).tolist()
        [7.0]
    """
    if reference.shape[-1] > 1:
        lines = fit_weighted_lines(reference, shifted, weights)
        return np.asarray((lines * make_design(clean)).sum(axis=-1))
    share = weights / weights.sum(axis=-1, keepdims=True)
    x, y = reference[..., 0], shifted
    centre, height = (share * x).sum(axis=-1), (share * y).sum(axis=-1)
    off = x - centre[:, None]
    moment, spread = (share * off * y).sum(axis=-1), (share * off**2).sum(axis=-1)
    # Models of one clean accuracy leave the slope open; a flat line stands in, as the least-norm one above.
    slope = np.divide(moment, spread, out=np.zeros_like(moment * spread), where=spread > 1e-24)
    return np.asarray(height + slope * (clean[:, 0] - centre))
