"""Processes are measured with all that they start, and none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imagenet_g.benchmark.bench.processes import CommandFailedError, list_tree, run_measured
from imagenet_g.benchmark.bench.scaling import keep_busy

HOLD = "import time; held = bytearray(80_000_000); time.sleep(0.5)"


def test_memory_of_children_counts() -> None:
    """A worker of a loader is a process of its own."""
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLD!r}]); print('over')"
    run = run_measured([sys.executable, "-c", code])
    assert run.output == "over\n"
    assert run.peak_mb is not None
    assert 80 < run.peak_mb < 200


def test_time_of_the_processor_is_that_of_the_command() -> None:
    """Waiting takes none of it."""
    run = run_measured([sys.executable, "-c", "import time; time.sleep(0.3)"])
    assert run.seconds > 0.3
    assert run.cpu_seconds < run.seconds


def test_a_command_that_fails_is_named_with_its_last_lines() -> None:
    """Its figures would mean nothing."""
    with pytest.raises(CommandFailedError, match=r"(?s)ended with code 3.*the reason"):
        run_measured([sys.executable, "-c", "print('the reason'); raise SystemExit(3)"])


def test_variables_are_set_for_the_command_alone() -> None:
    """Beside those of this process."""
    code = "import os; print(os.environ['BENCH_WORD'], 'PATH' in os.environ)"
    assert run_measured([sys.executable, "-c", code], {"BENCH_WORD": "here"}).output == "here True\n"
    assert "BENCH_WORD" not in os.environ


def test_busy_processes_end_with_the_measurement() -> None:
    """Also when it fails."""
    before = len(list_tree(os.getpid()))
    with pytest.raises(ValueError, match="over"), keep_busy(2):
        assert len(list_tree(os.getpid())) == before + 2
        raise ValueError("over")
    assert len(list_tree(os.getpid())) == before


def test_busy_processes_end_when_what_started_them_is_killed() -> None:
    """Nothing is left that slows the machine down."""
    code = (
        "import os, time; from imagenet_g.benchmark.bench.scaling import keep_busy\n"
        "from imagenet_g.benchmark.bench.processes import list_tree\n"
        "with keep_busy(1): print(list_tree(os.getpid())[-1], flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    for _ in range(200):
        if not is_running(child):
            return
        time.sleep(0.05)
    # A failing test must not leave it either.
    os.kill(child, signal.SIGKILL)
    pytest.fail("it still runs")


def is_running(pid: int) -> bool:
    """Whether a process computes; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").split()[2] != "Z"
    except OSError:
        return False
