"""Every metric is one row: what it is called, how it is computed, and how it is shown.

The result file, the terminal's tables, the checks of a submission, the board's table, its CSV and its sorting
all read the rows of `load_metrics`. A package outside adds a row by an entry point of the group
`imagenet_g.metrics` that names a `Metric`. A metric is computed from one split's stored predictions alone;
what needs a second set, such as the accuracy gap, has its own place in a result.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache as remember
from importlib.metadata import EntryPoint

from imagenet_g.benchmark.classes import NUM_CLASSES
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.plugins import list_points, load_point, make_broken, name_package
from imagenet_g.benchmark.predictions.interval_rules import (
    CLASS_MEANS,
    WILSON,
    Bounds,
    IntervalRule,
    MetricFunction,
)
from imagenet_g.benchmark.predictions.scored_images import ScoredImages
from imagenet_g.benchmark.records import MetricEstimate
from imagenet_g.benchmark.results import METRIC_PATTERN
from imagenet_g.benchmark.statistics.accuracy import (
    compute_class_counts,
    compute_correct,
    compute_mean_per_class,
)

METRIC_GROUP = "imagenet_g.metrics"
OWN_PACKAGE = "imagenet-g"
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


def compute_top1(images: ScoredImages) -> float:
    """Share of the images whose first answer is right."""
    return float(compute_correct(images.top5.indices, images.labels, k=1).mean())


def compute_top5(images: ScoredImages) -> float:
    """Share of the images with a right answer among the best five."""
    return float(compute_correct(images.top5.indices, images.labels, k=5).mean())


def compute_mean_per_class_top1(images: ScoredImages) -> float:
    """Top-1 averaged over classes, each class weighing the same."""
    correct = compute_correct(images.top5.indices, images.labels, k=1)
    return compute_mean_per_class(*compute_class_counts(correct, images.classes, num_clusters=NUM_CLASSES))


TOP1 = Metric(
    name="top1",
    title="top-1",
    help="Accuracy with its 95 % Wilson interval",
    function=compute_top1,
    interval=WILSON,
    prominent=True,
)
"""The one that gaps, lines and ranks are about: every score has it."""
BUILT_IN: tuple[Metric, ...] = (
    TOP1,
    Metric(
        name="top5",
        title="top-5",
        help="Accuracy among the best five",
        function=compute_top5,
        interval=WILSON,
        not_below="top1",
        prominent=True,
    ),
    Metric(
        name="mean_per_class_top1",
        title="mean per class",
        help="Top-1 averaged over classes, each class weighing the same",
        function=compute_mean_per_class_top1,
        interval=CLASS_MEANS,
    ),
)


@remember
def load_metrics() -> Mapping[str, Metric]:
    """Every metric by name: those of the package, then those of other packages. Do not mutate.

    Raises:
        InputError: Another package's entry point cannot be loaded or names no metric, or a name comes twice.
    """
    points = (point for found in list_points(METRIC_GROUP).values() for point in found)
    outside = ((name_package(point), metric) for point in points for metric in _load_point(point))
    return index_metrics((*((OWN_PACKAGE, metric) for metric in BUILT_IN), *outside))


def index_metrics(rows: Iterable[tuple[str, Metric]]) -> Mapping[str, Metric]:
    """Metrics by name, in their order.

    Args:
        rows: The package of a metric, and the metric.

    Raises:
        InputError: A name is no key, or comes twice.
    """
    found: dict[str, Metric] = {}
    owners: dict[str, str] = {}
    for owner, metric in rows:
        if not re.fullmatch(METRIC_PATTERN, metric.name):
            raise InputError(f"'{metric.name}' cannot name a metric; use lower-case letters, digits and '_'.")
        if metric.name in found:
            raise InputError(_format_clash(metric.name, owners[metric.name], owner))
        found[metric.name], owners[metric.name] = metric, owner
    return found


def _format_clash(name: str, first: str, second: str) -> str:
    if first == second:
        return f"{first} has two metrics '{name}'. Rename one of them."
    if first == OWN_PACKAGE:
        return (
            f"The metric '{name}' is built in, and {second} adds another one. "
            f"Uninstall {second}, or rename its metric."
        )
    return f"There are two metrics '{name}', of {first} and of {second}. Uninstall one of these packages."


def _load_point(point: EntryPoint) -> tuple[Metric, ...]:
    loaded = load_point(point, "metric")
    if isinstance(loaded, Metric):
        return (loaded,)
    if isinstance(loaded, (list, tuple)) and all(isinstance(metric, Metric) for metric in loaded):
        return tuple(loaded)
    raise make_broken(point, "metric", f"'{point.value}' names no Metric and no sequence of them")
