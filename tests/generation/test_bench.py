"""What `make bench` measures, held to its limits."""

from __future__ import annotations

import re

from imagenet_g.generation import bench


def test_memory_is_flat_from_1_000_to_10_000_images() -> None:
    """Peak memory of whole builds, each in a process of its own; 10,000 images alone are 120 MB."""
    small, large = map(float, re.findall(r"images (\d+) MB", bench.bench_memory()))
    assert large - small < 40
