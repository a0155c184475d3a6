"""The trackers: one function each, from a result to one run of the library.

What a library prints goes to standard error, where notes go: standard output is for results.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.identity import make_slug
from imagenet_g.benchmark.redaction import redact
from imagenet_g.benchmark.results import Result
from imagenet_g.benchmark.tracking.values import list_facts, list_values

PROJECT = "imagenet-g"
Track: TypeAlias = Callable[[Result, Path], None]
"""Makes one run from a result; files, where the library keeps any, go under the folder."""


@dataclass(frozen=True, slots=True)
class Tracker:
    """A library that keeps experiments.

    Attributes:
        name: As `--track` takes it; also the module that must be installed, and the name of the extra.
        track: Makes one run from a result.
        keeps_files: Whether it writes into the folder of the results, and not to a place of its own.
    """

    name: str
    track: Track
    keeps_files: bool


def _track_tensorboard(result: Result, out: Path) -> None:
    # Not torch.utils.tensorboard, which takes seconds to import: an answer from the cache needs no torch.
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb
    from tensorboard.plugins.text.summary_v2 import text_pb
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    rows = "\n".join(f"| {name} | {value} |" for name, value in list_facts(result).items())
    summaries = [scalar_pb(name, value) for name, value in list_values(result).items()]
    summaries.append(text_pb("run", f"| fact | value |\n|---|---|\n{rows}"))
    writer = EventFileWriter(str(out / "tensorboard" / make_slug(result.model.spec)))
    try:
        for summary in summaries:
            writer.add_event(Event(step=0, wall_time=time.time(), summary=summary))
    finally:
        writer.close()


def _track_trackio(result: Result, out: Path) -> None:
    import trackio

    # Where it keeps its runs is the user's setting (TRACKIO_DIR). The load of this machine is no result.
    run = trackio.init(
        project=PROJECT,
        name=make_slug(result.model.spec),
        config=list_facts(result),
        embed=False,
        auto_log_gpu=False,
        auto_log_cpu=False,
    )
    try:
        run.log(list_values(result), step=0)
    finally:
        trackio.finish()


def _track_wandb(result: Result, out: Path) -> None:
    import wandb

    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        name=make_slug(result.model.spec),
        config=list_facts(result),
        dir=str(out),
        # One run a model, and neither code nor the load of this machine.
        reinit="finish_previous",
        save_code=False,
        settings=wandb.Settings(x_disable_stats=True, disable_git=True),
    )
    try:
        run.log(list_values(result), step=0)
    finally:
        run.finish()


TRACKERS = (
    Tracker("tensorboard", _track_tensorboard, keeps_files=True),
    Tracker("trackio", _track_trackio, keeps_files=False),
    Tracker("wandb", _track_wandb, keeps_files=True),
)
NAMES = tuple(tracker.name for tracker in TRACKERS)


def open_tracker(name: str) -> Tracker:
    """The tracker of a name, before anything runs; its library is looked for and not imported.

    Raises:
        UnknownNameError: There is no such tracker.
        InputError: Its library is not installed.
    """
    found = next((tracker for tracker in TRACKERS if tracker.name == name), None)
    if found is None:
        raise UnknownNameError("tracker", name, NAMES)
    if find_spec(name) is None:
        raise InputError(f"--track {name} needs the library {name}: pip install 'imagenet-g[{name}]'")
    return found


def track_results(tracker: Tracker, results: Sequence[Result], out: Path) -> list[str]:
    """Hand results to a tracker, one run each.

    A library that fails takes nothing with it: the result files are written already.

    Returns:
        What failed, one message a model.
    """
    failures = []
    for result in results:
        try:
            with contextlib.redirect_stdout(sys.stderr):
                tracker.track(result, out)
        except Exception as error:
            # Libraries that talk to a server may raise anything.
            reason = redact(f"{type(error).__name__}: {error}".strip().splitlines()[0])
            failures.append(
                f"--track {tracker.name} failed for {result.model.spec} ({reason}); its result file is whole."
            )
    return failures
