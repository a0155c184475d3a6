"""Numbers of a result as text. Percent appears here and nowhere below."""

from __future__ import annotations

from imagenet_g.benchmark.predictions.metric import MINUS
from imagenet_g.benchmark.predictions.metrics import load_metrics
from imagenet_g.benchmark.records import Difference, Estimate, Fraction, MetricEstimate
from imagenet_g.benchmark.results import Gap

_ROUNDING = 1e-9


def format_estimate(name: str, estimate: MetricEstimate | None) -> str:
    """A metric with its interval in its unit; as it stands in the file where no installed package has it.

    >>> format_estimate("top1", MetricEstimate(value=0.5, low=0.25, high=0.75, method="wilson", right=2))
    '50.00 (25.0 to 75.0)'
    >>> format_estimate("other", MetricEstimate(value=0.5, low=None, high=None, method="none", right=None))
    '0.5'
    """
    metric = load_metrics().get(name)
    if estimate is None:
        return "not stored"
    if metric is None:
        return f"{estimate.value:g}"
    if estimate.low is None or estimate.high is None:
        return metric.format_value(estimate.value)
    digits = max(metric.unit.digits - 1, 0)
    low, high = (metric.format_value(bound, digits) for bound in (estimate.low, estimate.high))
    return f"{metric.format_value(estimate.value)} ({low} to {high})"


def format_percent(value: Fraction, digits: int = 2) -> str:
    """A fraction as percent without the sign: 0.7483 is "74.83".

    Example:
        >>> format_percent(0.7483), format_percent(1, digits=0)
        ('74.83', '100')
    """
    return f"{100 * value:.{digits}f}"


def format_points(value: Difference, digits: int = 2) -> str:
    """A difference of fractions as signed percentage points: -0.2335 is "−23.35".

    Example:
        >>> format_points(-0.2335), format_points(0.01), format_points(-0.00001)
        ('−23.35', '+1.00', '+0.00')
    """
    # The sign is set after rounding: -0.00001 must not be shown as "−0.00".
    text = f"{100 * abs(value):.{digits}f}"
    return f"{MINUS if value < 0 and float(text) else '+'}{text}"


def format_interval(estimate: Estimate) -> str:
    """Bounds in percent, such as 72.1 to 77.4, or unknown.

    Example:
        >>> format_interval(Estimate(value=0.75, low=0.721, high=0.774, method="wilson"))
        '72.1 to 77.4'
        >>> format_interval(Estimate(value=0.75, low=None, high=None, method="none"))
        'unknown'
    """
    if estimate.low is None or estimate.high is None:
        return "unknown"
    return f"{format_percent(estimate.low, 1)} to {format_percent(estimate.high, 1)}"


def format_gap_interval(gap: Gap) -> str:
    """The interval of a gap in signed points, or "unknown"."""
    if gap.low is None or gap.high is None:
        return "unknown"
    return f"{format_points(gap.low, 1)} to {format_points(gap.high, 1)}"


def format_change(value: Difference, digits: int = 1) -> str:
    """A difference of fractions in signed points, with the digits that show its sign.

    Example:
        >>> format_change(-0.238), format_change(0.0004), format_change(-0.000004), format_change(0)
        ('−23.8', '+0.04', '−0.0004', '0.0')
    """
    # What is left of a difference of equal numbers.
    if abs(value) < _ROUNDING:
        return f"{0:.{digits}f}"
    # A bound of +0.04 that is shown as 0.0 would seem to lie on the other side of 0.
    while float(f"{100 * abs(value):.{digits}f}") == 0:
        digits += 1
    return f"{MINUS if value < 0 else '+'}{100 * abs(value):.{digits}f}"
