"""Do the intervals cover? The shipped functions, on simulated benchmarks whose truth is known.

`worlds` says what is simulated. Every replication is a new benchmark, baseline and evaluated model; the gap
goes through `statistics.gaps.compute_gap_interval`, the effective robustness through
`robustness.intervals.compute_interval`, as in a result. The naive intervals (independent images, the line
taken as known) are computed on the same data.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from importlib.resources import files

from imagenet_g.baselines.lines.worlds import Replication, World, draw_replications
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.robustness.fits import compute_effective_robustness, fit_line
from imagenet_g.benchmark.robustness.intervals import compute_interval
from imagenet_g.benchmark.statistics.gaps import compute_gap_interval
from imagenet_g.benchmark.statistics.intervals import find_student_quantile
from imagenet_g.benchmark.statistics.observations import Observation

LOWEST, HIGHEST = 0.93, 0.98
"""What the coverage of a nominal 95 % interval should lie between."""
FEW_ANSWERS = 10.0
"""Below so many expected right or wrong answers an interval may cover more often."""
FEW_MODELS = 5
"""With so few models an interval of effective robustness may cover more often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Shares of the replications of one world, and how it was simulated.

    Attributes:
        num_classes: Of the world.
        images_per_class: On either set.
        clean: True clean accuracy of the evaluated model.
        shifted: True accuracy on the shifted set.
        class_sd: Spread of classes on the logit scale.
        num_families: Of the baseline.
        num_models: Of the baseline.
        fewest_expected: Right or wrong answers of the evaluated model where fewest are expected.
        seed: Of the draws.
        replications: Number of simulated benchmarks.
        gap: Share whose interval of the gap holds the true one.
        gap_below: Share where the truth lies below it.
        gap_above: Share where it lies above.
        gap_naive: Share of the intervals that take images as independent.
        robustness: As `gap`, for effective robustness, of those that have an interval.
        robustness_below: As `gap_below`.
        robustness_above: As `gap_above`.
        robustness_naive: As `gap_naive`, the line taken as known.
        no_line: Share of replications without a line or without an interval.
    """

    num_classes: int
    images_per_class: int
    clean: float
    shifted: float
    class_sd: float
    num_families: int
    num_models: int
    fewest_expected: float
    seed: int
    replications: int
    gap: float
    gap_below: float
    gap_above: float
    gap_naive: float
    robustness: float
    robustness_below: float
    robustness_above: float
    robustness_naive: float
    no_line: float

    @property
    def gap_as_said(self) -> bool:
        """Whether the gap's interval covers 93 to 98 %, or more often where few answers are expected."""
        return self.gap >= LOWEST and (self.gap <= HIGHEST or self.fewest_expected < FEW_ANSWERS)

    @property
    def robustness_as_said(self) -> bool:
        """The same for effective robustness, which may cover more often with few models too."""
        more = self.fewest_expected < FEW_ANSWERS or self.num_models <= FEW_MODELS
        return self.robustness >= LOWEST and (self.robustness <= HIGHEST or more)


def measure_coverage(world: World, *, replications: int, seed: int) -> Coverage:
    """Coverage of nominal 95 % intervals in a world.

    Raises:
        InputError: No replication has a line.
    """
    gaps, robustness, naive = list[int](), list[int](), list[bool]()
    robust_naive = list[bool]()
    for one in draw_replications(world, replications, seed=seed):
        clean, shifted = one.evaluated.reference[0], one.evaluated.shifted
        gaps.append(_locate(compute_gap_interval(shifted, clean), one.gap))
        off = abs(shifted.top1 - clean.top1 - one.gap)
        naive.append(off <= _reach_naively(shifted, clean))
        found = _judge(world, one)
        if found is not None:
            robustness.append(found[0])
            robust_naive.append(found[1])
    if not robustness:
        raise InputError("No replication has a line; the baseline's models are too few or too much alike.")
    return Coverage(
        num_classes=world.num_classes,
        images_per_class=world.images_per_class,
        clean=world.clean,
        shifted=world.shifted,
        class_sd=world.class_sd,
        num_families=len(world.families),
        num_models=world.num_models,
        fewest_expected=round(world.fewest_expected, 3),
        seed=seed,
        replications=replications,
        gap=_share(gaps, 0),
        gap_below=_share(gaps, -1),
        gap_above=_share(gaps, 1),
        gap_naive=_share(naive, True),
        robustness=_share(robustness, 0),
        robustness_below=_share(robustness, -1),
        robustness_above=_share(robustness, 1),
        robustness_naive=_share(robust_naive, True),
        no_line=round(1 - len(robustness) / replications, 4),
    )


