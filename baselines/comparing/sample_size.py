"""The sample size for a given difference."""

from __future__ import annotations

import math
from statistics import NormalDist

from imagenet_g.benchmark.errors import InputError


def compute_paired_sample_size(
    difference: float, discordant: float, *, power: float = 0.8, alpha: float = 0.05
) -> int:
    """Images on which McNemar's test resolves a difference between two models.

    Args:
        difference: Difference in accuracy, a fraction, not 0.
        discordant: Share of images that only one of the models gets right, at least |difference|.
        power: Chance of finding the difference, in (0, 1).
        alpha: Two-sided level, in (0, 1).

    Raises:
        InputError: A value is out of range.

    Source: Connor 1987, "Sample size for testing differences in proportions for the paired-sample design".

    Example:
        >>> compute_paired_sample_size(0.01, 0.1)
        7847
        >>> compute_paired_sample_size(0.02, 0.1)
        1960
    """
    _validate(difference, power, alpha)
    if not abs(difference) <= discordant <= 1:
        raise InputError(
            f"A share of {discordant:g} discordant images is impossible for a difference of {difference:g}: "
            f"it must lie in [{abs(difference):g}, 1]."
        )
    level, chance = _quantiles(power, alpha)
    spread = math.sqrt(max(0.0, discordant - difference**2))
    return math.ceil((level * math.sqrt(discordant) + chance * spread) ** 2 / difference**2)


def compute_gap_sample_size(
    difference: float,
    accuracy: float,
    *,
    reference: float,
    reference_n: int,
    power: float = 0.8,
    alpha: float = 0.05,
) -> int:
    """Images of a shifted set on which a gap of this size differs from 0.

    Args:
        difference: The gap to resolve, a fraction, not 0.
        accuracy: Accuracy on the shifted set, in [0, 1].
        reference: Clean accuracy, in [0, 1].
        reference_n: Clean images it was measured on.
        power: Chance of finding the gap, in (0, 1).
        alpha: Two-sided level, in (0, 1).

    Raises:
        InputError: A value is out of range, or the clean set alone is too small.

    Source: the two-sample z test of proportions with unequal sizes.

    Example:
        >>> compute_gap_sample_size(0.05, 0.6, reference=0.76, reference_n=50_000)
        763
    """
    _validate(difference, power, alpha)
    for name, value in (("accuracy", accuracy), ("reference accuracy", reference)):
        if not 0 <= value <= 1:
            raise InputError(f"An {name} of {value:g} is not a fraction in [0, 1]; divide percent by 100.")
    if reference_n < 1:
        raise InputError(f"{reference_n} clean images are too few; give at least 1.")
    level, chance = _quantiles(power, alpha)
    left = (difference / (level + chance)) ** 2 - reference * (1 - reference) / reference_n
    if left <= 0:
        raise InputError(
            f"{reference_n} clean images leave the clean accuracy too uncertain to resolve {difference:g}; "
            "use a larger clean set."
        )
    return max(1, math.ceil(accuracy * (1 - accuracy) / left))


def compute_design_effect(images_per_class: float, intraclass: float) -> float:
    """Factor by which clustering raises the sample size: 1 + (m - 1) rho (Kish 1965).

    Args:
        images_per_class: m >= 1.
        intraclass: rho, correlation of two answers within a class, in [0, 1].

    Raises:
        InputError: A value is out of range.

    Example:
        >>> compute_design_effect(50, 0.02), compute_design_effect(1, 0.5)
        (1.98, 1.0)
    """
    if not 1 <= images_per_class < math.inf or not 0 <= intraclass <= 1:
        raise InputError(
            f"{images_per_class:g} images a class with correlation {intraclass:g}: "
            "need at least 1 image and a correlation in [0, 1]."
        )
    return 1 + (images_per_class - 1) * intraclass


def compute_independent_discordance(accuracy: float, difference: float) -> float:
    """Share of images that only one of two models gets right, if their errors were independent.

    Args:
        accuracy: Of one model, in [0, 1].
        difference: Of the other model's accuracy from it.

    Raises:
        InputError: An accuracy lies outside [0, 1].

    Example:
        >>> round(compute_independent_discordance(0.6, 0.1), 2)  # 0.6 * 0.3 + 0.7 * 0.4
        0.46
    """
    _validate_difference(difference)
    other = accuracy + difference
    if not (0 <= accuracy <= 1 and 0 <= other <= 1):
        raise InputError(
            f"An accuracy of {accuracy:g} and one that differs by {difference:g} must both be fractions in "
            "[0, 1]. Change --accuracy or --difference."
        )
    return accuracy * (1 - other) + other * (1 - accuracy)


def _validate_difference(difference: float) -> None:
    if not math.isfinite(difference):
        raise InputError(f"A difference of {difference:g} is not a number; give a fraction, such as 0.01.")
    if abs(difference) > 1:
        raise InputError(f"A difference of {difference:g} looks like percent; write {difference / 100:g}.")
    if difference == 0:
        raise InputError("No number of images resolves a difference of 0.")


def _validate(difference: float, power: float, alpha: float) -> None:
    _validate_difference(difference)
    for name, value in (("power", power), ("alpha", alpha)):
        if not 0 < value < 1:
            raise InputError(f"A {name} of {value:g} must lie in (0, 1).")


def _quantiles(power: float, alpha: float) -> tuple[float, float]:
    normal = NormalDist()
    return normal.inv_cdf(1 - alpha / 2), normal.inv_cdf(power)
