"""What is known of the cost of a split: given, measured, timed just now, or in the shipped table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from imagenet_g.benchmark.devices import format_device_name
from imagenet_g.benchmark.environment import count_cores
from imagenet_g.generation.building.build import BuildRequest
from imagenet_g.generation.costs.batches import find_memory_gb
from imagenet_g.generation.costs.gpus import name_gpu
from imagenet_g.generation.costs.measured import (
    hash_render,
    hash_scorers,
    load_measured,
    make_measured_rate,
)
from imagenet_g.generation.costs.rates import Rate, add_rates, make_unknown
from imagenet_g.generation.costs.records import MeasuredCost
from imagenet_g.generation.costs.table import (
    find_render_rate,
    find_score_rate,
    list_gpus,
)
from imagenet_g.generation.generators.runtime import choose_generation_device, read_memory_gb
from imagenet_g.generation.rendering.tasks import BuildJob
from imagenet_g.generation.specs.stages import StageWork
from imagenet_g.generation.specs.version import ClipScorerSpec, JudgeScorerSpec

GpuRates = tuple[str | None, Rate, Rate | None]
"""A GPU's name, its time to render an image, and to score one."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The machines to estimate for.

    Attributes:
        gpu: Name of a GPU; None for that of this machine, else for all that are known.
        workers: How many of them; None for one, and eight for comparison.
        seconds_per_image: Given by the user, in place of every other figure.
    """

    gpu: str | None = None
    workers: int | None = None
    seconds_per_image: float | None = None

    @property
    def counts(self) -> tuple[int, ...]:
        """Numbers of workers to give times for."""
        return tuple(dict.fromkeys((1, self.workers or 8)))


class KnownCosts:
    """Where figures of a build come from.

    Args:
        request: What would be built.
        wanted: The machines to estimate for.

    Attributes:
        wanted: As given.
        with_scores: Whether the scorers run.
        how_to_measure: What to do about a figure that nobody knows.

    Raises:
        InputError: The GPU's name is no name, or the device is not available.
    """

    def __init__(self, request: BuildRequest, wanted: Wanted) -> None:
        self.wanted, self.with_scores = wanted, request.with_scores
        self.how_to_measure = (
            f"'imagenet-g build {request.source} --calibrate' measures it on a machine with the weights, "
            "or give --seconds-per-image"
        )
        self._device = choose_generation_device(request.device)
        self._measured = load_measured(request.cache)
        if wanted.gpu is not None:
            name_gpu(wanted.gpu)

    @cached_property
    def gpu(self) -> str | None:
        """The GPU that is asked for, else that of this machine; None on a machine without."""
        here = format_device_name(self._device) if self._device.startswith("cuda") else None
        return self.wanted.gpu or here

    @cached_property
    def memory_gb(self) -> float | None:
        """Memory of that GPU, read from this machine's own and else from the table; None where unknown."""
        if self.wanted.gpu is None and self._device.startswith("cuda"):
            return read_memory_gb(self._device)
        return None if self.gpu is None else find_memory_gb(self.gpu)

    @property
    def may_time(self) -> bool:
        """Whether a batch timed on this machine answers what is asked."""
        return self.wanted.gpu is None and self.wanted.seconds_per_image is None

    def find_measured(self, job: BuildJob) -> MeasuredCost | None:
        """The newest measurement of a split's recipe on the machine that is asked for."""
        return next((row for row in self._list_measured(job) if self._is_here(row)), None)

    def list_measured_elsewhere(self, job: BuildJob) -> dict[str, MeasuredCost]:
        """The newest measurements on any GPU that share the cache folder, by the GPU's name."""
        found: dict[str, MeasuredCost] = {}
        for row in self._list_measured(job):
            if row.gpu is not None:
                found.setdefault(row.gpu, row)
        return found

    def find_measured_scores(self, job: BuildJob) -> MeasuredCost | None:
        """The newest measurement of a split's scorers on that machine, by whatever generator."""
        wanted = hash_scorers(job.spec, job.split_spec)
        rows = (row for row in self._measured if wanted is not None and row.score_sha256 == wanted)
        return next((row for row in rows if self._is_here(row)), None)

    def _list_measured(self, job: BuildJob) -> list[MeasuredCost]:
        wanted = hash_render(job.spec, job.split_spec, job.machine.describe())
        return [row for row in self._measured if row.render_sha256 == wanted]

    def _is_here(self, row: MeasuredCost) -> bool:
        if self.gpu is not None:
            return row.gpu is not None and name_gpu(row.gpu) == name_gpu(self.gpu)
        # Processors share their names; the number of cores tells most of them apart.
        here = (None, format_device_name(self._device), count_cores())
        return (row.gpu, row.device_name, row.num_cores) == here


