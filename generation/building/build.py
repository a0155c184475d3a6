"""Building a version: plan, render, score, release; each step resumes where the last run stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from imagenet_g.benchmark.differences import list_differences
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.file_stamps import FileStamp
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.splits.manifests import MANIFEST_NAME
from imagenet_g.benchmark.storage import sweep_leftovers
from imagenet_g.generation.building.ahead import FilesAhead
from imagenet_g.generation.building.guards import validate_files, validate_scorers, validate_views
from imagenet_g.generation.building.machine import list_machine_notes, validate_machine
from imagenet_g.generation.building.passes import (
    ShardPass,
    choose_shards,
    list_pending,
    make_render_tasks,
    make_score_tasks,
)
from imagenet_g.generation.plans.plan import Plan, PlanMeta, load_plan_meta, make_plan, write_plan
from imagenet_g.generation.plans.prompt_checks import (
    list_prompt_warnings,
    refuse_lost_classes,
    report_prompts,
)
from imagenet_g.generation.plans.recipe import make_recipe
from imagenet_g.generation.releases.writing import write_release
from imagenet_g.generation.rendering.continuing import (
    has_other_files,
    identify_origin,
    list_done_records,
    validate_code,
)
from imagenet_g.generation.rendering.score_files import identify_scorer, list_unscored
from imagenet_g.generation.rendering.shards import load_shard_record
from imagenet_g.generation.rendering.tasks import (
    BuildJob,
    BuildSettings,
    Engine,
    ShardTask,
    TaskReport,
    load_job_sources,
    open_leases,
)
from imagenet_g.generation.sharing.builders import join_builders, list_builders
from imagenet_g.generation.sharing.leases import LeaseBook
from imagenet_g.generation.specs.version import validate_pins


class BuildListener(Protocol):
    """Receives the progress of a build."""

    def start(self, what: str, total: int, done: int) -> None:
        """A pass over shards begins; some may be done already."""

    def report(self, report: TaskReport) -> None:
        """One shard is done."""

    def note(self, text: str) -> None:
        """A remark for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest(BuildSettings):
    """What to build.

    Attributes:
        source: What the user called the spec, for messages.
        splits: Split names.
        engine: Runs the tasks.
        shards: Range of shards [first, last) to render only; None for all shards and the release.
        leave_out_failed: Release without rows that could not be rendered.
        with_scores: Run the scorers; without, the release has no score columns and no views on them.
        plan: Makes the plan of a split in place of `make_job_plan`; None for that.
    """

    source: str
    splits: tuple[str, ...]
    engine: Engine
    shards: tuple[int, int] | None = None
    leave_out_failed: bool = False
    with_scores: bool = True
    plan: Callable[[BuildJob], Plan] | None = None


def run_build(request: BuildRequest, listener: BuildListener) -> Path | None:
    """Build splits of a version; safe to interrupt, to run again, and to run several times at once.

    Returns:
        Path of the manifest; None if only some shards were requested.

    Raises:
        ImagenetGError: The message says what to do; committed shards are kept.
    """
    jobs = [request.make_job(name) for name in request.splits]
    # Before hours of rendering: what is unpinned cannot be built again.
    validate_pins(request.spec, request.splits, source=request.source)
    validate_files(request.spec, request.splits)
    validate_machine(request.spec, request.splits, request.machine)
    for note in list_machine_notes(request.spec, request.splits):
        listener.note(note)
    validate_views(request.spec, request.splits, with_scores=request.with_scores)
    if request.with_scores:
        validate_scorers(request.spec, request.splits)
    # Every plan before the first image: a mistake in the last split should not wait for the others.
    plans = [_make_checked_plan(request.plan or make_job_plan, job, listener) for job in jobs]
    with closing(open_leases(request, request.out)) as book:
        return _build(request, jobs, plans, book, listener)


def _build(
    request: BuildRequest,
    jobs: Sequence[BuildJob],
    plans: Sequence[Plan],
    book: LeaseBook,
    listener: BuildListener,
) -> Path | None:
    options = {"with_scores": request.with_scores, "leave_out_failed": request.leave_out_failed}
    purpose = hash_json({"spec": request.spec.model_dump(mode="json"), **options})
    with join_builders(book, request.out, purpose) as others:
        if others:
            listener.note(f"sharing the work with {', '.join(other.format_owner() for other in others)}")
        # Two processes that begin at once must not each write a plan of their own.
        with book.hold("plans"):
            metas = [keep_plan(job, plan, listener) for job, plan in zip(jobs, plans, strict=True)]
        with closing(FilesAhead()) as ahead:
            for job, meta in zip(jobs, metas, strict=True):
                _run_job(request, job, meta, book, listener, ahead)
        return None if request.shards is not None else _release(request, jobs, book, listener, ahead.stamps)


