"""Two models on the same images, image by image: McNemar's test and error consistency.

On n images, b are right for A only and c for B only. Only b and c show which model is better.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.accuracy import BoolArray


@dataclass(frozen=True, slots=True, kw_only=True)
class McNemarTest:
    """McNemar 1947, exact.

    Attributes:
        only_first: b, images only the first model gets right.
        only_second: c, images only the second gets right.
        p_value: Two-sided, that b and c differ by chance.
    """

    only_first: int
    only_second: int
    p_value: float


def compute_mcnemar(only_first: int, only_second: int) -> McNemarTest:
    """Whether two models differ, from the images they disagree on: a two-sided binomial test of b and c.

    Raises:
        InputError: A count is negative.

    Example:
        >>> round(compute_mcnemar(1, 9).p_value, 6)  # 2 (1 + 10) / 2^10
        0.021484
        >>> compute_mcnemar(5, 5).p_value, compute_mcnemar(0, 0).p_value
        (1.0, 1.0)
    """
    if only_first < 0 or only_second < 0:
        raise InputError(f"Counts of images cannot be negative: {only_first}, {only_second}.")
    p_value = _compute_sign_test(*sorted((only_first, only_second)))
    return McNemarTest(only_first=only_first, only_second=only_second, p_value=p_value)


# A table by class needs a thousand tests of a few dozen small counts; scipy takes a millisecond for each.
@lru_cache(maxsize=10_000)
def _compute_sign_test(fewer: int, more: int) -> float:
    from scipy.stats import binomtest

    # Without any discordant image there is no evidence; binomtest refuses n = 0.
    return float(binomtest(fewer, fewer + more, 0.5).pvalue) if more else 1.0


def count_discordant(first: BoolArray, second: BoolArray) -> tuple[int, int]:
    """Images only the first model gets right, and images only the second does.

    Example:
        >>> count_discordant(np.array([True, True, False]), np.array([False, False, True]))
        (2, 1)
    """
    return int((first & ~second).sum()), int((second & ~first).sum())


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
