"""Processes that build one folder together: shared shards, deaths, and what is refused."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from build_specs import build, make_noise_spec, read_release

from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.generation.building.passes import ShardPass, list_pending, make_score_tasks
from imagenet_g.generation.plans.plan import load_plan_meta
from imagenet_g.generation.rendering.engines import run_serial
from imagenet_g.generation.rendering.pixel_scorer import PixelScorer
from imagenet_g.generation.rendering.score_files import make_score_path, score_shard
from imagenet_g.generation.rendering.shards import inspect_shard
from imagenet_g.generation.rendering.tasks import (
    BuildJob,
    LocalSettings,
    TaskReport,
    make_lease_name,
    open_leases,
)
from imagenet_g.generation.specs.version import VersionSpec

JUDGE = {"kind": "judge", "model": "python:toy_models:make_colour_model"}
NUM_SHARDS = 6


@pytest.fixture(scope="module")
def spec() -> VersionSpec:
    """Noise in six shards of two batches, slow enough to meet another process, scored by a judge."""
    return make_noise_spec(
        images_per_class=16, rows_per_shard=8, factory="build_specs:SlowGenerator",
        scorers=["judge"], scorer_tables={"judge": JUDGE},
    )  # fmt: skip


@pytest.fixture(scope="module")
def straight(spec: VersionSpec, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The release as one process makes it, undisturbed; then the libraries are loaded as well."""
    out = tmp_path_factory.mktemp("straight")
    build(spec, out)
    return read_release(out)


