"""Engines by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from imagenet_g.benchmark.errors import InputError
from imagenet_g.generation.rendering.jobs import Worker
from imagenet_g.generation.rendering.tasks import BuildJob, Engine, ShardTask, TaskReport


def choose_engine(
    name: str, *, address: str | None = None, workers: int | None = None, cpus_per_worker: float = 1.0
) -> Engine:
    """The engine of a name: "serial" or "ray".

    Raises:
        InputError: An option for Ray only, or a number of CPUs that is not positive.
    """
    if name == "serial":
        if address or workers:
            raise InputError("--address and --workers need --engine ray.")
        return run_serial
    if cpus_per_worker <= 0:
        raise InputError(f"--cpus-per-worker {cpus_per_worker} must be above 0; 0.5 is allowed.")
    from imagenet_g.generation.rendering.ray_engine import run_ray

    return partial(run_ray, address=address, workers=workers, cpus_per_worker=cpus_per_worker)


def run_serial(job: BuildJob, tasks: Sequence[ShardTask], report: Callable[[TaskReport], None]) -> None:
    """Do all tasks in order; without tasks nothing is loaded."""
    worker = Worker(job)
    try:
        for task in tasks:
            for done in worker.run(task):
                report(done)
        if tasks:
            for done in worker.finish():
                report(done)
    finally:
        worker.close()
