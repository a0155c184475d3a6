"""Two shares of independent images, compared: the difference, its interval and an exact test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from imagenet_g.benchmark.statistics.corrections import adjust_benjamini_hochberg
from imagenet_g.benchmark.statistics.intervals import (
    CONFIDENCE,
    compute_difference_interval,
    compute_wilson_interval,
)

# The minus sign of typography (U+2212): as wide as a plus, so that columns line up.
MINUS = "−"


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many images."""

    count: int
    total: int

    @property
    def value(self) -> float:
        """As a fraction."""
        return self.count / self.total

    @property
    def bounds(self) -> tuple[float, float]:
        """Its Wilson interval at 95 %."""
        return compute_wilson_interval(self.count, self.total, confidence=CONFIDENCE)


@dataclass(frozen=True, slots=True)
class ShareChange:
    """One share less another.

    Attributes:
        value: The difference in [-1, 1].
        low: Lower bound of its 95 % interval.
        high: Upper bound.
        p_value: Of Fisher's exact test, two-sided.
    """

    value: float
    low: float
    high: float
    p_value: float


# A thousand classes of 50 images have few different quadruples of counts.
@lru_cache(maxsize=200_000)
def compare_shares(first: Share, second: Share) -> ShareChange:
    """The first share less the second, for images that are drawn independently.

    That holds within one class, where there is nothing to cluster by; over several classes it does not.
    Newcombe's interval (1998, method 10), Fisher's exact test.

    Example:
        >>> change = compare_shares(Share(2, 10), Share(9, 10))
        >>> round(change.value, 2), round(change.low, 2), round(change.high, 2), round(change.p_value, 4)
        (-0.7, -0.87, -0.27, 0.0055)
    """
    from scipy.stats import fisher_exact

    low, high = compute_difference_interval((first.value, *first.bounds), (second.value, *second.bounds))
    table = np.array([[share.count, share.total - share.count] for share in (first, second)])
    return ShareChange(first.value - second.value, low, high, float(fisher_exact(table).pvalue))


def adjust_changes(changes: Sequence[ShareChange | None]) -> tuple[float | None, ...]:
    """p-values at a false discovery rate over all the comparisons that could be made; None for the others."""
    p_values = [change.p_value for change in changes if change is not None]
    adjusted = iter(adjust_benjamini_hochberg(p_values) if p_values else ())
    return tuple(None if change is None else float(next(adjusted)) for change in changes)


def format_share(share: Share) -> str:
    """As a reader counts it.

    Example:
        >>> format_share(Share(3, 10))
        '3 of 10'
    """
    return f"{share.count} of {share.total}"


def format_points(value: float) -> str:
    """A difference in whole percentage points with its sign.

    Example:
        >>> format_points(-0.25), format_points(0.04), format_points(-0.001)
        ('−25', '+4', '0')
    """
    rounded = round(100 * value)
    return f"{'+' if rounded > 0 else MINUS if rounded < 0 else ''}{abs(rounded)}"
