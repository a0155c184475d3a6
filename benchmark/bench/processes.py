"""A command as a process of its own: its time, and the memory of it and of all that it starts."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_INTERVAL_S = 0.1
EVALUATE = (sys.executable, "-m", "imagenet_g.benchmark.cli", "evaluate")


@dataclass(frozen=True, slots=True)
class ProcessRun:
    """What a process cost.

    Attributes:
        seconds: From its start to its end.
        cpu_seconds: Of it and of its children.
        peak_mb: The largest memory of it and all its children at one time, in MB; None off Linux. Memory that
            several of them share counts once.
        output: What it printed.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float | None
    output: str


class CommandFailedError(RuntimeError):
    """A command that was to be measured failed."""


def run_measured(command: Sequence[str], environment: Mapping[str, str] | None = None) -> ProcessRun:
    """Run a command to its end and measure it.

    Args:
        command: Program and arguments.
        environment: Variables to set besides those of this process.

    Raises:
        CommandFailedError: It ended with another code than 0; its last lines are in the message.
    """
    # A file and no pipe: a pipe that nobody empties stops the command when it is full.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as printed:
        before, started = _read_cpu_seconds(), time.perf_counter()
        process = subprocess.Popen(
            command, stdout=printed, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})}
        )
        with _end(process), _sample(process.pid) as peaks:
            code = process.wait()
        seconds = time.perf_counter() - started
        printed.seek(0)
        output = printed.read()
    if code != 0:
        last = "\n".join(output.splitlines()[-15:])
        raise CommandFailedError(f"{' '.join(command)} ended with code {code}:\n{last}")
    peak = max(peaks, default=0.0)
    return ProcessRun(seconds, _read_cpu_seconds() - before, peak or None, output)


def read_tree_mb(pid: int) -> float:
    """Memory of a process and all its descendants in MB; 0 where the system does not say.

    It is the proportional set size: a page that several processes share counts in parts.
    """
    return sum(_read_pss_mb(each) for each in list_tree(pid))


def list_tree(pid: int) -> list[int]:
    """A process and all its descendants; on Linux only."""
    found = [pid]
    # A process may end at any moment, and its files with it.
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text(encoding="ascii").split():
                found += list_tree(int(child))
    return found


def _read_pss_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6


@contextlib.contextmanager
def _sample(pid: int) -> Iterator[list[float]]:
    peaks: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_INTERVAL_S):
            peaks.append(read_tree_mb(pid))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()


@contextlib.contextmanager
def _end(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a process that is still there when what waits for it was interrupted."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def _read_cpu_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system
