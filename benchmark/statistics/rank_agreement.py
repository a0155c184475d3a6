"""How two scores order the same models: ranks, and Kendall's tau-b.

With s_ij the sign of x_i - x_j and t_ij that of y_i - y_j over all pairs i < j,

    tau_b = sum s_ij t_ij / root(sum s_ij^2 * sum t_ij^2)

(Kendall 1945): 1 for the same order, -1 for the reverse; tied pairs count for neither.
"""

from __future__ import annotations

import numpy as np

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.accuracy import FloatArray

_TIE = 1e-12
"""Accuracies of one set that differ by less are equal but for rounding: no set has 10^12 images."""


def compute_kendall_tau(first: FloatArray, second: FloatArray) -> FloatArray:
    """Kendall's tau-b of the module's docstring, for many pairs of scores at once.

    Args:
        first: `(..., M)` scores of M models.
        second: `(..., M)` other scores of the same models; leading dimensions are broadcast.

    Returns:
        `(...)` float64 in [-1, 1]; NaN where all models are tied on a side, as with fewer than two.

    Raises:
        InputError: The numbers of models differ.

    Example:
        >>> scores = np.array([0.9, 0.8, 0.7])
        >>> compute_kendall_tau(scores, np.array([[0.5, 0.4, 0.3], [0.3, 0.4, 0.5]])).tolist()
        [1.0, -1.0]
    """
    if first.shape[-1] != second.shape[-1]:
        raise InputError(f"Scores of {first.shape[-1]} and {second.shape[-1]} models cannot be compared.")
    one, other = _list_signs(first), _list_signs(second)
    agreed = (one * other).sum(axis=-1)
    size = np.sqrt((one**2).sum(axis=-1) * (other**2).sum(axis=-1))
    tau = np.divide(agreed, size, out=np.full(np.shape(agreed), np.nan), where=size > 0)
    # Rounding of the root carries a perfect agreement beyond 1.
    return np.asarray(np.clip(tau, -1.0, 1.0))


def _list_signs(scores: FloatArray) -> FloatArray:
    rows, columns = np.triu_indices(scores.shape[-1], 1)
    differences = scores[..., rows] - scores[..., columns]
    return np.asarray(np.where(np.abs(differences) < _TIE, 0.0, np.sign(differences)))


def compute_mean_ranks(scores: FloatArray) -> FloatArray:
    """`(M,)` ranks, 1 for the highest score; tied models share the mean of their ranks.

    Example:
        >>> compute_mean_ranks(np.array([0.7, 0.9, 0.7])).tolist()
        [2.5, 1.0, 2.5]
    """
    differences = scores[:, None] - scores
    tied = np.abs(differences) < _TIE
    better = (differences < 0) & ~tied
    return np.asarray(better.sum(axis=1) + (tied.sum(axis=1) + 1) / 2, dtype=np.float64)