def fork(work: Callable[[], object]) -> int:
    """A process that does some work; its exit code is 1 where the work fails."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return child


def wait_for_shards(out: Path, count: int) -> None:
    """Wait until so many shards are committed."""
    until = time.monotonic() + 60
    while len(list((out / ".build").glob("*/*.json"))) < count:
        assert time.monotonic() < until
        time.sleep(0.005)


def test_three_processes_share_the_shards_and_make_one_release(
    spec: VersionSpec, straight: dict[str, bytes], tmp_path: Path
) -> None:
    """At least two render some, none what another one has; all of them end with the release."""
    counts = [tmp_path / f"rendered-{number}" for number in range(3)]
    out = tmp_path / "out"

    def work(place: Path) -> None:
        tasks = build(spec, out).tasks
        own = [task for task in tasks if "kind='render'" in task and "skipped=False" in task]
        place.write_text(str(len(own)))
        assert (out / "manifest.json").exists()

    children = [fork(lambda place=place: work(place)) for place in counts]  # type: ignore[misc]
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
    rendered = [int(place.read_text()) for place in counts]
    assert sum(rendered) == NUM_SHARDS and sorted(rendered)[1] > 0
    assert read_release(out) == straight
    assert [path for path in (out / ".build" / "leases").rglob("*") if path.is_file()] == []


def test_a_process_goes_on_where_another_one_is_killed(
    spec: VersionSpec, straight: dict[str, bytes], tmp_path: Path
) -> None:
    """`kill -9`: it notices that the owner of a lease is gone, and the bytes are the same."""
    victim = fork(lambda: build(spec, tmp_path))
    wait_for_shards(tmp_path, 1)
    survivor = fork(lambda: build(spec, tmp_path))
    wait_for_shards(tmp_path, 2)
    os.kill(victim, signal.SIGKILL)
    os.waitpid(victim, 0)
    assert os.waitstatus_to_exitcode(os.waitpid(survivor, 0)[1]) == 0
    assert read_release(tmp_path) == straight
    assert list(tmp_path.rglob("*.tmp")) == []


def test_the_shard_of_a_silent_machine_is_taken_over_when_its_lease_has_expired(
    spec: VersionSpec, straight: dict[str, bytes], tmp_path: Path
) -> None:
    """Not before; until then the others wait and say for whom."""
    build(spec, tmp_path, shards=(0, NUM_SHARDS - 1))
    name = make_lease_name("sd-l", NUM_SHARDS - 1)
    lease = tmp_path / ".build" / "leases" / name
    job = BuildJob(spec=spec, out=tmp_path, split="sd-l")

    def hold_and_die() -> None:
        assert open_leases(job, tmp_path).acquire(name) is not None
        text = lease.read_text()
        # As of a machine that does not answer: this one would see at once that the process is gone.
        lease.write_text(text.replace(f'"machine":"{text.split("machine")[1][3:9]}"', '"machine":"ffffff"'))

    os.waitpid(fork(hold_and_die), 0)
    started = time.monotonic()
    listener = build(spec, tmp_path, lease_seconds=1.0)
    assert time.monotonic() - started > 0.9
    assert any(note.startswith("sd-l: waiting for 1 shards of ") for note in listener.notes)
    assert read_release(tmp_path) == straight


@pytest.mark.parametrize(("title", "with_scores"), [("Other", True), (None, False)])
def test_a_build_of_something_else_is_refused_while_one_runs(
    spec: VersionSpec, tmp_path: Path, title: str | None, with_scores: bool
) -> None:
    """With who builds there; and the one that runs is not disturbed."""
    first = fork(lambda: build(spec, tmp_path))
    wait_for_shards(tmp_path, 1)
    other = spec.model_copy(update={"title": title or spec.title})
    with pytest.raises(InputError, match=rf"\(process {first}\) builds something else"):
        build(other, tmp_path, with_scores=with_scores)
    assert os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]) == 0


def test_jobs_of_an_array_score_what_they_render(spec: VersionSpec, tmp_path: Path) -> None:
    """The last process has nothing to score."""
    for shards in ((0, 3), (3, NUM_SHARDS)):
        tasks = build(spec, tmp_path, shards=shards).tasks
        assert not any("kind='score'" in task for task in tasks)
    assert len(list((tmp_path / ".build").glob("*/scores/judge/*.parquet"))) == NUM_SHARDS
    assert build(spec, tmp_path).tasks == []


def test_shards_are_checked_in_threads_with_the_same_answer(spec: VersionSpec, tmp_path: Path) -> None:
    """One is damaged, one is missing; of another plan, the error comes through."""
    build(spec, tmp_path)
    folder = tmp_path / ".build" / "sd-l"
    (folder / "00004.json").unlink()
    (folder / "00002.parquet").write_bytes(b"PAR1 damaged")
    job = BuildJob(spec=spec, out=tmp_path, split="sd-l")
    meta = load_plan_meta(job.plan_path)
    assert list_pending(job, meta, range(NUM_SHARDS)) == [2, 4]
    assert inspect_shard(tmp_path, "sd-l", 2, meta.plan_sha256) == "damaged"
    with pytest.raises(DataError, match="another plan"):
        list_pending(job, meta.model_copy(update={"plan_sha256": "0" * 64}), range(NUM_SHARDS))


def make_pixel_job(out: Path) -> BuildJob:
    """Three rendered shards of noise with two scorers, and no score."""
    spec = make_noise_spec(
        scorers=["one", "two"], scorer_tables={"one": {"kind": "pixels"}, "two": {"kind": "pixels"}}
    )
    build(spec, out, with_scores=False)
    return BuildJob(spec=spec, split="sd-l", out=out, device="cpu")


def test_the_scores_of_another_process_are_done_when_its_lease_ends(tmp_path: Path) -> None:
    """Its files come one after the other, and the first of them says nothing of the others."""
    job, other = make_pixel_job(tmp_path), open_leases(LocalSettings(), tmp_path)
    lease = other.acquire(make_lease_name(job.split, 0))
    assert lease is not None
    tasks = make_score_tasks(job, {0: ("one", "two")})

    def write() -> None:
        for name in ("one", "two"):
            with ThreadPoolExecutor(1) as pool:
                score_shard(job, 0, {name: PixelScorer(name)}, None, pool)
            time.sleep(0.3)
        lease.release()

    with ThreadPoolExecutor(1) as thread, closing(open_leases(LocalSettings(), tmp_path)) as book:
        writing = thread.submit(write)
        ShardPass(job, run_serial, book, lambda report: None, lambda text: None).run(tasks)
        assert all(make_score_path(job, name, 0).is_file() for name in ("one", "two"))
        writing.result()
    other.close()


def test_scores_that_were_written_before_their_task_was_made_end_the_pass(tmp_path: Path) -> None:
    """Nothing changes any more, so that waiting for a change would never end."""
    job, reports = make_pixel_job(tmp_path), list[TaskReport]()
    with ThreadPoolExecutor(1) as pool:
        score_shard(job, 0, {name: PixelScorer(name) for name in ("one", "two")}, None, pool)
    with closing(open_leases(LocalSettings(), tmp_path)) as book:
        work = ShardPass(job, run_serial, book, reports.append, lambda text: None)
        work.run(make_score_tasks(job, {0: ("one", "two")}))
    assert [(report.skipped, report.was_done) for report in reports] == [(True, True)]
