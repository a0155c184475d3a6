"""Augmentations of a whole step at once, on the device that the model learns on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

_STREAM = 5
"""First word of the seeds; mixing, orders, views and fractals have the ones before it."""
_EPOCH, _STEP, _IMAGE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class StepChance:
    """The sources of chance of a step: they follow from its number, whatever was run before it.

    Attributes:
        seed: Of the run.
        epoch: From 0.
        step: From 0.
        batch_size: Images of the step, over all processes.
    """

    seed: int
    epoch: int
    step: int
    batch_size: int

    def of_epoch(self) -> np.random.Generator:
        """For what stays the same over an epoch."""
        return np.random.default_rng([_STREAM, _EPOCH, self.seed, self.epoch])

    def of_step(self) -> np.random.Generator:
        """For what all images of the step share."""
        return np.random.default_rng([_STREAM, _STEP, self.seed, self.step])

    def of_image(self, place: int, view: int) -> np.random.Generator:
        """For one view of one image, the same on any number of processes."""
        return np.random.default_rng([_STREAM, _IMAGE, self.seed, self.step, place, view])


@dataclass(frozen=True, slots=True)
class StepImage:
    """Which image of a step a row of a tensor is.

    Attributes:
        place: In the step, over all processes.
        view: Number of the view.
        source: Name of its source.
    """

    place: int
    view: int
    source: str


BatchStep = Callable[["torch.Tensor", Sequence[StepImage], StepChance], "torch.Tensor"]
"""From `(B, 3, S, S)` normalised images, which ones they are, and chance, to as many images."""


@dataclass(frozen=True, slots=True)
class ChosenBatchStep:
    """A batch step, and the sources whose images it changes.

    Attributes:
        step: What it does.
        only: Names of sources; None for all.
    """

    step: BatchStep
    only: tuple[str, ...] | None


def change_batch(
    inputs: torch.Tensor, images: Sequence[StepImage], steps: Sequence[ChosenBatchStep], chance: StepChance
) -> torch.Tensor:
    """A tensor of images after all batch steps, in order.

    Args:
        inputs: `(B, 3, S, S)` float, normalised.
        images: Which image each row is.
        steps: In order.
        chance: Of the step.
    """
    for chosen in steps:
        rows = [at for at, image in enumerate(images) if chosen.only is None or image.source in chosen.only]
        if rows:
            changed = chosen.step(inputs[rows], [images[row] for row in rows], chance)
            # A copy: the tensor may be a view of memory that the next step is read into.
            inputs = inputs.clone()
            inputs[rows] = changed
    return inputs