def _share(found: Sequence[int], wanted: int) -> float:
    return round(found.count(wanted) / len(found), 4)


def _locate(bounds: tuple[float, float] | None, truth: float) -> int:
    """-1 where the truth lies below the interval, 1 where it lies above, 0 where the interval holds it."""
    if bounds is None:
        raise InputError("The simulation needs at least two classes with images.")
    return (truth > bounds[1]) - (truth < bounds[0])


def _judge(world: World, one: Replication) -> tuple[int, bool] | None:
    try:
        fit = fit_line(one.points, world.link)
    except InputError:
        # Few images may give all models of the baseline one clean accuracy: no line, and none is shown.
        return None
    evaluated = one.evaluated
    clean, shifted = evaluated.reference[0].top1, evaluated.shifted.top1
    value = float(compute_effective_robustness(fit, reference=clean, shifted=shifted)[0])
    interval = compute_interval(one.points, evaluated, world.link, value=value)
    if interval.low is None or interval.high is None:
        return None
    off = abs(value - one.robustness)
    return (
        _locate((interval.low, interval.high), one.robustness),
        off <= _reach_naively(evaluated.shifted),
    )


def _reach_naively(*observed: Observation) -> float:
    variance = sum(one.top1 * (1 - one.top1) / one.n for one in observed)
    return find_student_quantile(math.inf) * math.sqrt(variance)


def write_table(rows: Iterable[Coverage]) -> str:
    """The table as CSV, one row a world."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [field.name for field in fields(Coverage)]
    writer.writerow(names)
    writer.writerows([getattr(row, name) for name in names] for row in rows)
    return text.getvalue()


def parse_table(text: str) -> tuple[Coverage, ...]:
    """The rows of `write_table`."""
    kinds = {field.name: int if field.type == "int" else float for field in fields(Coverage)}
    return tuple(
        Coverage(**{name: kinds[name](cell) for name, cell in row.items()})  # type: ignore[arg-type]
        for row in csv.DictReader(io.StringIO(text))
    )


def load_table() -> tuple[Coverage, ...]:
    """The stored table: all worlds, 2,000 replications each."""
    path = files("imagenet_g.baselines.data").joinpath("coverage.csv")
    return parse_table(path.read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageRange:
    """The worlds of one number of classes and images: lowest and highest coverage of each interval."""

    num_classes: int
    images_per_class: int
    gap: tuple[float, float]
    robustness: tuple[float, float]
    robustness_few_models: tuple[float, float]
    outside: int


def summarise(rows: Sequence[Coverage]) -> tuple[CoverageRange, ...]:
    """The table that README quotes: over accuracies, spreads of classes and families."""
    keys = dict.fromkeys((row.num_classes, row.images_per_class) for row in rows)
    return tuple(
        _summarise(key, [row for row in rows if (row.num_classes, row.images_per_class) == key])
        for key in keys
    )


def _summarise(key: tuple[int, int], rows: Sequence[Coverage]) -> CoverageRange:
    many = [row.robustness for row in rows if row.num_models > FEW_MODELS]
    few = [row.robustness for row in rows if row.num_models <= FEW_MODELS]
    return CoverageRange(
        num_classes=key[0],
        images_per_class=key[1],
        gap=_find_range([row.gap for row in rows]),
        robustness=_find_range(many),
        robustness_few_models=_find_range(few),
        outside=sum(not (row.gap_as_said and row.robustness_as_said) for row in rows),
    )


def _find_range(values: Sequence[float]) -> tuple[float, float]:
    return (min(values), max(values)) if values else (math.nan, math.nan)
