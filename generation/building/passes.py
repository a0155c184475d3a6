"""Passes over the shards of a split, until each is done: by this process, or by another one.

Shards are leased where they are done (`rendering.jobs`), so that any number of processes, of any engine, may
run the same pass in the same folder. What another one has begun is waited for; where its owner died, it is
done here.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from imagenet_g.benchmark.environment import choose_workers
from imagenet_g.benchmark.errors import InputError, ModelError
from imagenet_g.benchmark.feeding.ahead import map_ahead
from imagenet_g.generation.plans.plan import PlanMeta
from imagenet_g.generation.rendering.score_files import read_score_state
from imagenet_g.generation.rendering.shards import inspect_shard, load_shard_record, read_state
from imagenet_g.generation.rendering.tasks import (
    BuildJob,
    Engine,
    ShardTask,
    TaskReport,
    make_lease_name,
)
from imagenet_g.generation.sharing.leases import LeaseBook

MAX_LOSSES = 3
"""How often a shard is given out again after a worker died with it."""


@dataclass(slots=True)
class ShardPass:
    """One pass.

    Attributes:
        job: The split.
        engine: Runs the tasks.
        book: The leases of the folder.
        report: Receives each task that is done; `skipped` where somebody else did it.
        note: Receives what a person should know.
    """

    job: BuildJob
    engine: Engine
    book: LeaseBook
    report: Callable[[TaskReport], None]
    note: Callable[[str], None]
    _left: dict[int, ShardTask] = field(default_factory=dict)
    _held: set[int] = field(default_factory=set)

    def run(self, tasks: Sequence[ShardTask]) -> None:
        """Do all tasks, or wait for those who do.

        Raises:
            ModelError: Workers die with the same shard again and again.
            ImagenetGError: As the engine raises.
        """
        self._left = {task.shard: task for task in tasks}
        losses: Counter[int] = Counter()
        free = list(self._left.values())
        while free:
            self._held.clear()
            self.engine(self.job, free, self._receive)
            self._drop_done()
            # Neither done nor left to others: a worker died and took them with it.
            losses.update(task.shard for task in free if task.shard in self._left.keys() - self._held)
            if lost := [shard for shard, count in losses.items() if count > MAX_LOSSES]:
                raise ModelError(
                    f"Workers died {MAX_LOSSES + 1} times with shard {lost[0]} of '{self.job.split}'. "
                    "Committed shards are kept; run the same command again to continue."
                )
            free = self._wait()

    def _receive(self, report: TaskReport) -> None:
        if report.skipped and not report.was_done:
            self._held.add(report.task.shard)
        elif self._left.pop(report.task.shard, None) is not None:
            self.report(report)

    def _drop_done(self) -> None:
        """Report what is done though this process did not do it, or died before it said so."""
        for shard, task in list(self._left.items()):
            changed = _read_state(self.job, task) != task.found
            # Its owner writes one file after the other, and gives the lease back behind the last one.
            if changed and self.book.end_stale(make_lease_name(self.job.split, shard)):
                record = load_shard_record(self.job.out, self.job.split, shard)
                failed = 0 if record is None or task.kind == "score" else len(record.failures)
                self.report(TaskReport(task, num_failed=failed, skipped=True))
                del self._left[shard]

    def _wait(self) -> list[ShardTask]:
        """Tasks that nobody does any more, once there are any; empty where all is done."""
        told, started = False, time.monotonic()
        while self._left:
            names = {shard: make_lease_name(self.job.split, shard) for shard in self._left}
            free = [task for shard, task in self._left.items() if self.book.end_stale(names[shard])]
            self._drop_done()
            if free := [task for task in free if task.shard in self._left]:
                return free
            if self._left and not told:
                owners = {
                    record.format_owner() for name in names.values() if (record := self.book.load(name))
                }
                self.note(
                    f"{self.job.split}: waiting for {len(self._left)} shards of {', '.join(sorted(owners))}"
                )
                told = True
            if self._left:
                self.book.pause(started)
        return []


def choose_shards(job: BuildJob, meta: PlanMeta, shards: tuple[int, int] | None) -> range:
    """Numbers of the shards to do.

    Raises:
        InputError: The range is not within the plan.
    """
    first, last = shards or (0, meta.num_shards)
    if not 0 <= first < last <= meta.num_shards:
        raise InputError(f"--shards {first}:{last} is not within 0:{meta.num_shards} of '{job.split}'.")
    return range(first, last)


def list_pending(job: BuildJob, meta: PlanMeta, shards: Sequence[int]) -> list[int]:
    """Shards still to be rendered; the files of the others are hashed in threads.

    Raises:
        DataError: A shard belongs to another plan.
    """

    def is_done(shard: int) -> bool:
        return inspect_shard(job.out, job.split, shard, meta.plan_sha256) == "done"

    pool = ThreadPoolExecutor(choose_workers())
    try:
        done = map_ahead(pool, is_done, shards, window=4 * choose_workers())
        return [shard for shard, is_there in zip(shards, done, strict=True) if not is_there]
    finally:
        # Without this, Ctrl-C would wait for the files in the queue.
        pool.shutdown(wait=True, cancel_futures=True)


def make_render_tasks(job: BuildJob, shards: Sequence[int], scorers: tuple[str, ...]) -> list[ShardTask]:
    """Tasks to render shards, and to score them behind the renderer."""
    return [ShardTask("render", n, scorers, read_state(job.out, job.split, n)) for n in shards]


def make_score_tasks(job: BuildJob, missing: dict[int, tuple[str, ...]]) -> list[ShardTask]:
    """Tasks to score shards that are rendered, each by the scorers it lacks."""
    return [ShardTask("score", n, names, read_score_state(job, names, n)) for n, names in missing.items()]


def _read_state(job: BuildJob, task: ShardTask) -> str | None:
    if task.kind == "score":
        return read_score_state(job, task.scorers, task.shard)
    return read_state(job.out, job.split, task.shard)
