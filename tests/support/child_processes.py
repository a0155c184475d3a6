"""Processes that a command has started, and whether they still run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def list_children(pid: int) -> list[int]:
    """Processes that a process has started."""
    return [int(path.name) for path in Path("/proc").glob("[0-9]*") if _read_status(path)[1:2] == [str(pid)]]


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
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return []
