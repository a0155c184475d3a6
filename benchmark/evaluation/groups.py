"""Which models share a pass: as many as memory holds at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from imagenet_g.benchmark.devices import choose_device
from imagenet_g.benchmark.errors import InputError

MAX_TOGETHER = 8
"""Models of one pass. With eight, reading and decoding cost each an eighth of what they did; more would only
put the first result off."""
MEMORY_SHARE = 0.25
"""Of the free memory, for the weights of a pass: activations and the images on their way need the rest."""
_UNKNOWN_MEMORY = 8 * 2**30
Model = TypeVar("Model")


def form_groups(
    models: Iterable[Model], weigh: Callable[[Model], int], *, measure_memory: Callable[[], int]
) -> Iterator[list[Model]]:
    """Groups of consecutive models, each full as soon as it holds what memory allows.

    Args:
        models: The models; the next one is taken, and with it loaded, only when the last one's group has room
            for more.
        weigh: From a model to the bytes that it holds; 0 for one that has nothing to compute.
        measure_memory: Bytes that a group may hold, asked for when its first model has weight; the last
            model of a group may go beyond them.

    Example:
        >>> list(form_groups([3, 3, 0, 9, 1], lambda model: model, measure_memory=lambda: 5))
        [[3, 3], [0, 9], [1]]
    """
    group: list[Model] = []
    held, memory = 0, None
    for model in models:
        group.append(model)
        weight = weigh(model)
        if weight and memory is None:
            # Before the group has computed anything: what it holds later is its own.
            memory = measure_memory()
        held += weight
        if (memory is not None and held >= memory) or len(group) >= MAX_TOGETHER:
            yield group
            group, held, memory = [], 0, None
    if group:
        yield group


def choose_memory(device: str) -> int:
    """Bytes that the weights of a pass may take on a device that was asked for."""
    try:
        chosen = choose_device(device)
    # The first model says so, as it always did.
    except InputError:
        return 0
    return int(MEMORY_SHARE * _read_free_bytes(chosen))


def _read_free_bytes(device: str) -> int:
    if device.startswith("cuda"):
        import torch

        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    # Only Linux has it.
    except OSError:
        return _UNKNOWN_MEMORY
    found = dict(line.split(":", 1) for line in lines)
    return int(found["MemAvailable"].split()[0]) * 1024
