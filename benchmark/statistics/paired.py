"""Two models on the same images: tests that use the pairing, pure functions over booleans.

On n images, b are right for A only and c for B only. Only b and c show which model is better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.accuracy import BoolArray, FloatArray

EXACT_BELOW = 1000
"""McNemar's test is exact below this many discordant images; above, the asymptotic one agrees with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class McNemarTest:
    """McNemar 1947.

    Attributes:
        only_first: b, images only the first model gets right.
        only_second: c, images only the second gets right.
        p_value: Two-sided, that b and c differ by chance.
        exact: Binomial when true, else chi-squared with Edwards' continuity correction.
    """

    only_first: int
    only_second: int
    p_value: float
    exact: bool


def compute_mcnemar(only_first: int, only_second: int) -> McNemarTest:
    """Whether two models differ, from the images they disagree on.

    Raises:
        InputError: A count is negative.
    """
    from scipy.stats import chi2

    if only_first < 0 or only_second < 0:
        raise InputError(f"Counts of images cannot be negative: {only_first}, {only_second}.")
    discordant = only_first + only_second
    exact = discordant < EXACT_BELOW
    if exact:
        p_value = compute_exact_mcnemar(only_first, only_second)
    else:
        statistic = (abs(only_first - only_second) - 1) ** 2 / discordant
        p_value = float(chi2.sf(statistic, 1))
    return McNemarTest(only_first=only_first, only_second=only_second, p_value=p_value, exact=exact)


def compute_exact_mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided binomial p-value that two counts of discordant images differ by chance; 1 without any.

    Example:
        >>> round(compute_exact_mcnemar(1, 9), 6)  # 2 (1 + 10) / 2^10
        0.021484
        >>> compute_exact_mcnemar(5, 5), compute_exact_mcnemar(0, 0)
        (1.0, 1.0)
    """
    from scipy.stats import binom

    discordant = only_first + only_second
    if discordant == 0:
        return 1.0
    return min(1.0, 2 * float(binom.cdf(min(only_first, only_second), discordant, 0.5)))


def compute_error_consistency(first: BoolArray, second: BoolArray) -> float | None:
    """Cohen's kappa of being right: agreement beyond what two such accuracies give by chance.

    Args:
        first: `(N,)` whether the first model is right.
        second: `(N,)` whether the second is.

    Returns:
        1 for the same errors, 0 for independent ones, negative for opposite ones; None where chance alone
        would make them agree on every image.

    Source: Geirhos, Meding and Wichmann 2020, "Beyond accuracy", Eq. 1-3.

    Example:
        >>> right = np.array([True, True, False, False])
        >>> compute_error_consistency(right, right), compute_error_consistency(right, ~right)
        (1.0, -1.0)
    """
    observed = float(np.mean(first == second))
    p, q = float(first.mean()), float(second.mean())
    expected = p * q + (1 - p) * (1 - q)
    return None if expected == 1.0 else (observed - expected) / (1 - expected)


def adjust_holm(p_values: npt.ArrayLike) -> FloatArray:
    """p-values that keep the chance of any false finding below the level (Holm 1979): `(K,)`.

    Example:
        >>> adjust_holm([0.01, 0.04, 0.03]).round(6).tolist()
        [0.03, 0.06, 0.06]
    """
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    factors = np.arange(len(given), 0, -1)
    raised = np.minimum(1.0, np.maximum.accumulate(given[order] * factors)) if len(given) else given
    adjusted = np.empty_like(given)
    adjusted[order] = raised
    return adjusted


def adjust_benjamini_hochberg(p_values: npt.ArrayLike) -> FloatArray:
    """p-values that keep the share of false findings below the level (Benjamini, Hochberg 1995): `(K,)`.

    Example:
        >>> adjust_benjamini_hochberg([0.01, 0.04, 0.03]).round(6).tolist()
        [0.03, 0.04, 0.04]
    """
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    factors = len(given) / np.arange(1, len(given) + 1)
    lowered = np.minimum.accumulate((given[order] * factors)[::-1])[::-1] if len(given) else given
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(1.0, lowered)
    return adjusted


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTable:
    """Two models within each group of images; arrays of G rows, groups in sorted order.

    Attributes:
        names: Group names.
        num_images: Images in each.
        first_right: Right answers of the first model.
        second_right: Right answers of the second.
        p_values: McNemar, within the group.
        p_holm: After Holm's correction over the groups.
        p_fdr: After Benjamini and Hochberg's.
    """

    names: tuple[str, ...]
    num_images: npt.NDArray[np.int64]
    first_right: npt.NDArray[np.int64]
    second_right: npt.NDArray[np.int64]
    p_values: FloatArray
    p_holm: FloatArray
    p_fdr: FloatArray

    @property
    def differences(self) -> FloatArray:
        """Accuracy of the first less that of the second in each group."""
        return np.asarray((self.first_right - self.second_right) / self.num_images)


def build_group_table(first: BoolArray, second: BoolArray, groups: npt.ArrayLike) -> GroupTable:
    """Compare two models within groups of images, such as classes or recipes.

    Args:
        first: `(N,)` whether the first model is right.
        second: `(N,)` whether the second is.
        groups: `(N,)` name of each image's group.

    Example:
        >>> first, second = np.array([True, True, False]), np.array([True, False, False])
        >>> table = build_group_table(first, second, ["a", "b", "b"])
        >>> table.names, table.differences.tolist()
        (('a', 'b'), [0.0, 0.5])
    """
    names, index = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True)

    def count(mask: BoolArray) -> npt.NDArray[np.int64]:
        return np.bincount(index[mask], minlength=len(names)).astype(np.int64)

    only_first, only_second = count(first & ~second), count(second & ~first)
    p_values = np.array(
        [compute_mcnemar(int(b), int(c)).p_value for b, c in zip(only_first, only_second, strict=True)]
    )
    return GroupTable(
        names=tuple(str(name) for name in names),
        num_images=np.bincount(index, minlength=len(names)).astype(np.int64),
        first_right=count(first),
        second_right=count(second),
        p_values=p_values,
        p_holm=adjust_holm(p_values),
        p_fdr=adjust_benjamini_hochberg(p_values),
    )
