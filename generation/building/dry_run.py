"""The dry run: contents, time and disk space of a build, without building."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from imagenet_g.benchmark.errors import ImagenetGError
from imagenet_g.generation.building.build import BuildRequest, check_job_prompts
from imagenet_g.generation.building.guards import (
    describe_missing,
    find_missing_captions,
    validate_scorer_models,
    validate_views,
)
from imagenet_g.generation.building.known_costs import KnownCosts, Wanted, find_gpu_rates
from imagenet_g.generation.building.machine import list_machine_notes, validate_machine
from imagenet_g.generation.building.other_costs import (
    estimate_cores,
    estimate_disk,
    estimate_writing,
    find_pixels,
)
from imagenet_g.generation.costs.batches import describe_batch
from imagenet_g.generation.costs.estimates import (
    BuildEstimate,
    GpuEstimate,
    Note,
    SplitEstimate,
    make_gpu_estimate,
    sum_splits,
)
from imagenet_g.generation.plans.cells import format_cells
from imagenet_g.generation.plans.class_counts import format_counts
from imagenet_g.generation.plans.plan import Plan, make_plan
from imagenet_g.generation.plans.prompt_checks import report_prompts
from imagenet_g.generation.plans.sources import Sources
from imagenet_g.generation.rendering.jobs import Worker
from imagenet_g.generation.rendering.tasks import BuildJob, load_job_sources
from imagenet_g.generation.specs.repos import is_available
from imagenet_g.generation.specs.version import VersionSpec


@dataclass(frozen=True, slots=True)
class TimedBatch:
    """Cost of one real batch.

    Attributes:
        seconds_per_image: Time of rendering and encoding, for the second of two batches.
        bytes_per_image: Size of an encoded image.
    """

    seconds_per_image: float
    bytes_per_image: float


def run_dry_run(request: BuildRequest, wanted: Wanted) -> BuildEstimate:
    """The estimate of all requested splits; nothing is written.

    Args:
        request: What would be built.
        wanted: The machines to estimate for.

    Raises:
        ImagenetGError: The plan itself cannot be made, or a view cannot be taken.
    """
    validate_views(request.spec, request.splits, with_scores=request.with_scores)
    validate_machine(request.spec, request.splits, request.machine)
    if request.with_scores:
        scorers = {scorer for name in request.splits for scorer in request.spec.splits[name].scorers}
        validate_scorer_models(request.spec, scorers)
    known = KnownCosts(request, wanted)
    splits = tuple(_estimate_split(request, request.make_job(name), known) for name in request.splits)
    disks = [split.disk for split in splits if split.disk is not None]
    whole = len(disks) == len(splits)
    return BuildEstimate(
        version=request.spec.version,
        title=request.spec.title,
        status=request.spec.status,
        splits=splits,
        num_images=sum(split.num_images for split in splits),
        totals=sum_splits(splits),
        release_bytes=sum(disk.release_bytes for disk in disks) if whole else None,
        building_bytes=sum(disk.building_bytes for disk in disks) if whole else None,
        notes=(
            *(f"note: {note}" for note in list_machine_notes(request.spec, request.splits)),
            *describe_missing(request.spec, request.splits, with_scores=request.with_scores),
        ),
    )


def time_batch(job: BuildJob, plan: Plan) -> TimedBatch:
    """Render the first batch twice and time the second, so that loading and warming up do not count.

    Raises:
        ImagenetGError: As loading and rendering do.
    """
    worker = Worker(job)
    worker.load()
    rows = plan.table.slice(0, plan.meta.batch_size).to_pylist()
    # The first batch also compiles kernels and fills caches.
    worker.render_rows(rows)
    started = time.perf_counter()
    made = worker.render_rows(rows)
    seconds = (time.perf_counter() - started) / len(rows)
    sizes = [len(row["image"]) for row in made if isinstance(row["image"], bytes)]
    return TimedBatch(seconds, sum(sizes) / max(1, len(sizes)))


def _estimate_split(request: BuildRequest, job: BuildJob, known: KnownCosts) -> SplitEstimate:
    plan, sources_note = make_dry_plan(job)
    meta, split = plan.meta, job.split_spec
    measured = known.find_measured(job)
    timed, why_not = None, "it was measured before"
    if measured is None and known.may_time:
        timed, why_not = _try_timing(job, plan)
    rates = find_gpu_rates(known, job, None if timed is None else timed.seconds_per_image, why_not)
    shard = _max_shard_rows(job.spec, meta.batch_size)
    gpus = [
        make_gpu_estimate(
            gpu, render, score, num_images=meta.num_rows, rows_per_shard=shard, workers=known.wanted.counts
        )
        for gpu, render, score in rates
    ]
    pixels = find_pixels(job)
    size = None if measured is None else measured.bytes_per_image
    return SplitEstimate(
        split=job.split,
        title=split.title,
        num_images=meta.num_rows,
        num_shards=meta.num_shards,
        rows_per_shard=shard,
        batch_size=meta.batch_size,
        made_by=job.generator_spec.format_settings(),
        gpus=tuple(gpus),
        cores=estimate_cores(job, pixels, meta.num_rows, _find_fastest(gpus), request.with_scores),
        writing=estimate_writing(job, pixels, meta.num_rows, measured),
        disk=estimate_disk(
            job, pixels, meta.num_rows, size, None if timed is None else timed.bytes_per_image
        ),
        notes=(*_describe_contents(job, plan), _describe_batch(known, job), *sources_note),
    )


def _find_fastest(gpus: Sequence[GpuEstimate]) -> float | None:
    known = [one.render.seconds_per_image for one in gpus if one.render.seconds_per_image is not None]
    return min(known, default=None)


def _describe_contents(job: BuildJob, plan: Plan) -> list[Note]:
    meta, split = plan.meta, job.split_spec
    shards = f"{meta.num_shards} shard{'' if meta.num_shards == 1 else 's'}"
    rows = _max_shard_rows(job.spec, meta.batch_size)
    counts = (
        f"{meta.num_rows} = {format_counts(split)}{format_cells(split)}; "
        f"{shards} of up to {rows} rows, batches of {meta.batch_size}"
    )
    made_by = Note(label="made by", text=job.generator_spec.format_settings())
    return [Note(label="images", text=counts), made_by, *_describe_prompts(job, plan)]


def _describe_batch(known: KnownCosts, job: BuildJob) -> Note:
    text = describe_batch(job.generator_spec.list_work(), job.split_spec.batch_size, known.memory_gb)
    return Note(label="batch", text=text)


def make_dry_plan(job: BuildJob) -> tuple[Plan, list[Note]]:
    """The plan; without available sources it has no source ids, and a line says so.

    Raises:
        ImagenetGError: The plan cannot be made.
    """
    split = job.split_spec
    sources: Sources | None = None
    note = []
    if split.sources is not None:
        try:
            sources = load_job_sources(job)
            note = [Note(label="sources", text=f"{split.sources.ref}: available")]
        except ImagenetGError as error:
            note = [
                Note(label="sources", text=f"{split.sources.ref}: not available ({error})"),
                Note(label="", text="whether every class has as many images is unknown"),
            ]
    plan = make_plan(
        job.spec.version,
        job.split,
        # Without its captions a split still has its counts.
        split.model_copy(update={"prompts": None}) if find_missing_captions(split) else split,
        rows_per_shard=job.spec.rows_per_shard,
        # Nothing of this plan is written, so that its hash does not matter.
        recipe={},
        source_ids=None if sources is None else sources.list_ids(),
    )
    return plan, note


def _max_shard_rows(spec: VersionSpec, batch_size: int) -> int:
    return max(1, spec.rows_per_shard // batch_size) * batch_size


def _describe_prompts(job: BuildJob, plan: Plan) -> list[Note]:
    if missing := find_missing_captions(job.split_spec):
        return [Note(label="prompts", text=f"not available ({missing})")]
    prompts = plan.table["prompt"].to_pylist()
    warnings = [Note(label="note", text=warning) for warning in check_job_prompts(job, plan)]
    report = report_prompts(job.split_spec, job.generator_spec, prompts, plan.table["label"].to_pylist())
    if report is None:
        return [Note(label="prompts", text="(no prompts)"), *warnings]
    fit = "not cut: this kind of generator has no text encoder"
    if job.generator_spec.has_text_encoder:
        fit = "number of tokens unknown without the text encoder's tokenizer"
    if report.num_over_limit is not None:
        fit = f"longest {report.longest} of {report.token_limit} tokens, {report.num_over_limit} cut short"
    examples = [f"e.g. {prompts[0]!r}", *(f"cut: {example!r}" for example in report.examples)]
    lines = [Note(label="prompts", text=f"{report.num_unique} different; {fit}")]
    return [*lines, *(Note(label="", text=example) for example in examples), *warnings]


def _try_timing(job: BuildJob, plan: Plan) -> tuple[TimedBatch | None, str]:
    missing = [found.repo for found in job.generator_spec.all_repositories if not is_available(found)]
    if find_missing_captions(job.split_spec):
        return None, "there are no prompts to render"
    if missing:
        return None, f"the weights of '{missing[0]}' are not on this machine"
    try:
        return time_batch(job, plan), ""
    except ImagenetGError as error:
        return None, str(error)
