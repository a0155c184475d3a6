"""One loop for everything this project trains: seeded, resumable after an interruption, and extendable.

The seed and the step's number alone decide what a step draws, so no random state is saved: an interrupted run
resumes from its last checkpoint with the same draws. The learning rate warms up, stays constant, and falls
over the last part of the steps; with more steps it stays constant for longer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Protocol

import torch
from pydantic import JsonValue

from imagenet_g.benchmark.differences import list_differences
from imagenet_g.benchmark.errors import DataError, ModelError
from imagenet_g.benchmark.identity import format_canonical_json
from imagenet_g.benchmark.storage import replace_file, translate_storage_errors
from imagenet_g.benchmark.training.schedules import ScheduleSpec, find_rate

CHECKPOINT = "checkpoint.pt"
LOG = "log.jsonl"
_MAX_GRADIENT_NORM = 1.0
# A finished run may be given more steps, and what is reported or saved meanwhile changes no weight.
_MAY_CHANGE = {"steps", "log_every", "save_every", "sample_every"}
_DAMAGES = (OSError, RuntimeError, KeyError, TypeError, ValueError, EOFError, UnpicklingError)


class TrainingTask(Protocol):
    """What is learnt: modules, and the loss of a step."""

    @property
    def module(self) -> torch.nn.Module:
        """Everything that learns, in one module."""

    def compute_loss(self, numbers: torch.Generator, batch_size: int) -> dict[str, torch.Tensor]:
        """Named scalars of one step; the one named "loss" is minimised.

        Args:
            numbers: A CPU generator, the source of all random numbers of the step.
            batch_size: Examples of the step.
        """


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


@dataclass(frozen=True, slots=True)
class Trained:
    """The end of a run.

    Attributes:
        weights: The running mean of the weights, float32 on the CPU.
        steps: Steps taken in all, over all runs.
        seconds: Time spent in all.
        device: Device of the last run.
    """

    weights: dict[str, torch.Tensor]
    steps: int
    seconds: float
    device: str


def run_training(
    task: TrainingTask,
    schedule: ScheduleSpec,
    folder: Path,
    *,
    seed: int,
    inputs: Mapping[str, JsonValue],
    say: Callable[[str], None],
    sample: Callable[[Mapping[str, torch.Tensor], int], None] | None = None,
    start: Start | None = None,
) -> Trained:
    """Train to the schedule's end, from the folder's checkpoint where there is one.

    Args:
        task: What is learnt.
        schedule: How.
        folder: Where the checkpoint and the log are.
        seed: Decides every step's chance; weights at the start are the caller's.
        inputs: All else that decides the weights, such as the model's recipe and the hash of the data. It is
            kept in the checkpoint, and a checkpoint of other inputs is refused.
        say: Receives progress messages.
        sample: Called with the kept weights now and then, to draw what has been learnt.
        start: Where to start when there is no checkpoint; None for the module's own weights.

    Raises:
        ModelError: The loss is not a number.
        DataError: The checkpoint is damaged, or was made with another seed, schedule or other inputs.
        StorageError: The folder cannot be written.
    """
    rates: JsonValue = schedule.model_dump(mode="json", exclude=_MAY_CHANGE)
    state = _TrainingState(task.module, schedule, {**inputs, "seed": seed, "schedule": rates})
    if (folder / CHECKPOINT).is_file():
        state.load(folder / CHECKPOINT)
    elif start is not None:
        state.start(start)
    if state.step:
        say(f"resuming at step {state.step}")
    started, since = time.monotonic(), state.seconds
    while state.step < schedule.steps:
        values = _take_step(task, schedule, state, seed)
        state.seconds = since + time.monotonic() - started
        if state.step % schedule.log_every == 0 or state.step == schedule.steps:
            _report(folder, state, schedule, values, say)
        if state.step % schedule.save_every == 0 or state.step == schedule.steps:
            state.save(folder / CHECKPOINT)
        if sample and (state.step % schedule.sample_every == 0 or state.step == schedule.steps):
            sample(state.mean, state.step)
    weights = {name: value.float().cpu() for name, value in state.mean.items()}
    return Trained(weights, state.step, state.seconds, state.device)


class _TrainingState:
    """All that a later run needs: weights, their mean, the optimizer, the step, and what decided them."""

    def __init__(self, module: torch.nn.Module, schedule: ScheduleSpec, inputs: dict[str, JsonValue]) -> None:
        self.module = module
        self.inputs = inputs
        self.optimizer = torch.optim.AdamW(_group(module, schedule.weight_decay), betas=(0.9, 0.99))
        self.mean = deepcopy(module.state_dict())
        self.step = 0
        self.since = 0
        self.seconds = 0.0

    @property
    def device(self) -> str:
        return str(next(self.module.parameters()).device)

    def save(self, path: Path) -> None:
        saved = {
            "weights": self.module.state_dict(),
            "mean": self.mean,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "since": self.since,
            "seconds": self.seconds,
            # As text: the unpickler for untrusted files reads few kinds of objects.
            "inputs": format_canonical_json(self.inputs),
        }
        with replace_file(path) as temporary:
            torch.save(saved, temporary)

    def start(self, start: Start) -> None:
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
            # Moved like the fresh module's mean: the checkpoint is read to the CPU.
            self.mean = {name: saved["mean"][name].to(value) for name, value in self.mean.items()}
            self.step, self.seconds = int(saved["step"]), float(saved["seconds"])
            self.since = int(saved["since"])
        except _DAMAGES as error:
            raise _describe_damage(path, error) from error


def _describe_damage(path: Path, error: Exception) -> DataError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return DataError(f"'{path}' is no checkpoint of this training: {reason} Delete it to start again.")


def _group(module: torch.nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Matrices and kernels decay; biases, norms and single vectors do not."""
    learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in learning if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in learning if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _take_step(
    task: TrainingTask, schedule: ScheduleSpec, state: _TrainingState, seed: int
) -> Mapping[str, torch.Tensor]:
    rate = schedule.learning_rate * find_rate(state.step, schedule, since=state.since)
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    # A prime stride keeps the seeds of two runs apart for a million steps; all devices use the CPU's numbers.
    numbers = torch.Generator("cpu").manual_seed(seed * 1_000_003 + state.step)
    state.module.train()
    values = task.compute_loss(numbers, schedule.batch_size)
    # Before the step: after it the weights are NaN, and so is the next checkpoint.
    if not torch.isfinite(values["loss"]):
        loss = float(values["loss"].detach())
        raise ModelError(f"The loss at step {state.step} is {loss}: a lower learning_rate may help.")
    state.optimizer.zero_grad(set_to_none=True)
    values["loss"].backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(state.module.parameters(), _MAX_GRADIENT_NORM)
    state.optimizer.step()
    state.step += 1
    _average(state, schedule.average)
    return values


