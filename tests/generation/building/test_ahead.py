"""Files of a release that are written while later shards are rendered."""

from __future__ import annotations

from pathlib import Path

import pytest
from build_specs import build, make_noise_spec

from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.generation.building.ahead import FilesAhead
from imagenet_g.generation.releases import files
from imagenet_g.generation.releases.files import place_file
from imagenet_g.generation.releases.writing import write_release
from imagenet_g.generation.rendering.tasks import BuildJob, ShardTask, TaskReport

DONE = TaskReport(ShardTask("render", 0), num_rows=4)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BuildJob:
    """A split of three shards, all rendered, without a release."""
    spec = make_noise_spec()
    monkeypatch.setattr(FilesAhead, "follow", lambda *args: lambda report: None)
    build(spec, tmp_path, shards=(0, 3))
    monkeypatch.undo()
    return BuildJob(spec=spec, split="sd-l", out=tmp_path, device="cpu")


def write_first(job: BuildJob) -> FilesAhead:
    """The first file, written."""
    ahead = FilesAhead()
    ahead.follow(job, (), 3)(DONE)
    ahead.close()
    return ahead


def test_a_file_that_was_written_ahead_is_that_of_the_release(
    job: BuildJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is neither written nor read again, while it looks as it did."""
    ahead, path = write_first(job), place_file(job, 0, 3)
    before = hash_file(path)
    read: list[Path] = []

    def watch(one: Path) -> str:
        read.append(one)
        return hash_file(one)

    monkeypatch.setattr(files, "hash_file", watch)
    write_release([job], lambda text: None, stamps=ahead.stamps)
    assert path not in read
    first = load_manifest(job.out).splits["sd-l"].files[0]
    assert (job.out / first.path, first.sha256) == (path, before)


def test_a_file_that_was_changed_since_is_written_again(job: BuildJob) -> None:
    """Its stamp is not what it was."""
    ahead, path = write_first(job), place_file(job, 0, 3)
    before = hash_file(path)
    path.write_bytes(path.read_bytes()[:-1])
    write_release([job], lambda text: None, stamps=ahead.stamps)
    assert hash_file(path) == before


@pytest.mark.parametrize(
    ("scorers", "report"),
    [
        ((), TaskReport(ShardTask("render", 0), num_rows=4, num_failed=1)),
        ((), TaskReport(ShardTask("render", 0), skipped=True)),
        ((), TaskReport(ShardTask("score", 0), num_rows=4)),
        (("looks",), DONE),
    ],
)
def test_a_shard_that_is_not_whole_is_left_to_the_release(
    job: BuildJob, scorers: tuple[str, ...], report: TaskReport
) -> None:
    """Failed rows, another process's shard, a pass of scores alone, and scores that are not there yet."""
    ahead = FilesAhead()
    ahead.follow(job, scorers, 3)(report)
    ahead.close()
    assert not place_file(job, 0, 3).exists()


def test_a_file_of_a_release_stays_until_its_manifest_changes(job: BuildJob) -> None:
    """A build with other scores would otherwise leave a release that is neither of the two."""
    path = place_file(job, 0, 3)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"of a release")
    write_first(job)
    assert path.read_bytes() == b"of a release"
