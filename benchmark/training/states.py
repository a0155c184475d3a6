"""All that a later run needs of a training: weights, their mean, the optimizer, and what decided them."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

import torch

from imagenet_g.benchmark.differences import list_differences
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.identity import format_canonical_json
from imagenet_g.benchmark.storage import replace_file
from imagenet_g.benchmark.training.courses import TrainingCourse

if TYPE_CHECKING:
    from pydantic import JsonValue

_DAMAGES = (OSError, RuntimeError, KeyError, TypeError, ValueError, EOFError, UnpicklingError)


@dataclass(frozen=True, slots=True)
class Start:
    """Weights of an earlier training to continue from; its optimizer is not kept and starts anew.

    Attributes:
        weights: By name, as the module has them.
        steps: Steps they have behind them.
        seconds: Time they took.
    """

    weights: dict[str, torch.Tensor]
    steps: int
    seconds: float


class TrainingState:
    """All that a later run needs.

    Args:
        module: What learns.
        course: How.
        inputs: All that decides the weights, kept with them.
    """

    def __init__(self, module: torch.nn.Module, course: TrainingCourse, inputs: dict[str, JsonValue]) -> None:
        self.module = module
        self.inputs = inputs
        self.optimizer = course.make_optimizer(module)
        self.scaler = torch.amp.GradScaler(torch.device(self.device).type, enabled=course.scaled)
        self.mean = deepcopy(module.state_dict())
        self.step = 0
        self.since = 0
        self.seconds = 0.0

    @property
    def device(self) -> str:
        """Where it learns."""
        return str(next(self.module.parameters()).device)

    def save(self, path: Path) -> None:
        """Write everything, whole or not at all.

        Raises:
            StorageError: The place cannot be written.
        """
        saved = {
            "weights": self.module.state_dict(),
            "mean": self.mean,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "step": self.step,
            "since": self.since,
            "seconds": self.seconds,
            # As text: the unpickler for untrusted files reads few kinds of objects.
            "inputs": format_canonical_json(self.inputs),
        }
        with replace_file(path) as temporary:
            torch.save(saved, temporary)

    def start(self, start: Start) -> None:
        """Continue from weights of an earlier training.

        Raises:
            DataError: They do not fit.
        """
        try:
            self.module.load_state_dict(start.weights)
        except RuntimeError as error:
            raise DataError(
                f"The weights to continue from are of another recipe: {str(error).splitlines()[0]}"
            ) from error
        self.mean = deepcopy(self.module.state_dict())
        self.step = self.since = start.steps
        self.seconds = start.seconds

    def load(self, path: Path) -> None:
        """Continue from a checkpoint.

        Raises:
            DataError: It is damaged, or of other inputs.
        """
        try:
            # weights_only: a checkpoint is a pickle, and one from elsewhere must not run code.
            saved = torch.load(path, map_location="cpu", weights_only=True)
            begun = json.loads(saved["inputs"])
        except _DAMAGES as error:
            raise _describe_damage(path, error) from error
        # Before the weights: those of another recipe often fit, and would end as a mixture of two trainings.
        if changes := list_differences(begun, json.loads(format_canonical_json(self.inputs))):
            raise DataError(
                f"'{path}' was begun with other inputs: {'; '.join(changes[:5])}. Continue with those of the "
                "first run, or choose another folder."
            )
        try:
            self.module.load_state_dict(saved["weights"])
            self.optimizer.load_state_dict(saved["optimizer"])
            # Checkpoints without a scaled loss were written before there was one.
            self.scaler.load_state_dict(saved.get("scaler", {}))
            # Moved like the fresh module's mean: the checkpoint is read to the CPU.
            self.mean = {name: saved["mean"][name].to(value) for name, value in self.mean.items()}
            self.step, self.seconds = int(saved["step"]), float(saved["seconds"])
            self.since = int(saved["since"])
        except _DAMAGES as error:
            raise _describe_damage(path, error) from error

    @torch.no_grad()
    def take_average(self, decay: float) -> None:
        """Move the mean towards the weights."""
        # Early on the mean forgets faster, so that the random start fades (TensorFlow's ramp for such means).
        decay = min(decay, (1 + self.step) / (10 + self.step)) if decay else 0.0
        for name, value in self.module.state_dict().items():
            # Counters such as BatchNorm's `num_batches_tracked` have no mean.
            if value.is_floating_point():
                self.mean[name].lerp_(value, 1 - decay)
            else:
                self.mean[name].copy_(value)


def _describe_damage(path: Path, error: Exception) -> DataError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return DataError(f"'{path}' is no checkpoint of this training: {reason} Delete it to start again.")
