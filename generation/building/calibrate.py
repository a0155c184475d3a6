"""What an image costs on this machine: some whole batches rendered, scored and written, and timed."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from imagenet_g.benchmark.devices import format_device_name
from imagenet_g.benchmark.environment import count_cores, format_now
from imagenet_g.benchmark.errors import InputError, ModelError
from imagenet_g.benchmark.splits.manifests import make_shard_path
from imagenet_g.benchmark.splits.releases import write_shard
from imagenet_g.generation.building.build import BuildRequest, make_job_plan
from imagenet_g.generation.building.guards import validate_scorers
from imagenet_g.generation.building.machine import validate_machine
from imagenet_g.generation.costs.gpus import name_gpu
from imagenet_g.generation.costs.measured import hash_render, hash_scorers, write_measured
from imagenet_g.generation.costs.records import MeasuredCost
from imagenet_g.generation.costs.report import format_bytes, format_seconds
from imagenet_g.generation.generators.runtime import (
    choose_generation_device,
    read_runtime,
    set_determinism,
)
from imagenet_g.generation.plans.plan import Plan
from imagenet_g.generation.rendering.jobs import Worker
from imagenet_g.generation.rendering.renderer import PlanRow, make_threads
from imagenet_g.generation.rendering.score_batches import WorkRow, score_rows
from imagenet_g.generation.rendering.scorers import Scorers
from imagenet_g.generation.rendering.shards import commit_shard, make_work_features
from imagenet_g.generation.rendering.tasks import BuildJob, load_job_sources

NUM_BATCHES = 4
"""Timed batches, after one that is not: enough that encoding overlaps with rendering, as in a build."""


def run_calibration(request: BuildRequest, note: Callable[[str], None]) -> list[MeasuredCost]:
    """Measure each split's generator and scorers once, and keep what was measured in the user's cache folder.

    Args:
        request: What would be built; nothing of it is.
        note: Receives what a person should know while it runs.

    Raises:
        ImagenetGError: Weights or sources are not here, or an image cannot be rendered or scored.
        StorageError: The cache folder cannot be written.
    """
    if request.cache is None:
        raise InputError("A calibration needs a folder to keep its figures in: --cache DIR.")
    validate_machine(request.spec, request.splits, request.machine)
    if request.with_scores:
        # Before minutes of rendering.
        validate_scorers(request.spec, request.splits)
    rows: list[MeasuredCost] = []
    for name in request.splits:
        key = hash_render(request.spec, request.spec.splits[name], request.machine.describe())
        if any(row.render_sha256 == key for row in rows):
            note(f"{name}: as the split before, by the same generator")
            continue
        note(f"{name}: rendering at most {1 + NUM_BATCHES} batches")
        with tempfile.TemporaryDirectory() as folder:
            job = replace(request, out=Path(folder)).make_job(name)
            row = _measure(job, with_scores=request.with_scores, note=note)
        # At once, so that a later split that fails loses nothing.
        path = write_measured(request.cache, row)
        note(f"{name}: kept in '{path}'")
        rows.append(row)
    return rows


def format_measured(row: MeasuredCost) -> str:
    """One line for a person."""
    parts = [f"{format_seconds(row.seconds_per_image)} to render and encode"]
    if row.score_seconds_per_image is not None:
        parts.append(f"{format_seconds(row.score_seconds_per_image)} to score")
    parts.append(f"{format_seconds(row.write_seconds_per_image)} to write")
    return (
        f"{row.version}/{row.split} on {row.device_name}: an image takes {', '.join(parts)}, and "
        f"{format_bytes(row.bytes_per_image)}"
    )


def _measure(job: BuildJob, *, with_scores: bool, note: Callable[[str], None]) -> MeasuredCost:
    plan = make_job_plan(job)
    worker = Worker(job)
    worker.load()
    size = plan.meta.batch_size
    # The first batch also compiles kernels and fills caches.
    _render(worker, plan.table.slice(0, size).to_pylist(), job)
    timed = [row for number in choose_batches(plan.meta.num_rows, size) for row in _take(plan, number)]
    started = time.perf_counter()
    rows = _render(worker, timed, job)
    render_seconds = time.perf_counter() - started
    # The tail of a small split is filled up: the batch takes its time whatever is in it.
    num_slots = -(-len(timed) // size) * size
    scored = with_scores and bool(job.split_spec.scorers)
    if scored:
        note(f"{job.split}: scoring {len(rows)} images with {', '.join(job.split_spec.scorers)}")
    device = choose_generation_device(job.device)
    runtime, is_gpu = read_runtime(device), device.startswith("cuda")
    return MeasuredCost(
        render_sha256=hash_render(job.spec, job.split_spec, job.machine.describe()),
        score_sha256=hash_scorers(job.spec, job.split_spec) if scored else None,
        version=job.spec.version,
        split=job.split,
        made_by=job.generator_spec.format_settings()[:400],
        gpu=name_gpu(format_device_name(device)) if is_gpu else None,
        device_name=format_device_name(device),
        num_cores=count_cores(),
        batch_size=size,
        num_images=len(rows),
        seconds_per_image=render_seconds / num_slots,
        bytes_per_image=sum(len(_get_image(row)) for row in rows) / len(rows),
        score_seconds_per_image=_time_scoring(job, rows, device) if scored else None,
        write_seconds_per_image=_time_writing(job, rows) / len(rows),
        measured_utc=format_now(),
        versions=runtime,
    )


def choose_batches(num_rows: int, size: int) -> list[int]:
    """Whole batches spread over a plan, whose parts may differ in prompts, sources and swept settings.

    Example:
        >>> choose_batches(800, 8), choose_batches(20, 8), choose_batches(3, 8)
        ([12, 37, 62, 87], [0, 1], [0])
    """
    # The last one may be filled up with repeats, and counts only where there is no other.
    whole = max(1, num_rows // size)
    wanted = min(NUM_BATCHES, whole)
    return [(2 * place + 1) * whole // (2 * wanted) for place in range(wanted)]


def _take(plan: Plan, batch: int) -> list[PlanRow]:
    size = plan.meta.batch_size
    rows: list[PlanRow] = plan.table.slice(batch * size, size).to_pylist()
    return rows


def _render(worker: Worker, planned: Sequence[PlanRow], job: BuildJob) -> list[WorkRow]:
    rows = worker.render_rows(planned)
    if failed := [row for row in rows if row["error"] is not None]:
        raise ModelError(f"'{job.split}' cannot be measured: an image fails with {failed[0]['error']}")
    return rows


def _get_image(row: WorkRow) -> bytes:
    image = row["image"]
    return image if isinstance(image, bytes) else b""


def _time_scoring(job: BuildJob, rows: Sequence[WorkRow], device: str) -> float:
    """Seconds an image, the models loaded and warm."""
    set_determinism(device, cpu_threads=job.generator_spec.num_cpu_threads)
    loaded = Scorers(job.spec.scorers, device)
    scorers = {name: loaded.load(name) for name in job.split_spec.scorers}
    sources, pool = load_job_sources(job), make_threads()
    try:
        score_rows(rows, scorers, sources, pool)
        started = time.perf_counter()
        score_rows(rows, scorers, sources, pool)
        return (time.perf_counter() - started) / len(rows)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _time_writing(job: BuildJob, rows: Sequence[WorkRow]) -> float:
    """Seconds for a work shard and a release file of all rows, into the folder of temporary files."""
    # The first file pays for what writing loads.
    _write(job, rows)
    started = time.perf_counter()
    _write(job, rows)
    return time.perf_counter() - started


def _write(job: BuildJob, rows: Sequence[WorkRow]) -> None:
    commit_shard(
        job.out, job.split, 0, list(rows), plan_sha256="0" * 64, generator=None,
        origin=(None, None), runtime={}, seconds=0.0,
    )  # fmt: skip
    write_shard(job.out, make_shard_path(job.split, 0, 1), iter(rows), make_work_features())
