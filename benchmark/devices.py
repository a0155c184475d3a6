"""Which device a model runs on, for evaluation and generation alike."""

from __future__ import annotations

import platform
from collections.abc import Sequence

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.quick_imports import quick_imports

MAX_DEVICES = 64
"""Processes of one machine; a slip such as a thousand commas would fill its memory."""


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

    kind, colon, _ = requested.partition(":")
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    available = [kind for kind in kinds if present[kind]]
    if requested == "auto":
        return available[0]
    # Only GPUs of CUDA have numbers: torch takes "cpu:7", too, and runs it on the one processor.
    gpus = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if "cuda" in available else []
    if kind not in available or (colon and requested not in gpus):
        shown = ", ".join(["auto", *available, *gpus])
        raise InputError(f"Device '{requested}' is not available here. Available: {shown}.")
    return requested


def choose_devices(text: str) -> tuple[str, ...]:
    """The devices of a list such as "cuda:0,cuda:1", one process each.

    Args:
        text: Names with commas between; "cpu" may stand there several times, and divides the cores.

    Raises:
        InputError: A device is unknown, not available, or a GPU stands there twice.

    Example:
        >>> choose_devices("cpu, cpu")
        ('cpu', 'cpu')
    """
    names = [name.strip() for name in text.split(",")]
    if "auto" in names:
        raise InputError(
            f"--devices '{text}': name each device, such as cuda:0,cuda:1; 'auto' is for --device."
        )
    # Without a number it is the first one.
    devices = tuple("cuda:0" if found == "cuda" else found for found in map(choose_device, names))
    doubled = [device for device in dict.fromkeys(devices) if device != "cpu" and devices.count(device) > 1]
    if doubled:
        raise InputError(
            f"--devices '{text}' names '{doubled[0]}' twice; two processes on one GPU share its memory and "
            "gain nothing. Name each once."
        )
    if len(devices) > MAX_DEVICES:
        raise InputError(f"--devices names {len(devices)} devices; {MAX_DEVICES} are allowed.")
    return devices


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
