"""The default engine: one task after the other, in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from imagenet_g.generation.jobs import BuildJob, Task, TaskReport, Worker


def run_serial(job: BuildJob, tasks: Sequence[Task], report: Callable[[TaskReport], None]) -> None:
    """Do all tasks in order; nothing is loaded where there are none."""
    worker = Worker(job)
    for task in tasks:
        report(worker.run(task))
