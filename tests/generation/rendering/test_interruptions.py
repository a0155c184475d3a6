"""A build that is ended amid its overlapped work leaves whole files, and resumes to the same bytes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from build_specs import build, make_noise_spec, read_release

from imagenet_g.benchmark.identity import hash_file
from imagenet_g.generation.rendering import renderer, score_batches
from imagenet_g.generation.rendering.renderer import Renderer
from imagenet_g.generation.rendering.shards import ShardRecord
from imagenet_g.generation.specs.version import VersionSpec

JUDGE = {"kind": "judge", "model": "python:toy_models:make_colour_model"}


@dataclass(frozen=True)
class Moment:
    """When a build ends: behind a call of a function, counted in each run anew.

    Attributes:
        owner: Where the function is found.
        name: Its name.
        call: Number of the call, from 1.
        shards: How many shards are finished then.
        scores: How many of them have scores.
    """

    owner: Any
    name: str
    call: int
    shards: int
    scores: int = 0


# Three shards of three batches, twelve images. Each run goes on where the one before was ended.
MOMENTS = {
    # The first batch of the second shard is being encoded meanwhile.
    "rendering": Moment(Renderer, "_render_slots", call=5, shards=1),
    "encoding in a thread": Moment(renderer, "encode_image", call=5, shards=1),
    "in the middle of a shard's file": Moment(pq.ParquetWriter, "write_table", call=1, shards=1),
    "decoding in a thread": Moment(score_batches, "decode_image", call=17, shards=3, scores=1),
    "scoring": Moment(score_batches.Encoder, "encode", call=1, shards=3, scores=1),
    "in the middle of the scores' file": Moment(pq, "write_table", call=1, shards=3, scores=1),
}


@pytest.fixture(scope="module")
def spec() -> VersionSpec:
    """Noise in three shards of three batches, scored by a judge."""
    return make_noise_spec(
        images_per_class=12, rows_per_shard=12, scorers=["judge"], scorer_tables={"judge": JUDGE}
    )


@pytest.fixture(scope="module")
def straight(spec: VersionSpec, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Files of a build that nothing interrupted."""
    out = tmp_path_factory.mktemp("straight")
    build(spec, out)
    return read_all(out)


def read_all(out: Path) -> dict[str, bytes]:
    """Every file of a release, and the images and scores behind it."""
    work = {path.relative_to(out).as_posix(): path for path in (out / ".build").rglob("*.parquet")}
    return read_release(out) | {name: path.read_bytes() for name, path in work.items()}


def plant(patch: pytest.MonkeyPatch, moment: Moment, by: signal.Signals) -> None:
    """Send this process a signal at a moment."""
    original: Callable[..., object] = getattr(moment.owner, moment.name)
    lock, calls = threading.Lock(), iter(range(1, 10**6))

    def strike(*words: object, **options: object) -> object:
        made = original(*words, **options)
        with lock:
            count = next(calls)
        if count == moment.call:
            os.kill(os.getpid(), by)
        return made

    patch.setattr(moment.owner, moment.name, strike)


def die(spec: VersionSpec, out: Path, moment: Moment) -> None:
    """Build in a forked process that is killed at a moment, as by `kill -9`."""
    child = os.fork()
    if child == 0:
        try:
            with pytest.MonkeyPatch.context() as patch:
                plant(patch, moment, signal.SIGKILL)
                build(spec, out)
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def interrupt(spec: VersionSpec, out: Path, moment: Moment) -> None:
    """Build, and press Ctrl-C at a moment."""
    before = threading.active_count()
    with pytest.MonkeyPatch.context() as patch:
        plant(patch, moment, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            build(spec, out)
    assert threading.active_count() == before
    assert list(out.rglob("*.tmp")) == []


def validate_whole(out: Path, moment: Moment) -> None:
    """Every file under its own name can be read, and is the one that its record names."""
    assert not (out / "manifest.json").exists()
    for path in (out / ".build").rglob("*.parquet"):
        pq.read_table(path)
    records = list((out / ".build").glob("*/*.json"))
    for path in records:
        record = ShardRecord.model_validate_json(path.read_bytes())
        assert hash_file(path.with_suffix(".parquet")) == record.file.sha256
    scores = list((out / ".build").glob("*/scores/*/*.parquet"))
    assert (len(records), len(scores)) == (moment.shards, moment.scores)


@pytest.mark.parametrize("end", [die, interrupt], ids=["kill -9", "Ctrl-C"])
def test_a_build_that_is_ended_at_each_moment_in_turn_ends_with_the_same_bytes(
    end: Callable[[VersionSpec, Path, Moment], None],
    spec: VersionSpec,
    straight: dict[str, bytes],
    tmp_path: Path,
) -> None:
    """Six times; what is not whole does not count, and what is whole is not made again."""
    for moment in MOMENTS.values():
        end(spec, tmp_path, moment)
        validate_whole(tmp_path, moment)
    build(spec, tmp_path)
    assert read_all(tmp_path) == straight
