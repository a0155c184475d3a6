"""How long and how fast something learns."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from imagenet_g.benchmark.records import FileModel


class ScheduleSpec(FileModel):
    """How long and how fast something learns."""

    steps: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=1)]
    learning_rate: Annotated[float, Field(gt=0)]
    warmup_steps: Annotated[int, Field(ge=0)]
    decay_share: Annotated[float, Field(ge=0, le=1)]
    """The last share of the steps, over which the learning rate falls to nothing."""
    weight_decay: Annotated[float, Field(ge=0)]
    average: Annotated[float, Field(ge=0, lt=1)]
    """Decay of the running mean of the weights, which is what is kept; 0 keeps the last weights."""
    log_every: Annotated[int, Field(ge=1)] = 50
    save_every: Annotated[int, Field(ge=1)] = 100
    sample_every: Annotated[int, Field(ge=1)] = 1000


def find_rate(step: int, schedule: ScheduleSpec, *, since: int = 0) -> float:
    """The learning rate at a step, as a share of the highest: up, level, down to zero.

    Args:
        step: Steps taken before this one.
        schedule: How long and how fast.
        since: Step at which the optimizer started, for a new one must not leap.

    Example:
        >>> schedule = ScheduleSpec(steps=100, batch_size=1, learning_rate=1e-3, warmup_steps=10,
        ...                         decay_share=0.2, weight_decay=0, average=0)
        >>> [find_rate(step, schedule) for step in (0, 9, 50, 90, 100)]
        [0.1, 1.0, 1.0, 0.5, 0.0]
        >>> find_rate(50, schedule, since=50)  # a new optimizer warms up where it starts
        0.1
    """
    # One is added, because a first step at a rate of zero would learn nothing.
    rising = (step - since + 1) / max(schedule.warmup_steps, 1)
    # Not zero: with a decay_share of 0 the rate stays up to the end.
    left = (schedule.steps - step) / max(schedule.steps * schedule.decay_share, 1e-9)
    return min(1.0, rising, left)
