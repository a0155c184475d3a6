"""Which device a model runs on, for evaluation and generation alike."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.quick_imports import quick_imports


def choose_device(requested: str, *, kinds: Sequence[str] = ("cuda", "mps", "cpu")) -> str:
    """The device to run on: "auto" takes the first kind that is available.

    Args:
        requested: "auto", or a device as torch names it, such as "cpu" or "cuda:1".
        kinds: The kinds that the caller supports, fastest first.

    Raises:
        InputError: The device is not supported, or not available on this machine.
    """
    # torch takes a second to import, and `--help` of every command that has --device imports this module.
    with quick_imports():
        import torch

    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    available = [kind for kind in kinds if present[kind]]
    if requested == "auto":
        return available[0]
    if requested.partition(":")[0] not in available:
        raise InputError(
            f"Device '{requested}' is not available here. Available: auto, {', '.join(available)}."
        )
    return requested


def format_device_name(device: str) -> str:
    """The device's own name, such as "NVIDIA H100 80GB HBM3"; the processor type on a CPU."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(device)
    # On many Linux systems `platform.processor()` is empty.
    return platform.processor() or platform.machine()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice.

    Example:
        >>> is_out_of_memory(RuntimeError("CUDA out of memory.")), is_out_of_memory(ValueError("shape"))
        (True, False)
    """
    import torch

    # torch has OutOfMemoryError for CUDA; its allocators for CPU and MPS raise RuntimeError with these words.
    message = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        "out of memory" in message
        or "not enough memory" in message
        or "can't allocate memory" in message
        # What C++ calls it, and with it OpenVINO.
        or "bad_alloc" in message
    )


def count_cores() -> int:
    """Cores that this process may use.

    Example:
        >>> 1 <= count_cores() <= (os.cpu_count() or 1)
        True
    """
    # A batch system may lend a process a part of the machine; only Linux says which.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
