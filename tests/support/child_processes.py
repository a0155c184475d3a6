"""Processes that a command has started, and whether they still run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def list_children(pid: int) -> list[int]:
    """Processes that a process has started."""
    # One short file for each thread; looking through all processes would slow down what is waited for.
    return [
        int(word)
        for task in Path(f"/proc/{pid}/task").glob("*")
        for word in _read_text(task / "children").split()
    ]


def list_group(group: int) -> list[int]:
    """Processes of a group that are still at work."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state != "Z":
            found.append(int(path.parent.name))
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    return _read_status(Path(f"/proc/{pid}"))[:1] not in ([], ["Z"])


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _read_status(process: Path) -> list[str]:
    """State and parent of a process; empty where it is gone."""
    return _read_text(process / "stat").rpartition(")")[2].split()[:2]


def _read_text(path: Path) -> str:
    """A file of /proc; empty where the process is gone."""
    try:
        return path.read_text()
    except OSError:
        return ""
