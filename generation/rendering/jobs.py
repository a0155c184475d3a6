"""A build job and the worker that does its tasks, one shard at a time, on any engine."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, Future
from contextlib import ExitStack
from functools import cached_property, partial
from queue import SimpleQueue

from imagenet_g.benchmark.errors import ImagenetGError
from imagenet_g.generation.generators.generator import Generator
from imagenet_g.generation.generators.machine import choose_machine
from imagenet_g.generation.generators.make import make_generator
from imagenet_g.generation.generators.runtime import (
    choose_generation_device,
    fix_gpu,
    read_runtime,
    set_determinism,
)
from imagenet_g.generation.plans.plan import PlanMeta, load_plan_meta, load_shard_rows
from imagenet_g.generation.plans.sources import Sources
from imagenet_g.generation.rendering.continuing import (
    GeneratorOrigin,
    has_other_files,
    identify_origin,
    list_done_records,
    validate_code,
    validate_generator,
)
from imagenet_g.generation.rendering.neighbours import check_neighbours, make_check_key
from imagenet_g.generation.rendering.pipeline import (
    MAX_IMAGES_BEHIND,
    Background,
    ShardWork,
    load_before,
    load_beside,
    translate_scoring_errors,
)
from imagenet_g.generation.rendering.renderer import (
    MakePool,
    PlanRow,
    Renderer,
    RenderSettings,
    make_one_thread,
    make_threads,
)
from imagenet_g.generation.rendering.score_batches import WorkRow
from imagenet_g.generation.rendering.score_files import is_scored, score_shard
from imagenet_g.generation.rendering.scorer import Scorer
from imagenet_g.generation.rendering.scorers import Scorers, can_load_beside
from imagenet_g.generation.rendering.shards import ShardRecord, commit_shard, load_kept_rows, read_state
from imagenet_g.generation.rendering.tasks import (
    BuildJob,
    ShardTask,
    TaskReport,
    load_job_sources,
    load_source,
    make_lease_name,
    name_recipe,
    open_leases,
)
from imagenet_g.generation.sharing.leases import LeaseBook


class Worker:
    """Does tasks of one job; loads the generator, the sources and each scorer once, when first needed.

    Rows are committed and scored behind the renderer: `run` returns while that goes on, `finish` waits for
    it, and `close` ends the threads.

    Args:
        job: The job.
        make_pool: What decodes and encodes beside the generator and the scorers.
        make_thread: What commits and scores behind them, one piece at a time.
    """

    def __init__(
        self, job: BuildJob, *, make_pool: MakePool = make_threads, make_thread: MakePool = make_one_thread
    ) -> None:
        self._job, self._make_pool, self._make_thread = job, make_pool, make_thread
        self._reports: SimpleQueue[TaskReport] = SimpleQueue()
        self._closing = ExitStack()
        self._behind: dict[tuple[str, ...], Future[dict[str, Scorer]]] = {}

    def run(self, task: ShardTask) -> list[TaskReport]:
        """Begin a task; gives the reports of those that were done meanwhile, perhaps not of this one.

        Raises:
            ImagenetGError: As rendering, scoring and writing do, of this task or of one before.
        """
        try:
            match task.kind:
                case "render":
                    self._render(task)
                case "score":
                    self._reports.put(self._score(task))
                case "check":
                    _ = self._continuing
                    self._reports.put(TaskReport(task))
        except ImagenetGError:
            # What is rendered already is worth keeping, whatever is wrong with the next shard.
            self._background.settle()
            raise
        return self._take_reports()

    def finish(self) -> list[TaskReport]:
        """Wait for what is behind the renderer; gives the reports that were not given yet.

        Raises:
            ImagenetGError: As committing and scoring do.
        """
        self._background.finish()
        return self._take_reports()

    def close(self) -> None:
        """End all threads and give back all leases; what is not committed by now is given up."""
        self._closing.close()

    def render_rows(self, rows: Iterable[PlanRow]) -> list[WorkRow]:
        """Render planned rows without committing anything."""
        return self._renderer.render_rows(list(rows))

    def load(self) -> None:
        """Load the generator now, so that what follows can be timed without it."""
        _ = self._renderer

    @property
    def generator(self) -> Generator:
        """The generator, loaded."""
        return self._renderer.generator

    def _render(self, task: ShardTask) -> None:
        job, shard = self._job, task.shard
        lease = self._leases.acquire(make_lease_name(job.split, shard))
        # Somebody else renders it, or has rendered it since it was given out.
        if lease is None or read_state(job.out, job.split, shard) != task.found:
            if lease is not None:
                lease.release()
            self._reports.put(TaskReport(task, skipped=True))
            return
        scorers = self._load_behind(task)
        kept = load_kept_rows(job.out, job.split, shard, self._meta.plan_sha256)
        renderer = self._checked
        planned = load_shard_rows(job.plan_path, shard).to_pylist()
        work = ShardWork(job, task, lease, partial(self._commit, shard), scorers, self._sources, self._pool)
        prepare = work.prepare if task.scorers else None
        for futures in renderer.render_batches(planned, kept, self._pool, prepare):
            self._background.put(partial(work.take, futures))
        self._background.put(lambda: self._reports.put(work.commit()))
        self._background.put(work.score)
        self._background.put(lease.release)

    def _commit(self, shard: int, rows: Sequence[WorkRow], seconds: float) -> ShardRecord:
        return commit_shard(
            self._job.out,
            self._job.split,
            shard,
            rows,
            plan_sha256=self._meta.plan_sha256,
            generator=self._renderer.generator.describe(),
            origin=(self._origin.code_sha256, self._origin.files_sha256),
            runtime=self._runtime,
            seconds=seconds,
        )

    def _score(self, task: ShardTask) -> TaskReport:
        started, job = time.perf_counter(), self._job
        lease = self._leases.acquire(make_lease_name(job.split, task.shard))
        if lease is None:
            return TaskReport(task, skipped=True)
        try:
            # Scoring may run in a process that rendered nothing, and its last bits depend on this as well.
            scorers = self._load_scorers(task.scorers, task.shard)
            with translate_scoring_errors(job, task.shard, task.scorers):
                missing = {
                    name: one for name, one in scorers.items() if not is_scored(job, name, task.shard, one)
                }
                if not missing:
                    return TaskReport(task, skipped=True, was_done=True)
                rows = score_shard(job, task.shard, missing, self._sources, self._pool)
        finally:
            lease.release()
        return TaskReport(task, rows, seconds=time.perf_counter() - started)

    def _load_behind(self, task: ShardTask) -> Future[dict[str, Scorer]]:
        """The scorers that can score beside the generator; the others score in a pass of their own."""
        names = task.scorers
        if names not in self._behind:
            load = partial(self._load_scorers, names, task.shard)
            self._background.put(self._fix_threads)
            if all(can_load_beside(self._job.spec.scorers[name]) for name in names):
                # The generator first: a device that waits costs more than scores that come later.
                _ = self._renderer
                self._behind[names] = load_beside(load, self._make_thread())
            else:
                self._behind[names] = load_before(load)
        return self._behind[names]

    def _load_scorers(self, names: Sequence[str], shard: int) -> dict[str, Scorer]:
        with translate_scoring_errors(self._job, shard, names):
            self._fix_threads()
            return {name: self._scorers.load(name) for name in names}

    def _fix_threads(self) -> None:
        set_determinism(self._device, cpu_threads=self._job.generator_spec.num_cpu_threads)

    def _take_reports(self) -> list[TaskReport]:
        return [self._reports.get() for _ in range(self._reports.qsize())]

    @cached_property
    def _background(self) -> Background:
        ahead = max(2, MAX_IMAGES_BEHIND // self._job.split_spec.batch_size)
        background = Background(self._make_thread(), ahead)
        self._closing.callback(background.close)
        return background

    @cached_property
    def _pool(self) -> Executor:
        pool = self._make_pool()
        # Without `cancel_futures`, Ctrl-C would wait for every image in the queue.
        self._closing.callback(pool.shutdown, wait=True, cancel_futures=True)
        return pool

    @cached_property
    def _leases(self) -> LeaseBook:
        book = open_leases(self._job, self._job.out)
        self._closing.callback(book.close)
        return book

    @cached_property
    def _scorers(self) -> Scorers:
        return Scorers(self._job.spec.scorers, self._device)

    @cached_property
    def _meta(self) -> PlanMeta:
        return load_plan_meta(self._job.plan_path)

    @cached_property
    def _device(self) -> str:
        return choose_generation_device(self._job.device)

    @cached_property
    def _runtime(self) -> dict[str, str]:
        machine = choose_machine(self._job.generator_spec, self._job.machine)
        return read_runtime(self._device) | machine.describe()

    @cached_property
    def _sources(self) -> Sources | None:
        return load_job_sources(self._job)

    @cached_property
    def _origin(self) -> GeneratorOrigin:
        return identify_origin(self._job.generator_spec)

    @cached_property
    def _continuing(self) -> Renderer:
        """The renderer, once its generator is known to be that of the shards that are done."""
        job, done = self._job, list_done_records(self._job)
        validate_code(job, done, self._origin)
        validate_generator(
            job,
            done,
            self._renderer.generator.describe(),
            runtime=self._runtime,
            # A pipeline's description has the hash of every file; a user's own has what its author chose.
            redraw=self.render_rows
            if job.generator_spec.code_modules or has_other_files(done, self._origin)
            else None,
        )
        return self._renderer

    @cached_property
    def _checked(self) -> Renderer:
        """The renderer, once its images are known not to depend on those beside them."""
        renderer, origin = self._continuing, self._origin
        described = renderer.generator.describe()
        hashes = (origin.code_sha256, origin.files_sha256)
        key = make_check_key(self._meta.plan_sha256, described, hashes, self._runtime)
        check_neighbours(self._job, key, described, renderer.draw_batch)
        return renderer

    @cached_property
    def _renderer(self) -> Renderer:
        job = self._job
        # Before it: what a user's generator changes after that is what its runs record.
        fix_gpu(self._device)
        generator = make_generator(job.generator_spec, job.machine)
        generator.load(self._device)
        settings = RenderSettings(
            batch_size=job.split_spec.batch_size, encoding=job.spec.encoding, flat=job.spec.flat,
            recipe=name_recipe(job), generator=job.split_spec.generator,
        )  # fmt: skip
        return Renderer(
            generator,
            settings,
            lambda image_id: load_source(self._sources, image_id),
            make_pool=self._make_pool,
        )
