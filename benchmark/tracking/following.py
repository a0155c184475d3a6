"""A run that is followed while it goes on: numbers by step, handed to a tracker as they come.

A library that fails takes nothing with it: the run's own log has every number already.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from imagenet_g.benchmark.identity import make_slug
from imagenet_g.benchmark.redaction import redact
from imagenet_g.benchmark.tracking.trackers import PROJECT, Tracker

Log: TypeAlias = Callable[[Mapping[str, float], int], None]
"""Takes numbers by name, and the step that they are of."""


@contextmanager
def follow_run(
    tracker: Tracker, name: str, facts: Mapping[str, object], out: Path, *, say: Callable[[str], None]
) -> Iterator[Log]:
    """Follow a run; what the block hands over goes to the tracker.

    Args:
        tracker: Of `open_tracker`.
        name: Of the run.
        facts: About the run, by name.
        out: Folder of the run, where a tracker's files go.
        say: Takes one note on what the tracker failed with; after it nothing more is handed over.
    """
    opened = _Opened(tracker, say)
    opened.attempt(lambda: opened.start(_OPENERS[tracker.name](make_slug(name), facts, out)))
    try:
        yield lambda values, step: opened.attempt(lambda: opened.log(values, step))
    finally:
        opened.attempt(opened.close)


class _Opened:
    """A tracker's run, until its library fails."""

    def __init__(self, tracker: Tracker, say: Callable[[str], None]) -> None:
        self._tracker, self._say = tracker, say
        self._failed = False
        self._run: tuple[Log, Callable[[], None]] | None = None

    def start(self, run: tuple[Log, Callable[[], None]]) -> None:
        self._run = run

    def log(self, values: Mapping[str, float], step: int) -> None:
        if self._run is not None:
            self._run[0](values, step)

    def close(self) -> None:
        if self._run is not None:
            self._run[1]()

    def attempt(self, act: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            # Standard output is for results.
            with contextlib.redirect_stdout(sys.stderr):
                act()
        except Exception as error:
            # Libraries that talk to a server may raise anything.
            self._failed = True
            reason = redact(f"{type(error).__name__}: {error}".strip().splitlines()[0])
            self._say(f"note: --track {self._tracker.name} failed ({reason}); the log is whole.")


def _open_tensorboard(name: str, facts: Mapping[str, object], out: Path) -> tuple[Log, Callable[[], None]]:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb
    from tensorboard.plugins.text.summary_v2 import text_pb
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(out / "tensorboard" / name))
    rows = "\n".join(f"| {fact} | {value} |" for fact, value in facts.items())
    table = text_pb("run", f"| fact | value |\n|---|---|\n{rows}")
    writer.add_event(Event(step=0, wall_time=time.time(), summary=table))

    def log(values: Mapping[str, float], step: int) -> None:
        for key, value in values.items():
            writer.add_event(Event(step=step, wall_time=time.time(), summary=scalar_pb(key, value)))

    return log, writer.close


def _open_trackio(name: str, facts: Mapping[str, object], out: Path) -> tuple[Log, Callable[[], None]]:
    import trackio

    run = trackio.init(
        project=PROJECT, name=name, config=dict(facts), embed=False, auto_log_gpu=False, auto_log_cpu=False
    )
    return lambda values, step: run.log(dict(values), step=step), trackio.finish


def _open_wandb(name: str, facts: Mapping[str, object], out: Path) -> tuple[Log, Callable[[], None]]:
    import wandb

    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        name=name,
        config=dict(facts),
        dir=str(out),
        reinit="finish_previous",
        save_code=False,
        settings=wandb.Settings(x_disable_stats=True, disable_git=True),
    )
    return lambda values, step: run.log(dict(values), step=step), run.finish


_OPENERS = {"tensorboard": _open_tensorboard, "trackio": _open_trackio, "wandb": _open_wandb}
