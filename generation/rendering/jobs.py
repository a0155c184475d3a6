"""A build job and the worker that does its tasks, one shard at a time, on any engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.errors import DataError, ImagenetGError, ModelError
from imagenet_g.generation.generators.generator import Generator
from imagenet_g.generation.generators.machine import choose_machine
from imagenet_g.generation.generators.make import make_generator
from imagenet_g.generation.generators.runtime import choose_generation_device, read_runtime, set_determinism
from imagenet_g.generation.plans.plan import PlanMeta, load_plan_meta, load_shard_rows
from imagenet_g.generation.plans.sources import Sources, load_sources
from imagenet_g.generation.prompts.mixing import name_prompt_recipe
from imagenet_g.generation.rendering.continuing import (
    GeneratorOrigin,
    has_other_files,
    identify_origin,
    list_done_records,
    validate_code,
    validate_generator,
)
from imagenet_g.generation.rendering.neighbours import check_neighbours, make_check_key
from imagenet_g.generation.rendering.renderer import (
    MakePool,
    PlanRow,
    Renderer,
    RenderSettings,
    WorkRow,
    make_threads,
)
from imagenet_g.generation.rendering.score_files import score_shard
from imagenet_g.generation.rendering.scorers import Scorers, load_scorer
from imagenet_g.generation.rendering.shards import commit_shard, inspect_shard, load_work_rows
from imagenet_g.generation.rendering.tasks import BuildJob, ShardTask, TaskReport
from imagenet_g.generation.specs.inputs import CaptionPromptSpec

if TYPE_CHECKING:
    from PIL import Image


class Worker:
    """Does tasks of one job; loads the generator, the sources and each scorer once, when first needed.

    Args:
        job: The job.
        make_pool: What decodes and encodes beside the generator and the scorers.
    """

    def __init__(self, job: BuildJob, *, make_pool: MakePool = make_threads) -> None:
        self._job, self._make_pool = job, make_pool

    def run(self, task: ShardTask) -> TaskReport:
        """Do one task and commit its result.

        Raises:
            ImagenetGError: As rendering, scoring and writing do.
        """
        started = time.perf_counter()
        failed, flat, rows = 0, 0, 0
        match task.kind:
            case "render":
                failed, flat, rows = self._render(task.shard, started)
            case "score":
                rows = self._score(task)
            case "check":
                _ = self._continuing
        return TaskReport(task, rows, failed, flat, time.perf_counter() - started)

    def render_rows(self, rows: Iterable[PlanRow]) -> list[WorkRow]:
        """Render planned rows without committing anything."""
        return list(self._renderer.render_shard(list(rows), {}))

    def load(self) -> None:
        """Load the generator now, so that what follows can be timed without it."""
        _ = self._renderer

    @property
    def generator(self) -> Generator:
        """The generator, loaded."""
        return self._renderer.generator

    def _render(self, shard: int, started: float) -> tuple[int, int, int]:
        job, meta = self._job, self._meta
        planned = load_shard_rows(job.plan_path, shard).to_pylist()
        rows = list(self._checked.render_shard(planned, self._load_kept(shard)))
        record = commit_shard(
            job.out,
            job.split,
            shard,
            rows,
            plan_sha256=meta.plan_sha256,
            generator=self._renderer.generator.describe(),
            origin=(self._origin.code_sha256, self._origin.files_sha256),
            runtime=self._runtime,
            seconds=time.perf_counter() - started,
        )
        return len(record.failures), record.num_flat, len(rows)

    def _load_kept(self, shard: int) -> dict[object, WorkRow]:
        """Rows of an earlier attempt that were rendered without an error."""
        job = self._job
        # A damaged file gives no row that can be trusted.
        if inspect_shard(job.out, job.split, shard, self._meta.plan_sha256) != "failed rows":
            return {}
        rows = load_work_rows(job.out, job.split, shard)
        return {row["image_id"]: row for row in rows if row["error"] is None}

    def _score(self, task: ShardTask) -> int:
        # Scoring may run in a process that rendered nothing, and its last bits depend on this as well.
        set_determinism(self._device, cpu_threads=self._job.generator_spec.num_cpu_threads)
        pool = self._make_pool()
        try:
            scorers = {name: self._scorers.load(name) for name in task.scorers}
            return score_shard(self._job, task.shard, scorers, self._sources, pool)
        except ImagenetGError:
            raise
        except Exception as error:
            # A judge may be the user's own and raise anything.
            raise ModelError(
                f"Scoring shard {task.shard} of '{self._job.split}' with {', '.join(task.scorers)} fails: "
                f"{type(error).__name__}: {error}"
            ) from error
        finally:
            # Without this, Ctrl-C would wait for every image in the queue.
            pool.shutdown(wait=True, cancel_futures=True)

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
        generator = make_generator(job.generator_spec, job.machine)
        generator.load(self._device)
        settings = RenderSettings(
            batch_size=job.split_spec.batch_size,
            encoding=job.spec.encoding,
            flat=job.spec.flat,
            recipe=name_recipe(job),
            generator=job.split_spec.generator,
        )
        return Renderer(generator, settings, self._load_source, make_pool=self._make_pool)

    def _load_source(self, image_id: str) -> Image.Image:
        if self._sources is None:
            raise DataError(f"source image '{image_id}' is planned, but the split has no sources")
        return self._sources.load_image(image_id)


def load_job_sources(job: BuildJob) -> Sources | None:
    """The sources of a job's split; None for a split without sources.

    Raises:
        ImagenetGError: They are not available or damaged.
    """
    sources = job.split_spec.sources
    return None if sources is None else load_sources(sources.ref, data=job.data, cache=job.cache)


def identify_scorer(job: BuildJob, name: str) -> str:
    """Load a scorer on the CPU for its identity.

    Raises:
        ImagenetGError: As `load_scorer`.
    """
    # As in `_load_scorer`: another number of threads would round to other digits.
    set_determinism("cpu", cpu_threads=job.generator_spec.num_cpu_threads)
    return load_scorer(name, job.spec.scorers[name], "cpu").identify()


def name_recipe(job: BuildJob) -> Callable[[PlanRow], str]:
    """Value of the column `recipe` of a row: its prompt recipe, or the input of the generator."""
    prompts = job.split_spec.prompts
    if prompts is None:
        return lambda row: job.generator_spec.inputs
    if isinstance(prompts, CaptionPromptSpec):
        return lambda row: f"{prompts.recipe}:{Path(prompts.file).stem}"
    return lambda row: name_prompt_recipe(prompts, int(str(row["label"])), int(str(row["index"])))