@torch.no_grad()
def _average(state: _TrainingState, decay: float) -> None:
    # Early on the mean forgets faster, so that the random start fades (TensorFlow's ramp for such means).
    decay = min(decay, (1 + state.step) / (10 + state.step)) if decay else 0.0
    for name, value in state.module.state_dict().items():
        # Counters such as BatchNorm's `num_batches_tracked` have no mean.
        if value.is_floating_point():
            state.mean[name].lerp_(value, 1 - decay)
        else:
            state.mean[name].copy_(value)


def _report(
    folder: Path,
    state: _TrainingState,
    schedule: ScheduleSpec,
    values: Mapping[str, torch.Tensor],
    say: Callable[[str], None],
) -> None:
    numbers = {name: round(float(value.detach()), 5) for name, value in values.items()}
    line = {"step": state.step, "seconds": round(state.seconds, 1), **numbers}
    with translate_storage_errors(folder / LOG):
        folder.mkdir(parents=True, exist_ok=True)
        # Opened for each line, so that a killed run leaves whole lines behind.
        with (folder / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    left = state.seconds / state.step * (schedule.steps - state.step)
    shown = ", ".join(f"{name} {value:.4f}" for name, value in numbers.items())
    say(f"step {state.step} of {schedule.steps}: {shown}; {_format_minutes(left)} left")


def _format_minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


@contextmanager
def use_weights(module: torch.nn.Module, weights: Mapping[str, torch.Tensor]) -> Iterator[None]:
    """Put weights into a module for a while, in eval mode, and then its own back."""
    own = deepcopy(module.state_dict())
    module.load_state_dict(dict(weights))
    module.eval()
    try:
        yield
    finally:
        module.load_state_dict(own)
        module.train()
