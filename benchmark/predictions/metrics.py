"""Every metric is one row: what it is called, how it is computed, and how it is shown.

The result file, the terminal's tables, the checks of a submission, the board's table, its CSV and its sorting
all read the rows of `load_metrics`. A package outside adds a row by an entry point of the group
`imagenet_g.metrics` that names a `Metric`. A metric is computed from one split's stored predictions alone;
what needs a second set, such as the accuracy gap, has its own place in a result.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache as remember
from importlib.metadata import EntryPoint

from imagenet_g.benchmark.classes import NUM_CLASSES
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.plugins import list_points, load_point, make_broken, name_package
from imagenet_g.benchmark.predictions.calibration_rules import (
    AURC_RULE,
    BRIER_RULE,
    ECE_RULE,
    NLL_RULE,
    SELECTIVE_RULE,
    compute_aurc_of,
    compute_brier,
    compute_debiased_ece_of,
    compute_ece_of,
    compute_nll,
    compute_selective_accuracy,
)
from imagenet_g.benchmark.predictions.interval_rules import (
    CLASS_MEANS,
    WILSON,
)
from imagenet_g.benchmark.predictions.metric import NATS, PLAIN, Metric
from imagenet_g.benchmark.predictions.scored_images import ScoredImages
from imagenet_g.benchmark.results import METRIC_PATTERN
from imagenet_g.benchmark.statistics.accuracy import (
    compute_class_counts,
    compute_correct,
    compute_mean_per_class,
)

METRIC_GROUP = "imagenet_g.metrics"
OWN_PACKAGE = "imagenet-g"


def compute_top1(images: ScoredImages) -> float:
    """Share of the images whose first answer is right."""
    return float(compute_correct(images.top5.indices, images.labels, k=1).mean())


def compute_top5(images: ScoredImages) -> float | None:
    """Share of the images with a right answer among the best five; None where only a first one is known."""
    if not images.has_ranks:
        return None
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
    Metric(
        name="ece",
        title="ECE",
        help="Expected calibration error of the first answer in 15 bins; chance alone makes it larger",
        function=compute_ece_of,
        interval=ECE_RULE,
        higher_is_better=False,
    ),
    Metric(
        name="ece_debiased",
        title="ECE, debiased",
        help="Expected calibration error without what chance adds (Kumar et al. 2019)",
        function=compute_debiased_ece_of,
        interval=ECE_RULE,
        higher_is_better=False,
    ),
    Metric(
        name="brier",
        title="Brier",
        help="Squared distance of all probabilities from the right ones, 0 to 2",
        function=compute_brier,
        interval=BRIER_RULE,
        unit=PLAIN,
        higher_is_better=False,
        high=2.0,
    ),
    Metric(
        name="nll",
        title="NLL",
        help="Mean negative log of the probability of the right answer",
        function=compute_nll,
        interval=NLL_RULE,
        unit=NATS,
        higher_is_better=False,
        high=None,
    ),
    Metric(
        name="aurc",
        title="AURC",
        help="Share of wrong answers among the most confident ones, averaged over every coverage",
        function=compute_aurc_of,
        interval=AURC_RULE,
        higher_is_better=False,
    ),
    Metric(
        name="accuracy_at_80",
        title="top-1 at 80 % coverage",
        help="Top-1 on the 80 % of the images with the most confident answers",
        function=compute_selective_accuracy,
        interval=SELECTIVE_RULE,
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
