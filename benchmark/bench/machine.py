"""The machine that figures belong to: what it is, and how fast it multiplies matrices."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from imagenet_g.benchmark.environment import count_cores

LIBRARIES = ("imagenet-g", "torch", "timm", "openvino", "numba", "pillow", "numpy", "pyarrow")
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def describe_machine() -> list[str]:
    """Lines that name the processor, its cores, the memory, the system and the versions of libraries."""
    cores = count_cores()
    governor = _read_text(_GOVERNOR) or "not shown by the system"
    versions = ", ".join(f"{name} {found}" for name in LIBRARIES if (found := _find_version(name)))
    return [
        f"{read_processor()}, {cores} cores, {_read_memory_gb():.0f} GB of memory, governor: {governor}",
        f"{platform.platform()}, Python {platform.python_version()}, {versions}",
        f"load before: {' '.join(f'{load:.2f}' for load in os.getloadavg())}",
    ]


def read_processor() -> str:
    """The processor by its own name."""
    for line in _read_text(Path("/proc/cpuinfo")).splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def measure_matrix_rate(size: int = 2048, seconds: float = 2.0) -> float:
    """Floating point operations a second of a float32 matrix product on all cores; the best of several."""
    import torch

    left, right = torch.rand(size, size), torch.rand(size, size)
    best, started = 0.0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        before = time.perf_counter()
        torch.mm(left, right)
        best = max(best, 2 * size**3 / (time.perf_counter() - before))
    return best


def count_operations(name: str) -> float:
    """Floating point operations of one image through a model of timm; a product and its sum are two."""
    import timm
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    model = timm.create_model(name, pretrained=False).eval()
    config = timm.data.resolve_data_config({}, model=model, use_test_size=True)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, *config["input_size"]))
    return float(counter.get_total_flops())


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _read_memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def _find_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
