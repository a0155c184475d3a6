"""Memory of builds, held to the limits of `make bench`."""

from __future__ import annotations

import subprocess
import sys

from imagenet_g.benchmark.environment import read_peak_mb
from imagenet_g.generation.bench.sizes import measure_peak_mb


def test_memory_does_not_grow_with_the_images() -> None:
    """Peak memory of whole builds, each in a process of its own; 4,000 images alone are 48 MB."""
    assert measure_peak_mb(4_000) - measure_peak_mb(500) < 24


def test_a_peak_is_that_of_the_process_alone() -> None:
    """A small child of a process that holds 400 MB more."""
    ballast = bytearray(b"x" * 400_000_000)
    script = "from imagenet_g.benchmark.environment import read_peak_mb; print(read_peak_mb())"
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert len(ballast) / 1e6 < read_peak_mb()
    assert float(child.stdout) < 200
