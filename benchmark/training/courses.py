"""How a run of training goes, whatever it learns: its length, rates, optimizer and checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from imagenet_g.benchmark.training.schedules import ScheduleSpec, find_rate

if TYPE_CHECKING:
    from pydantic import JsonValue

_MAX_GRADIENT_NORM = 1.0
# A finished run may be given more steps, and what is reported or saved meanwhile changes no weight.
_MAY_CHANGE = {"steps", "log_every", "save_every", "sample_every"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingCourse:
    """How a run goes.

    Attributes:
        steps: Steps of the optimizer in all.
        batch_size: Examples of a step, over all processes.
        average: Decay of the running mean of the weights, which is what is kept; 0 keeps the last weights.
        log_every: Steps between two lines of the log.
        save_every: Steps between two checkpoints; each replaces the one before.
        find_rate: The learning rate at a step, from the step and the one at which the optimizer started.
        make_optimizer: The optimizer of a module.
        identity: All of it that decides the weights, kept in the checkpoint.
        sample_every: Steps between two samples.
        keep_every: Steps between two checkpoints that stay, named by their step; None keeps only the last.
        clip_norm: Largest norm of the gradients; None for no limit.
        scaled: Whether losses are scaled so that small gradients do not vanish in float16.
    """

    steps: int
    batch_size: int
    average: float
    log_every: int
    save_every: int
    find_rate: Callable[[int, int], float]
    make_optimizer: Callable[[torch.nn.Module], torch.optim.Optimizer]
    identity: JsonValue
    sample_every: int = 1000
    keep_every: int | None = None
    clip_norm: float | None = None
    scaled: bool = False


def plan_course(schedule: ScheduleSpec) -> TrainingCourse:
    """AdamW with a rate that warms up, stays and falls, as a schedule says."""

    def find(step: int, since: int) -> float:
        return schedule.learning_rate * find_rate(step, schedule, since=since)

    def make(module: torch.nn.Module) -> torch.optim.Optimizer:
        # The rate is set before each step; this one is never used.
        return torch.optim.AdamW(group_by_decay(module, schedule.weight_decay), betas=(0.9, 0.99))

    return TrainingCourse(
        steps=schedule.steps,
        batch_size=schedule.batch_size,
        average=schedule.average,
        log_every=schedule.log_every,
        save_every=schedule.save_every,
        find_rate=find,
        make_optimizer=make,
        identity=schedule.model_dump(mode="json", exclude=_MAY_CHANGE),
        sample_every=schedule.sample_every,
        clip_norm=_MAX_GRADIENT_NORM,
    )


def group_by_decay(module: torch.nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Parameters in two groups: matrices and kernels decay; biases, norms and single vectors do not.

    Example:
        >>> decaying, staying = group_by_decay(torch.nn.Linear(3, 2), 0.1)
        >>> len(decaying["params"]), decaying["weight_decay"], staying["weight_decay"]
        (1, 0.1, 0.0)
    """
    learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in learning if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in learning if p.ndim <= 1], "weight_decay": 0.0},
    ]
