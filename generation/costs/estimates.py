"""The estimate of a whole build: GPU hours, elapsed time, processor cores and disk; pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from imagenet_g.benchmark.records import FileModel
from imagenet_g.generation.costs.arithmetic import compute_elapsed, compute_gpu_hours
from imagenet_g.generation.costs.rates import ORIGINS, Rate
from imagenet_g.generation.costs.records import Origin


class Elapsed(FileModel):
    """Time until all is done."""

    workers: int
    seconds: float | None


class GpuEstimate(FileModel):
    """A split on GPUs of one kind, or on processors."""

    gpu: str | None
    """Name as in the table or as typed; null for a processor, or where no GPU is known."""
    render: Rate
    score: Rate | None
    """On the same device; null where nothing is scored by a model there."""
    gpu_hours: float | None
    """Rendering, and scoring where its rate is known; of a processor, its hours."""
    elapsed: tuple[Elapsed, ...]


class CoreEstimate(FileModel):
    """Work of processor cores beside the GPUs, by the shipped table."""

    encode_hours: float
    score_hours: float
    cores_per_worker: float | None
    """Cores that keep up with the fastest GPU above; null where no time of a GPU is known."""


class WriteEstimate(FileModel):
    """Files written, read and hashed: the work of each shard, and the release behind the last of them."""

    rate: Rate
    seconds: float
    """By one process, which writes the release whatever the number of workers."""


class DiskEstimate(FileModel):
    """Bytes on disk."""

    bytes_per_image: float
    origin: Literal["measured", "timed", "estimate"]
    release_bytes: float
    building_bytes: float
    """Until the folder .build is deleted: the work and the release both hold every image."""


class Note(FileModel):
    """A line for a person."""

    label: str
    """Such as "prompts"; empty where it continues the line before."""
    text: str


class SplitEstimate(FileModel):
    """A split of a version."""

    split: str
    title: str
    num_images: int
    num_shards: int
    rows_per_shard: int
    batch_size: int
    made_by: str
    gpus: tuple[GpuEstimate, ...]
    cores: CoreEstimate | None
    """Null where the size of the images is unknown, as the next one."""
    writing: WriteEstimate | None
    disk: DiskEstimate | None
    notes: tuple[Note, ...]
    """Counts, prompts and sources."""


class TotalEstimate(FileModel):
    """All splits on one kind of GPU, where each is known there."""

    gpu: str | None
    origin: Origin
    """Of the figure that is known least."""
    gpu_hours: float
    elapsed: tuple[Elapsed, ...]


class BuildEstimate(FileModel):
    """A build that was not run."""

    schema_version: Literal[1] = 1
    version: str
    title: str
    status: str
    splits: tuple[SplitEstimate, ...]
    num_images: int
    totals: tuple[TotalEstimate, ...]
    """Empty where no kind of GPU is known for all splits."""
    release_bytes: float | None
    building_bytes: float | None
    notes: tuple[str, ...] = ()


def make_gpu_estimate(
    gpu: str | None,
    render: Rate,
    score: Rate | None,
    *,
    num_images: int,
    rows_per_shard: int,
    workers: Sequence[int],
) -> GpuEstimate:
    """Hours and elapsed times from the rates.

    Args:
        gpu: The GPU's name.
        render: Of the generator.
        score: Of the scorers; an unknown rate leaves them out of the hours.
        num_images: All images of the split.
        rows_per_shard: Images of a shard, which one worker renders.
        workers: Numbers of workers to give times for.
    """
    seconds = render.seconds_per_image
    if seconds is not None and score is not None:
        seconds += score.seconds_per_image or 0.0
    return GpuEstimate(
        gpu=gpu,
        render=render,
        score=score,
        gpu_hours=None if seconds is None else compute_gpu_hours(num_images, seconds),
        elapsed=tuple(
            Elapsed(
                workers=count,
                seconds=None
                if seconds is None
                else compute_elapsed(num_images, rows_per_shard, seconds, count),
            )
            for count in workers
        ),
    )


def sum_splits(splits: Sequence[SplitEstimate]) -> tuple[TotalEstimate, ...]:
    """Totals on each kind of GPU on which every split is known, the fastest first."""
    by_gpu = [{one.gpu: one for one in split.gpus if one.gpu_hours is not None} for split in splits]
    shared = [gpu for gpu in by_gpu[0] if all(gpu in found for found in by_gpu)] if by_gpu else []
    totals = [_sum_gpu(gpu, [found[gpu] for found in by_gpu]) for gpu in shared]
    return tuple(sorted(totals, key=lambda total: total.gpu_hours))


def _sum_gpu(gpu: str | None, parts: Sequence[GpuEstimate]) -> TotalEstimate:
    times = zip(*(part.elapsed for part in parts), strict=True)
    return TotalEstimate(
        gpu=gpu,
        origin=_choose_weakest([part.render.origin for part in parts]),
        gpu_hours=sum(part.gpu_hours or 0.0 for part in parts),
        # One split after the other, as a build goes.
        elapsed=tuple(
            Elapsed(workers=column[0].workers, seconds=sum(one.seconds or 0.0 for one in column))
            for column in times
        ),
    )


def _choose_weakest(origins: Sequence[Origin]) -> Origin:
    return max(origins, key=ORIGINS.index)
