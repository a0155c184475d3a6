"""Ray Core: one actor per GPU (or per share of the CPUs), each with its model loaded once.

Not Ray Data: it chooses batches, file names and commit points itself, which a reproducible build must choose.
A killed actor is restarted and repeats its shard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from imagenet_g.benchmark.engines.ray_cluster import start_ray
from imagenet_g.benchmark.errors import ImagenetGError, ModelError
from imagenet_g.generation.rendering.jobs import Worker
from imagenet_g.generation.rendering.tasks import BuildJob, ShardTask, TaskReport

MAX_RESTARTS = 3
"""Restarts of an actor before its shard counts as lost."""


def run_ray(
    job: BuildJob,
    tasks: Sequence[ShardTask],
    report: Callable[[TaskReport], None],
    *,
    address: str | None = None,
    workers: int | None = None,
    cpus_per_worker: float = 1.0,
) -> None:
    """Do all tasks on Ray actors, in any order.

    Args:
        job: The job; its folder must be on a disk that all nodes share.
        tasks: The tasks.
        report: Called in this process, once for each committed task.
        address: A running cluster; None starts one on this machine.
        workers: Number of actors; None: one a GPU, or one.
        cpus_per_worker: CPUs reserved for an actor.

    Raises:
        InputError: Ray is not installed.
        ModelError: A worker died too often.
        ImagenetGError: As the worker raises.
    """
    if not tasks:
        return
    ray = start_ray(address)
    num_gpus = int(ray.cluster_resources().get("GPU", 0)) if job.device != "cpu" else 0
    count = min(workers or max(1, num_gpus), len(tasks))
    actor_class = ray.remote(
        num_cpus=cpus_per_worker,
        # More actors than GPUs share them; Ray itself only counts, it does not limit memory.
        num_gpus=min(1, num_gpus / count) if num_gpus else 0,
        max_restarts=MAX_RESTARTS,
        max_task_retries=MAX_RESTARTS,
    )(RayWorker)
    actors = [actor_class.remote(job) for _ in range(count)]
    try:
        # In the order they are done: each shard is a file of its own, and no other waits for it.
        for done in ray.util.ActorPool(actors).map_unordered(_submit, list(tasks)):
            _report_all(report, done)
        for done in ray.get([actor.finish.remote() for actor in actors]):
            _report_all(report, done)
    except ray.exceptions.RayTaskError as error:
        raise _unwrap(error) from error
    except ray.exceptions.RayActorError as error:
        raise ModelError(
            f"A worker died {MAX_RESTARTS + 1} times, perhaps out of memory: {str(error).splitlines()[0]} "
            "Committed shards are kept; run the same command again to continue."
        ) from error
    finally:
        # On a shared cluster an actor would hold its GPU until this process ends.
        for actor in actors:
            ray.kill(actor)


class RayWorker:
    """A worker inside an actor."""

    def __init__(self, job: BuildJob) -> None:
        self._worker = Worker(job)

    def run(self, task: ShardTask) -> list[TaskReport]:
        """Begin a task; the reports are of those that were done meanwhile."""
        return self._worker.run(task)

    def finish(self) -> list[TaskReport]:
        """Wait for what goes on behind the renderer, then end its threads."""
        try:
            return self._worker.finish()
        finally:
            self._worker.close()


def _report_all(report: Callable[[TaskReport], None], done: Sequence[TaskReport]) -> None:
    for one in done:
        report(one)


def _submit(actor: Any, task: ShardTask) -> Any:  # noqa: ANN401
    return actor.run.remote(task)


def _unwrap(error: Any) -> Exception:  # noqa: ANN401
    cause = error.cause
    if isinstance(cause, ImagenetGError):
        return cause
    return ModelError(f"A worker failed: {type(cause).__name__}: {cause}")
