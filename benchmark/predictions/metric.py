"""What a metric is: how it is called, computed, bounded and shown."""

from __future__ import annotations

from dataclasses import dataclass

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.predictions.interval_rules import WILSON, Bounds, IntervalRule, MetricFunction
from imagenet_g.benchmark.predictions.scored_images import ScoredImages
from imagenet_g.benchmark.records import MetricEstimate

# The minus sign of typography (U+2212): as wide as a plus, so that columns line up.
MINUS = "−"


@dataclass(frozen=True, slots=True)
class Unit:
    """How a value is written.

    Attributes:
        symbol: Behind the title; empty for a plain number.
        factor: What a value is multiplied by.
        digits: Decimals.
    """

    symbol: str
    factor: float
    digits: int


PERCENT = Unit("%", 100, 2)
PLAIN = Unit("", 1, 4)
NATS = Unit("nats", 1, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One row.

    Attributes:
        name: Key in a result, column of the board and word in its address: lower-case letters, digits, "_".
        title: What readers see, such as "top-1"; without the unit.
        help: One sentence on what it is.
        function: The value on some images, at least one.
        interval: How its interval is computed.
        unit: How it is written.
        higher_is_better: Which way is up: the board sorts the best first. None where neither way is better,
            as for a share of some kind of answer: the board then sorts the highest first.
        low: The least value there can be; None for no bound.
        high: The greatest value there can be; None for no bound.
        not_below: A metric of the same unit that this one cannot be below, as top-5 cannot be below top-1.
        prominent: Whether it stands in the first table of the terminal; the others have a second one.
    """

    name: str
    title: str
    help: str
    function: MetricFunction
    interval: IntervalRule
    unit: Unit = PERCENT
    higher_is_better: bool | None = True
    low: float | None = 0.0
    high: float | None = 1.0
    not_below: str | None = None
    prominent: bool = False

    @property
    def heading(self) -> str:
        """The title of its column, with the unit: "Top-1, %"."""
        # Not `capitalize`, which would put the rest of an abbreviation into lower case.
        title = self.title[:1].upper() + self.title[1:]
        return f"{title}, {self.unit.symbol}" if self.unit.symbol else title

    def format_value(self, value: float, digits: int | None = None) -> str:
        """A value as it is shown, without the unit's symbol."""
        text = f"{abs(self.unit.factor * value):.{self.unit.digits if digits is None else digits}f}"
        return f"{MINUS if value < 0 and float(text) else ''}{text}"

    def allows(self, value: float) -> bool:
        """Whether a value lies within the bounds."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


def estimate_metric(metric: Metric, images: ScoredImages, *, widened: bool = True) -> MetricEstimate | None:
    """A metric's value with its interval; None where the predictions do not hold what it needs.

    Args:
        metric: The row.
        images: What it is computed on, at least one image.
        widened: Widen the interval to the noise within classes; False for the rules of earlier results.

    Raises:
        InputError: The value lies outside the metric's own bounds, so its row or its function is wrong.
    """
    value = metric.function(images)
    if value is None:
        return None
    if not metric.allows(value):
        raise InputError(
            f"Metric '{metric.name}' gave {value}; its row allows {metric.low} to {metric.high}."
        )
    # Student's t leaves the range of a share where few classes differ much.
    rule = metric.interval if widened else metric.interval.earlier or metric.interval
    bounds = _clip(metric, rule.compute(images, value, metric.function))
    return MetricEstimate(
        value=value,
        low=None if bounds is None else bounds[0],
        high=None if bounds is None else bounds[1],
        method="none" if bounds is None else rule.name,
        # Rounded, because k / n * n may miss k by a rounding error.
        right=round(value * len(images)) if metric.interval is WILSON else None,
    )


def _clip(metric: Metric, bounds: Bounds) -> Bounds:
    if bounds is None:
        return None
    low, high = bounds
    return (
        low if metric.low is None else max(low, metric.low),
        high if metric.high is None else min(high, metric.high),
    )
