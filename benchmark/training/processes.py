"""The processes that train one model together, as the loop sees them."""

from __future__ import annotations

from typing import Protocol

import torch


class TrainingProcesses(Protocol):
    """One process's view of all that train a model together."""

    @property
    def index(self) -> int:
        """Number of this process, from 0; the first one writes."""

    @property
    def count(self) -> int:
        """How many there are."""

    def wait(self) -> None:
        """Return when all processes have come this far."""

    def average(self, value: torch.Tensor) -> torch.Tensor:
        """The mean of a number over the processes."""


class OneProcess:
    """A process that trains alone."""

    index = 0
    count = 1

    def wait(self) -> None:
        """Return at once."""

    def average(self, value: torch.Tensor) -> torch.Tensor:
        """The number itself."""
        return value
