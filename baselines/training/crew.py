"""The processes of one training, as `accelerate launch` or `torchrun` start them; alone without either."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.training.processes import OneProcess, TrainingProcesses


class AcceleratedProcesses:
    """Processes that accelerate has joined.

    Args:
        accelerator: Of accelerate.
    """

    def __init__(self, accelerator: Any) -> None:  # noqa: ANN401
        self._accelerator = accelerator

    @property
    def index(self) -> int:
        """Number of this process."""
        return int(self._accelerator.process_index)

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self._accelerator.num_processes)

    @property
    def device(self) -> str:
        """This process's device."""
        return str(self._accelerator.device)

    def wait(self) -> None:
        """Return when all have come this far."""
        self._accelerator.wait_for_everyone()

    def average(self, value: torch.Tensor) -> torch.Tensor:
        """The mean of a number over the processes."""
        reduced: torch.Tensor = self._accelerator.reduce(value, reduction="mean")
        return reduced

    def share_gradients(self, model: torch.nn.Module) -> torch.nn.Module:
        """A copy of a model, on the same weights, whose gradients are the mean over the processes."""
        shared: torch.nn.Module = self._accelerator.prepare_model(model)
        return shared


@contextmanager
def join_processes(device: str) -> Iterator[TrainingProcesses]:
    """The processes that train together: those of the launcher that started this one, or this one alone.

    Args:
        device: "cpu", "cuda" or "mps".

    Raises:
        InputError: There are several, and accelerate is not installed.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield OneProcess()
        return
    try:
        from accelerate import Accelerator
    except ImportError as error:
        raise InputError("Several processes need accelerate: pip install 'imagenet-g[train]'.") from error
    processes = AcceleratedProcesses(Accelerator(cpu=device == "cpu"))
    try:
        yield processes
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def validate_share(batch_size: int, processes: TrainingProcesses) -> None:
    """Check that a step divides evenly: else the mean of the processes' gradients is not that of the step.

    Raises:
        InputError: It does not.
    """
    if batch_size % processes.count:
        raise InputError(
            f"A batch of {batch_size} images does not divide by {processes.count} processes. Start a number "
            "that divides it, or change batch_size in a recipe of your own."
        )
