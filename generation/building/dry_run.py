"""The dry run: contents, time and disk space of a build, without building."""

from __future__ import annotations

import time
from dataclasses import dataclass

from imagenet_g.benchmark.errors import ImagenetGError
from imagenet_g.generation.building.build import BuildRequest, check_job_prompts
from imagenet_g.generation.building.guards import (
    describe_missing,
    find_missing_captions,
    validate_scorer_models,
    validate_views,
)
from imagenet_g.generation.building.machine import list_machine_notes, validate_machine
from imagenet_g.generation.building.progress import format_duration
from imagenet_g.generation.plans.cells import format_cells
from imagenet_g.generation.plans.plan import Plan, make_plan
from imagenet_g.generation.plans.prompt_checks import report_prompts
from imagenet_g.generation.plans.sources import Sources
from imagenet_g.generation.rendering.jobs import Worker, load_job_sources
from imagenet_g.generation.rendering.tasks import BuildJob
from imagenet_g.generation.specs.repos import is_available
from imagenet_g.generation.specs.version import EncodingSpec, VersionSpec

# Rules of thumb for photographs, used only where no batch can be timed.
BITS_PER_PIXEL = {"jpeg": 3.0, "png": 14.0}


@dataclass(frozen=True, slots=True)
class TimedBatch:
    """Cost of one real batch.

    Attributes:
        seconds_per_image: Time of rendering and encoding, for the second of two batches.
        bytes_per_image: Size of an encoded image.
    """

    seconds_per_image: float
    bytes_per_image: float


def run_dry_run(request: BuildRequest, *, seconds_per_image: float | None) -> str:
    """A report on all requested splits.

    Args:
        request: What would be built.
        seconds_per_image: For the estimate if no batch can be timed.

    Raises:
        ImagenetGError: The plan itself cannot be made, or a view cannot be taken.
    """
    validate_views(request.spec, request.splits, with_scores=request.with_scores)
    validate_machine(request.spec, request.splits, request.machine)
    if request.with_scores:
        wanted = {scorer for name in request.splits for scorer in request.spec.splits[name].scorers}
        validate_scorer_models(request.spec, wanted)
    parts = [f"{request.spec.version}: {request.spec.title} ({request.spec.status})"]
    totals = [_describe_split(request.make_job(name), seconds_per_image, parts) for name in request.splits]
    images = sum(count for count, _ in totals)
    known = [seconds for _, seconds in totals if seconds is not None]
    cost = "unknown"
    if len(known) == len(totals):
        cost = f"{format_duration(sum(known))} on one worker, {format_duration(sum(known) / 5)} on five"
    parts.append(f"in all: {images} images; time {cost}")
    parts += [f"note: {note}" for note in list_machine_notes(request.spec, request.splits)]
    parts += describe_missing(request.spec, request.splits, with_scores=request.with_scores)
    parts.append("Nothing was written.")
    return "\n".join(parts)


def estimate_bytes(encoding: EncodingSpec, height_px: int | None, width_px: int | None) -> float | None:
    """Bytes of an encoded image by rule of thumb; None if the size is unknown.

    Example:
        >>> estimate_bytes(EncodingSpec(format="jpeg"), 512, 512)
        98304.0
    """
    if height_px is None or width_px is None:
        return None
    return height_px * width_px * BITS_PER_PIXEL[encoding.format] / 8


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


def _describe_split(
    job: BuildJob, seconds_per_image: float | None, parts: list[str]
) -> tuple[int, float | None]:
    plan, sources_note = _make_plan(job)
    meta, split = plan.meta, job.split_spec
    shards = f"{meta.num_shards} shard{'' if meta.num_shards == 1 else 's'}"
    parts += [
        f"\n{job.spec.version}/{job.split}: {split.title}",
        f"  images   {meta.num_rows} = {len(split.class_indices)} classes x {split.images_per_class}"
        f"{format_cells(split)}; "
        f"{shards} of up to {_max_shard_rows(job.spec, meta.batch_size)} rows, "
        f"batches of {meta.batch_size}",
        f"  made by  {job.generator_spec.format_settings()}",
        *_describe_prompts(job, plan),
        *sources_note,
    ]
    timed, why_not = _try_timing(job, plan)
    per_image = timed.seconds_per_image if timed else seconds_per_image
    seconds = None if per_image is None else per_image * meta.num_rows
    if seconds is None:
        parts.append(f"  time     unknown: {why_not}; give --seconds-per-image for an estimate")
    else:
        how = "a timed batch" if timed else "--seconds-per-image"
        parts.append(f"  time     {format_duration(seconds)} at {per_image:.3g} s an image (from {how})")
    parts.append(_describe_disk(job, meta.num_rows, timed))
    return meta.num_rows, seconds


def _make_plan(job: BuildJob) -> tuple[Plan, list[str]]:
    """The plan; without available sources it has no source ids, and a line says so."""
    split = job.split_spec
    sources: Sources | None = None
    note = []
    if split.sources is not None:
        try:
            sources = load_job_sources(job)
            note = [f"  sources  {split.sources.ref}: available"]
        except ImagenetGError as error:
            note = [
                f"  sources  {split.sources.ref}: not available ({error})",
                f"           whether it has {split.images_per_class} images a class is unknown",
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


def _describe_prompts(job: BuildJob, plan: Plan) -> list[str]:
    if missing := find_missing_captions(job.split_spec):
        return [f"  prompts  not available ({missing})"]
    prompts = plan.table["prompt"].to_pylist()
    warnings = [f"  note     {warning}" for warning in check_job_prompts(job, plan)]
    report = report_prompts(job.split_spec, job.generator_spec, prompts, plan.table["label"].to_pylist())
    if report is None:
        return ["  prompts  (no prompts)", *warnings]
    fit = "not cut: this kind of generator has no text encoder"
    if job.generator_spec.has_text_encoder:
        fit = "number of tokens unknown without the text encoder's tokenizer"
    if report.num_over_limit is not None:
        fit = f"longest {report.longest} of {report.token_limit} tokens, {report.num_over_limit} cut short"
    lines = [f"  prompts  {report.num_unique} different; {fit}", f"           e.g. {prompts[0]!r}"]
    return [*lines, *(f"           cut: {example!r}" for example in report.examples), *warnings]


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


def _describe_disk(job: BuildJob, num_rows: int, timed: TimedBatch | None) -> str:
    size, how = estimate_bytes(job.spec.encoding, *job.generator_spec.image_size), "rule of thumb"
    if timed is not None:
        size, how = timed.bytes_per_image, "measured"
    if size is None:
        return "  disk     unknown: the image size is the pipeline's own default"
    release = num_rows * size / 1e9
    return (
        f"  disk     {release:.2g} GB for the release and as much again for the work in .build "
        f"({format_bytes(size)} an image, {how})"
    )


def format_bytes(size: float) -> str:
    """A size as read aloud: bytes below a kilobyte, then kilobytes.

    Example:
        >>> format_bytes(350.4), format_bytes(98304)
        ('350 bytes', '98 kB')
    """
    return f"{size:.0f} bytes" if size < 1000 else f"{size / 1e3:.0f} kB"
