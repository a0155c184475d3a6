"""Builds that are ended at chosen moments of their overlapped work."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from build_specs import build
from warm_processes import get_warm_context

from imagenet_g.benchmark.identity import hash_file
from imagenet_g.generation.rendering import renderer, score_batches
from imagenet_g.generation.rendering.renderer import Renderer
from imagenet_g.generation.rendering.score_batches import RowScorer
from imagenet_g.generation.rendering.shards import ShardRecord
from imagenet_g.generation.specs.version import VersionSpec

_TQDM = "tqdm_monitor"
"""Begun by the first bar of tqdm; it watches all later ones."""


@dataclass(frozen=True)
class Moment:
    """When a build ends: behind a call of a function, counted in each run anew.

    Attributes:
        owner: Where the function is found.
        name: Its name.
        call: Number of the call, from 1.
        shards: How many shards are finished at least, and at most: they are written behind the renderer.
        scores: The same of their scores.
    """

    owner: Any
    name: str
    call: int
    shards: tuple[int, int]
    scores: tuple[int, int]


# Four shards of three batches, twelve images. Each run goes on where the one before was ended.
MOMENTS = {
    # The first shard is being finished meanwhile.
    "rendering": Moment(Renderer, "_render_slots", call=5, shards=(0, 1), scores=(0, 1)),
    "encoding in a thread": Moment(renderer, "encode_image", call=5, shards=(0, 2), scores=(0, 2)),
    "in the middle of a shard's file": Moment(
        pq.ParquetWriter, "write_table", call=1, shards=(0, 3), scores=(0, 3)
    ),
    "scoring behind the renderer": Moment(RowScorer, "_pass_batch", call=1, shards=(1, 3), scores=(0, 3)),
    "in the middle of the scores' file": Moment(pq, "write_table", call=1, shards=(2, 4), scores=(0, 4)),
    "decoding in a thread": Moment(score_batches, "decode_image", call=5, shards=(4, 4), scores=(0, 4)),
}


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


def kill_each(spec: VersionSpec, out: Path) -> None:
    """At each moment in turn, build in a forked process that is killed then, as by `kill -9`."""
    for moment in MOMENTS.values():
        forget_scores(out, moment)
        child = os.fork()
        if child == 0:
            try:
                with pytest.MonkeyPatch.context() as patch:
                    plant(patch, moment, signal.SIGKILL)
                    build(spec, out)
            finally:
                os._exit(1)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
        validate_whole(out, moment)


def forget_scores(out: Path, moment: Moment) -> None:
    """Leave a shard without scores before a moment that needs one: they are taken while it is rendered."""
    if moment.owner is score_batches:
        for path in (out / ".build").glob("*/scores/*/00000.parquet"):
            path.unlink()


def interrupt_each(spec: VersionSpec, out: Path) -> None:
    """At each moment in turn, build and press Ctrl-C then; in one process of its own.

    Libraries that other tests have loaded must not decide what a signal does.
    """
    process = get_warm_context().Process(target=_interrupt_all, args=(spec, out))
    process.start()
    process.join()
    assert process.exitcode == 0


def _interrupt_all(spec: VersionSpec, out: Path) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for moment in MOMENTS.values():
        forget_scores(out, moment)
        build_interrupted(spec, out, moment)
        validate_whole(out, moment)


def build_interrupted(spec: VersionSpec, out: Path, moment: Moment) -> None:
    """End a build by Ctrl-C, which leaves neither a thread nor a half-written file."""
    before = set(threading.enumerate())
    with pytest.MonkeyPatch.context() as patch:
        plant(patch, moment, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            build(spec, out)
    assert list_threads_left(before, seconds=20) == set()
    assert list(out.rglob("*.tmp")) == []


def list_threads_left(before: set[threading.Thread], *, seconds: float) -> set[str]:
    """The names of threads that were not there before, once each had time to end what it is at."""
    until = time.monotonic() + seconds
    while left := {one.name for one in threading.enumerate() if one not in before} - {_TQDM}:
        # No `join`: where Ctrl-C came inside `Thread.start`, the thread may still be about to begin.
        if time.monotonic() > until:
            break
        time.sleep(0.02)
    return left


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
    for found, (least, most) in ((records, moment.shards), (scores, moment.scores)):
        assert least <= len(found) <= most, (moment, len(found))
