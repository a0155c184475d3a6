"""One loop for everything this project trains: seeded, resumable after an interruption, and extendable.

The seed and the step's number alone decide what a step draws, so no random state is saved: an interrupted run
resumes from its last checkpoint with the same draws. How long and how fast it learns is a `TrainingCourse`.
One made from a schedule warms up, stays constant, and falls over the last part of the steps; with more steps
it stays constant for longer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from pydantic import JsonValue

from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.storage import translate_storage_errors, write_text
from imagenet_g.benchmark.training.courses import TrainingCourse, plan_course
from imagenet_g.benchmark.training.processes import OneProcess, TrainingProcesses
from imagenet_g.benchmark.training.schedules import ScheduleSpec
from imagenet_g.benchmark.training.states import Start, TrainingState

CHECKPOINT = "checkpoint.pt"
LOG = "log.jsonl"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingHooks:
    """What a caller adds to a run.

    Attributes:
        say: Receives progress messages.
        sample: Called with the kept weights now and then, to draw what has been learnt.
        begin: Called once with the step that comes next, before it is taken; a task that reads its examples
            in order starts there.
        report: More for a line of the log, such as what the last steps were made of.
        follow: Receives each line of the log, as it is written.
    """

    say: Callable[[str], None]
    sample: Callable[[Mapping[str, torch.Tensor], int], None] | None = None
    begin: Callable[[int], None] | None = None
    report: Callable[[], Mapping[str, JsonValue]] | None = None
    follow: Callable[[Mapping[str, JsonValue]], None] | None = None


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
    hooks = TrainingHooks(say=say, sample=sample)
    return run_course(task, plan_course(schedule), folder, seed=seed, inputs=inputs, hooks=hooks, start=start)


def run_course(
    task: TrainingTask,
    course: TrainingCourse,
    folder: Path,
    *,
    seed: int,
    inputs: Mapping[str, JsonValue],
    hooks: TrainingHooks,
    start: Start | None = None,
    processes: TrainingProcesses | None = None,
) -> Trained:
    """Train to the course's end, from the folder's checkpoint where there is one.

    Args:
        task: What is learnt.
        course: How.
        folder: Where the checkpoint and the log are.
        seed: Decides every step's chance; weights at the start are the caller's.
        inputs: As in `run_training`.
        hooks: What the caller adds.
        start: Where to start when there is no checkpoint; None for the module's own weights.
        processes: Those that train together; None for this one alone. The first of them writes.

    Raises:
        ModelError: The loss is not a number.
        DataError: The checkpoint is damaged, or was made with another seed, course or other inputs.
        StorageError: The folder cannot be written.
    """
    processes = processes or OneProcess()
    state = TrainingState(task.module, course, {**inputs, "seed": seed, "schedule": course.identity})
    if (folder / CHECKPOINT).is_file():
        state.load(folder / CHECKPOINT)
    elif start is not None:
        state.start(start)
    if processes.index == 0:
        if state.step:
            hooks.say(f"resuming at step {state.step}")
        # Also at the start: a run that was killed before its first checkpoint has lines of steps to come.
        forget_lines(folder / LOG, state.step)
    if hooks.begin is not None:
        hooks.begin(state.step)
    started, since = time.monotonic(), state.seconds
    while state.step < course.steps:
        values = _take_step(task, course, state, seed)
        state.seconds = since + time.monotonic() - started
        if is_due(state.step, course.log_every, course.steps):
            _report(folder, state, course, values, hooks, processes)
        if is_due(state.step, course.save_every, course.steps):
            _save(folder, state, course, processes)
        if hooks.sample and is_due(state.step, course.sample_every, course.steps):
            hooks.sample(state.mean, state.step)
    weights = {name: value.float().cpu() for name, value in state.mean.items()}
    return Trained(weights, state.step, state.seconds, state.device)


def is_due(step: int, every: int, steps: int) -> bool:
    """Whether something is done after a step: each `every` steps, and after the last one.

    Example:
        >>> [step for step in range(1, 8) if is_due(step, 3, 7)]
        [3, 6, 7]
    """
    return step % every == 0 or step == steps


def forget_lines(path: Path, step: int) -> None:
    """Take out of a log what a killed run wrote after its last checkpoint: those steps are taken again."""
    if not path.is_file():
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if _is_before(line, step)]
    if len(kept) < len(lines):
        write_text(path, "".join(kept))


def _is_before(line: str, step: int) -> bool:
    try:
        return int(json.loads(line)["step"]) <= step
    except (ValueError, KeyError, TypeError):
        # The last line of a process that was killed while it wrote.
        return False


def _save(folder: Path, state: TrainingState, course: TrainingCourse, processes: TrainingProcesses) -> None:
    if processes.index == 0:
        state.save(folder / CHECKPOINT)
        if course.keep_every is not None and is_due(state.step, course.keep_every, course.steps):
            state.save(folder / f"checkpoint-{state.step:07}.pt")
    # No process runs ahead of a checkpoint, so that none is killed in a later step than the one it is of.
    processes.wait()


def _take_step(
    task: TrainingTask, course: TrainingCourse, state: TrainingState, seed: int
) -> Mapping[str, torch.Tensor]:
    rate = course.find_rate(state.step, state.since)
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    # A prime stride keeps the seeds of two runs apart for a million steps; all devices use the CPU's numbers.
    numbers = torch.Generator("cpu").manual_seed(seed * 1_000_003 + state.step)
    state.module.train()
    values = task.compute_loss(numbers, course.batch_size)
    # Before the step: after it the weights are NaN, and so is the next checkpoint.
    if not torch.isfinite(values["loss"]):
        loss = float(values["loss"].detach())
        raise ModelError(f"The loss at step {state.step} is {loss}: a lower learning_rate may help.")
    state.optimizer.zero_grad(set_to_none=True)
    # Without a scaled loss the scaler passes everything through.
    state.scaler.scale(values["loss"]).backward()  # type: ignore[no-untyped-call]
    if course.clip_norm is not None:
        state.scaler.unscale_(state.optimizer)
        torch.nn.utils.clip_grad_norm_(state.module.parameters(), course.clip_norm)
    state.scaler.step(state.optimizer)
    state.scaler.update()
    state.step += 1
    state.take_average(course.average)
    return values


def _report(
    folder: Path,
    state: TrainingState,
    course: TrainingCourse,
    values: Mapping[str, torch.Tensor],
    hooks: TrainingHooks,
    processes: TrainingProcesses,
) -> None:
    means = {name: processes.average(value.detach()) for name, value in values.items()}
    more = hooks.report() if hooks.report is not None else {}
    if processes.index:
        return
    numbers = {name: round(float(value), 5) for name, value in means.items()}
    rate = state.optimizer.param_groups[0]["lr"]
    line = {"step": state.step, "seconds": round(state.seconds, 1), **numbers, "learning_rate": rate, **more}
    with translate_storage_errors(folder / LOG):
        folder.mkdir(parents=True, exist_ok=True)
        # Opened for each line, so that a killed run leaves whole lines behind.
        with (folder / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    if hooks.follow is not None:
        hooks.follow(line)
    left = state.seconds / state.step * (course.steps - state.step)
    shown = ", ".join(f"{name} {value:.4f}" for name, value in numbers.items())
    hooks.say(f"step {state.step} of {course.steps}: {shown}; {_format_minutes(left)} left")


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