def _run_job(
    request: BuildRequest,
    job: BuildJob,
    meta: PlanMeta,
    book: LeaseBook,
    listener: BuildListener,
    ahead: FilesAhead,
) -> None:
    shards = choose_shards(job, meta, request.shards)
    names = job.split_spec.scorers if request.with_scores else ()
    write_ahead = ahead.follow(job, names, meta.num_shards)

    def receive(report: TaskReport) -> None:
        listener.report(report)
        write_ahead(report)

    work = ShardPass(job, request.engine, book, receive, listener.note)
    pending = list_pending(job, meta, shards)
    _check_generator(request, job, is_finished=not pending)
    listener.start(f"{job.split}: rendering", len(shards), len(shards) - len(pending))
    work.run(make_render_tasks(job, pending, names))
    records = [load_shard_record(job.out, job.split, number) for number in pending]
    if failed := sum(len(record.failures) for record in records if record is not None):
        listener.note(f"{job.split}: {failed} rows failed; run the same command again to retry them")
    # What was rendered now is scored already; this is for shards of earlier runs, and for other scorers.
    unscored = _list_unscored(job, names, shards, fresh=bool(pending))
    if unscored or (names and not pending):
        listener.start(
            f"{job.split}: scoring with {', '.join(names)}", len(shards), len(shards) - len(unscored)
        )
        work.run(make_score_tasks(job, unscored))


def _list_unscored(
    job: BuildJob, names: Sequence[str], shards: Sequence[int], *, fresh: bool
) -> dict[int, tuple[str, ...]]:
    """The scorers that each shard lacks: one pass for all of them, so that each image is decoded once."""
    pending = {
        name: list_unscored(job, name, shards, partial(identify_scorer, job, name), fresh=fresh)
        for name in names
    }
    found = {shard: tuple(name for name in names if shard in pending[name]) for shard in shards}
    return {shard: missing for shard, missing in found.items() if missing}


def _release(
    request: BuildRequest,
    jobs: Sequence[BuildJob],
    book: LeaseBook,
    listener: BuildListener,
    stamps: Mapping[Path, FileStamp],
) -> Path:
    before = _read_time(request.out / MANIFEST_NAME)
    with book.hold("release") as waited:
        # Another process that built the same has just written it; to read it all again would take long.
        if waited and _read_time(request.out / MANIFEST_NAME) != before:
            return request.out / MANIFEST_NAME
        path = write_release(
            jobs,
            listener.note,
            leave_out_failed=request.leave_out_failed,
            with_scores=request.with_scores,
            stamps=stamps,
        )
        # Of processes that were killed; a folder is also cleared when this process first writes to it.
        sweep_leftovers(request.out, everybodys=not list_builders(book))
        return path


def _read_time(path: Path) -> int | None:
    return path.stat().st_mtime_ns if path.exists() else None


def make_job_plan(job: BuildJob) -> Plan:
    """The plan of a job's split, from its spec and its sources.

    Raises:
        ImagenetGError: The sources are not available, or a class has no source.
    """
    sources = load_job_sources(job)
    return make_plan(
        job.spec.version,
        job.split,
        job.split_spec,
        rows_per_shard=job.spec.rows_per_shard,
        recipe=make_recipe(job.spec, job.split, sources),
        source_ids=None if sources is None else sources.list_ids(),
    )


def _make_checked_plan(make: Callable[[BuildJob], Plan], job: BuildJob, listener: BuildListener) -> Plan:
    plan = make(job)
    for warning in check_job_prompts(job, plan):
        listener.note(f"{job.split}: {warning}")
    return plan


def keep_plan(job: BuildJob, plan: Plan, listener: BuildListener) -> PlanMeta:
    """Write a plan, or check that the existing one is the same.

    Raises:
        DataError: The folder belongs to another plan; the message lists the differences.
    """
    try:
        begun = load_plan_meta(job.plan_path)
    except DataError:
        # Missing or damaged: the plan is a pure function of the spec, and shards store its hash.
        write_plan(job.plan_path, plan)
        return plan.meta
    if begun.plan_sha256 != plan.meta.plan_sha256:
        raise DataError(_format_changed_plan(job, begun, plan.meta))
    listener.note(f"{job.split}: continuing with the plan in '{job.out}'")
    return begun


def check_job_prompts(job: BuildJob, plan: Plan) -> list[str]:
    """Warnings about the prompts of a plan, as sentences without a full stop.

    Raises:
        InputError: A prompt names its class behind the text encoder's limit.
    """
    prompts, labels = plan.table["prompt"].to_pylist(), plan.table["label"].to_pylist()
    refuse_lost_classes(job.split, job.split_spec, job.generator_spec, prompts, labels)
    report = report_prompts(job.split_spec, job.generator_spec, prompts, labels)
    return list_prompt_warnings(report, job.generator_spec)


def _check_generator(request: BuildRequest, job: BuildJob, *, is_finished: bool) -> None:
    """Refuse to continue with another generator; one with shards to render is checked once it is loaded."""
    done, origin = list_done_records(job), identify_origin(job.generator_spec)
    validate_code(job, done, origin)
    if is_finished and has_other_files(done, origin):
        request.engine(job, [ShardTask("check", done[0].shard)], lambda report: None)


def _format_changed_plan(job: BuildJob, begun: PlanMeta, now: PlanMeta) -> str:
    # Equal recipes with other rows: a list of sources has changed under the same name.
    lines = list_differences(begun.recipe, now.recipe) or ["the rows themselves differ"]
    shown = "; ".join(lines[:5]) + (f"; and {len(lines) - 5} more" if len(lines) > 5 else "")
    return (
        f"'{job.out}' belongs to another plan of '{job.split}': {shown}. "
        "Continue with the spec of the first run, or choose another --out."
    )
