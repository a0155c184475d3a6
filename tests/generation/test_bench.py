"""What `make bench` measures, held to its limits."""

from __future__ import annotations

import re

from imagenet_g.generation import bench


def test_memory_does_not_grow_with_the_images() -> None:
    """Peak memory of whole builds, each in a process of its own; 4,000 images alone are 48 MB."""
    small, large = map(float, re.findall(r"images (\d+) MB", bench.bench_memory((500, 4_000))))
    assert large - small < 24
