"""Optimizers and learning rates of a recipe."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field

from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.training.courses import group_by_decay


class OptimizerSpec(FileModel):
    """Which optimizer, and how fast."""

    name: Literal["sgd", "adamw"]
    learning_rate: Annotated[float, Field(gt=0)]
    """The highest, for the recipe's batch size."""
    weight_decay: Annotated[float, Field(ge=0)]
    decay_norms: bool = False
    """Whether norms and biases decay as well."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Of SGD."""
    nesterov: bool = False
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.9, 0.999)
    """Of AdamW."""


class RateSpec(FileModel):
    """How the learning rate goes over a training; times are in epochs."""

    name: Literal["cyclic", "cosine", "constant"]
    """Up in a line and down in a line to 0 (ffcv-imagenet's "cyclic"); up in a line, then half a cosine to
    the floor; up in a line, then level."""
    rise: Annotated[float, Field(ge=0)] = 0.0
    """Epochs until the highest rate; for "cyclic" the place of the peak."""
    rise_share: Annotated[float, Field(ge=0, le=1)] | None = None
    """The same as a share of the training, in place of epochs."""
    floor: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Last rate as a share of the highest; of "cyclic" it is 0."""


def find_share(rate: RateSpec, done: float, epochs: float) -> float:
    """The learning rate as a share of the highest.

    Args:
        rate: Its form.
        done: Epochs behind; the middle of the step that is taken.
        epochs: Of the whole training.

    Example:
        >>> cyclic = RateSpec(name="cyclic", rise=2)
        >>> [find_share(cyclic, done, 40) for done in (0, 1, 2, 21, 40)]
        [0.0, 0.5, 1.0, 0.5, 0.0]
        >>> cosine = RateSpec(name="cosine", rise_share=0.1)
        >>> [round(find_share(cosine, done, 100), 3) for done in (5, 10, 55, 100)]
        [0.5, 1.0, 0.5, 0.0]
    """
    rise = rate.rise if rate.rise_share is None else rate.rise_share * epochs
    if done < rise:
        return done / rise
    left = (epochs - done) / max(epochs - rise, 1e-12)
    match rate.name:
        case "cyclic":
            return max(left, 0.0)
        case "cosine":
            fallen = 0.5 * (1 + math.cos(math.pi * (1 - min(max(left, 0.0), 1.0))))
            return rate.floor + (1 - rate.floor) * fallen
        case "constant":
            return 1.0


def make_optimizer(spec: OptimizerSpec, module: torch.nn.Module) -> torch.optim.Optimizer:
    """The optimizer of a module; the loop sets its rate before each step."""
    groups: list[dict[str, object]] = group_by_decay(module, spec.weight_decay)
    if spec.decay_norms:
        groups = [group | {"weight_decay": spec.weight_decay} for group in groups]
    if spec.name == "adamw":
        return torch.optim.AdamW(groups, lr=spec.learning_rate, betas=spec.betas)
    return torch.optim.SGD(groups, lr=spec.learning_rate, momentum=spec.momentum, nesterov=spec.nesterov)
