"""One image read and decoded once, and prepared for several models.

The inputs of an image for all of them travel as one row of bytes, so that every feeder can carry them: a
header with the type and the shape of each, then their values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.feeding.batches import Batch
from imagenet_g.benchmark.feeding.preparation import Preparation
from imagenet_g.benchmark.models.classifiers import Transform

if TYPE_CHECKING:
    from PIL import Image

_TYPES = (torch.uint8, torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64)
_AXES = 3
# Values of every type start at a multiple of their own size.
_ALIGNMENT = 8


@dataclass(frozen=True, slots=True)
class JointTransform:
    """Several transforms of one image, their outputs as one row of bytes.

    Attributes:
        steps: The transforms, each with an output of three axes.
    """

    steps: tuple[Transform, ...]

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """`(B,)` uint8, to be taken apart by `split_joint`."""
        # A transform may change the image in place, which only the last one may.
        last = len(self.steps) - 1
        outputs = [
            step(image.copy() if number < last else image).contiguous()
            for number, step in enumerate(self.steps)
        ]
        header = [[_TYPES.index(output.dtype), *_take_axes(output)] for output in outputs]
        pieces = [torch.tensor(header, dtype=torch.int64), *outputs]
        return torch.cat([_pad(piece.reshape(-1).view(torch.uint8)) for piece in pieces])


def join_preparations(preparations: Sequence[Preparation]) -> Preparation:
    """One preparation that serves them all; a single one stays as it is."""
    if len(preparations) == 1:
        return preparations[0]
    return Preparation(JointTransform(tuple(preparation.prepare for preparation in preparations)))


def split_joint(batch: Batch, number: int) -> tuple[Batch, ...]:
    """The batch of each of `number` joined preparations.

    Args:
        batch: From a feeder of `join_preparations`.
        number: How many were joined.

    Raises:
        ModelError: The inputs of one of them are of several shapes.
    """
    if number == 1:
        return (batch,)
    if batch.inputs is None:
        return (batch,) * number
    lead = number * (1 + _AXES) * 8
    headers = batch.inputs[:, :lead]
    if bool((headers != headers[:1]).any()):
        raise ModelError("A model's transform gives inputs of several shapes.")
    found, start = [], _round_up(lead)
    for code, *shape in headers[0].contiguous().view(torch.int64).reshape(number, 1 + _AXES).tolist():
        dtype = _TYPES[code]
        size = dtype.itemsize * torch.Size(shape).numel()
        values = batch.inputs[:, start : start + size].contiguous().view(dtype)
        found.append(Batch(batch.rows, values.reshape(-1, *shape), batch.errors))
        start += _round_up(size)
    return tuple(found)


def _take_axes(output: torch.Tensor) -> list[int]:
    if output.ndim != _AXES:
        raise ValueError(f"an input of {output.ndim} axes where {_AXES} are needed")
    return list(output.shape)


def _pad(values: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.pad(values, (0, _round_up(len(values)) - len(values)))


def _round_up(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
