"""Which batches are known to fit a GPU's memory, by the shipped table `data/batch_sizes.csv`.

A batch size is part of a plan: another one gives other last bits. So a dry run says what is known to fit, and
nothing changes the size that a spec names.
"""

from __future__ import annotations

from collections.abc import Sequence

from imagenet_g.generation.costs.gpus import name_gpu
from imagenet_g.generation.costs.records import BatchSize
from imagenet_g.generation.costs.table import load_batch_sizes, load_gpu_speeds
from imagenet_g.generation.specs.stages import StageWork


def find_memory_gb(gpu: str) -> float | None:
    """Memory of the smallest GPU of a name; None where the table lacks it.

    Example:
        >>> find_memory_gb("NVIDIA A100-SXM4-80GB"), find_memory_gb("another")
        (40.0, None)
    """
    known = (row.memory_gb for row in load_gpu_speeds() if name_gpu(row.gpu) == name_gpu(gpu))
    return next(known, None)


def list_batches(work: StageWork) -> list[BatchSize]:
    """Rows of the same network at the same size and precision, by memory and then by batch size."""
    height, width = work.size_px
    found = [
        row
        for row in load_batch_sizes()
        if (row.pipeline, row.bits) == (work.pipeline, work.bits)
        and work.repo in row.repos.split()
        and (height or row.height_px, width or row.width_px) == (row.height_px, row.width_px)
    ]
    return sorted(found, key=lambda row: (row.memory_gb, -row.batch_size))


def describe_batch(work: Sequence[StageWork], batch_size: int, memory_gb: float | None) -> str:
    """What is known of a batch of a plan, as a line for a person.

    Args:
        work: The pipelines of a generator; empty where nothing is known of them.
        batch_size: Of the plan.
        memory_gb: Of the GPU that is asked for; None for any.

    Example:
        >>> describe_batch([], 8, None)
        '8 images, part of the plan; no row of the table says what memory they need'
    """
    plan = f"{batch_size} images, part of the plan"
    rows = [list_batches(stage) for stage in work]
    # Of several pipelines that run in turn only the one whose rows end first matters.
    rows = [[row for row in found if memory_gb is None or row.memory_gb <= memory_gb] for found in rows]
    if not rows or not all(rows):
        where = "" if memory_gb is None else f" on {memory_gb:g} GB"
        return f"{plan}; no row of the table says what memory they need{where}"
    fitting = [[row for row in found if row.batch_size >= batch_size] for found in rows]
    if all(fitting):
        row = max((found[0] for found in fitting), key=lambda one: one.memory_gb)
        return f"{plan}; {_format(row)}"
    row = min((max(found, key=lambda one: one.batch_size) for found in rows), key=lambda one: one.batch_size)
    return f"{plan}; not tried: {_format(row)}. A spec with a smaller batch_size is another plan"


def _format(row: BatchSize) -> str:
    return f"{row.batch_size} fit {row.memory_gb:g} GB ({row.origin}: {row.source})"