def find_gpu_rates(
    known: KnownCosts, job: BuildJob, timed_seconds: float | None, why_not: str
) -> list[GpuRates]:
    """The best known rates of a split: one entry for each kind of machine that is worth a line.

    Args:
        known: Where figures come from.
        job: The split.
        timed_seconds: Of an image of a batch just timed on this machine; None where none was.
        why_not: Why none was.
    """
    if known.wanted.seconds_per_image is not None:
        given = Rate(
            seconds_per_image=known.wanted.seconds_per_image, origin="given", source="--seconds-per-image"
        )
        return [(known.gpu, given, _find_scoring(known, job, known.gpu))]
    if (row := known.find_measured(job)) is not None:
        rate = make_measured_rate(row, row.seconds_per_image)
        return [(known.gpu, rate, _find_scoring(known, job, known.gpu))]
    if timed_seconds is not None:
        timed = Rate(seconds_per_image=timed_seconds, origin="timed", source="a timed batch")
        return [(known.gpu, timed, _find_scoring(known, job, known.gpu))]
    return _find_elsewhere(known, job, why_not)


def _find_elsewhere(known: KnownCosts, job: BuildJob, why_not: str) -> list[GpuRates]:
    works, measured = _list_works(job), known.list_measured_elsewhere(job)
    listed = list_gpus(works[0])
    names = [known.gpu] if known.gpu is not None else list(dict.fromkeys([*measured, *listed]))
    found: list[GpuRates] = []
    for name in names:
        row = measured.get(name)
        rate = _find_rendering(works, name) if row is None else make_measured_rate(row, row.seconds_per_image)
        choices = [*job.generator_spec.machine_hints, *job.machine.describe()]
        if row is None and choices:
            # Offloading takes longer, compiled networks less, and no row is of either.
            rate = rate.model_copy(update={"source": f"{rate.source}; without {', '.join(choices)}"})
        if rate.seconds_per_image is None:
            also = f"; known of it: {', '.join(listed)}" if listed else ""
            rate = make_unknown(f"{rate.source}{also}; {known.how_to_measure}")
        found.append((name, rate, _find_scoring(known, job, name)))
    if found:
        return found
    reason = _find_rendering(works, "any GPU").source
    return [(None, make_unknown(f"{why_not}, and {reason}; {known.how_to_measure}"), None)]


def _list_works(job: BuildJob) -> list[tuple[StageWork, ...]]:
    """What the pipelines do for an image, for each combination of swept settings."""
    generator, sweep = job.generator_spec, job.split_spec.sweep
    axes = {} if sweep is None else sweep.axes
    cells = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    return [generator.model_copy(update=cell).list_work() for cell in cells]


def _find_rendering(works: Sequence[tuple[StageWork, ...]], gpu: str) -> Rate:
    """The mean over the combinations, each of which renders the split once."""
    rate = add_rates([find_render_rate(work, gpu) for work in works])
    if rate.seconds_per_image is None or len(works) == 1:
        return rate
    changes = {"seconds_per_image": rate.seconds_per_image / len(works)}
    return rate.model_copy(update={**changes, "source": f"mean over {len(works)} settings: {rate.source}"})


def _find_scoring(known: KnownCosts, job: BuildJob, gpu: str | None) -> Rate | None:
    passes = count_passes(job) if known.with_scores else {}
    row = known.find_measured_scores(job) if known.with_scores else None
    if row is not None and row.score_seconds_per_image is not None:
        return make_measured_rate(row, row.score_seconds_per_image)
    if not passes:
        return None
    return make_unknown("--calibrate measures it") if gpu is None else find_score_rate(passes, gpu)


def count_passes(job: BuildJob) -> dict[str, int]:
    """How many images each model of the scorers reads to score one."""
    passes: Counter[str] = Counter()
    for name in job.split_spec.scorers:
        scorer = job.spec.scorers[name]
        if isinstance(scorer, ClipScorerSpec | JudgeScorerSpec):
            # A CLIP scorer also reads the image's source and another one, for comparison.
            compares = isinstance(scorer, ClipScorerSpec) and job.split_spec.sources is not None
            passes[scorer.model] = max(passes[scorer.model], 3 if compares else 1)
    return dict(passes)
