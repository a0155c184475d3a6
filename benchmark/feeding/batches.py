"""Batches of prepared images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from imagenet_g.benchmark.errors import ModelError


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """An image on its way to the model: a tensor, or the reason for its absence."""

    row: int
    tensor: torch.Tensor | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive rows of a run.

    Attributes:
        rows: Row numbers in the split, N of them.
        inputs: The K readable images in the order of the rows: `(K, 3, H, W)` float32, or `(K, H, W, 3)`
            uint8 where the normalisation is left to the backend; None where not one can be read.
        errors: For each of the N rows the reason why it cannot be read, or None.
    """

    rows: tuple[int, ...]
    inputs: torch.Tensor | None
    errors: tuple[str | None, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def pin_memory(self) -> Batch:
        """The same batch in memory that a GPU reads by itself; the name is the one PyTorch looks for."""
        return self if self.inputs is None else replace(self, inputs=self.inputs.pin_memory())


def make_batch(images: Sequence[PreparedImage]) -> Batch:
    """One batch of prepared images.

    Raises:
        ModelError: Their shapes differ.
    """
    tensors = [image.tensor for image in images if image.tensor is not None]
    return Batch(
        rows=tuple(image.row for image in images),
        # A batch of unreadable images only would reach the model empty, which many refuse.
        inputs=stack_inputs(tensors) if tensors else None,
        errors=tuple(image.error for image in images),
    )


def fill_batch(inputs: torch.Tensor, size: int) -> torch.Tensor:
    """A batch of a fixed size; what is missing is filled with copies of its last image.

    Copies, and not zeros: a model need not take what no image becomes.

    Example:
        >>> fill_batch(torch.tensor([[1], [2]]), 4).flatten().tolist()
        [1, 2, 2, 2]
    """
    missing = size - len(inputs)
    return torch.cat([inputs, inputs[-1:].expand(missing, *inputs.shape[1:])]) if missing > 0 else inputs


def stack_inputs(tensors: list[torch.Tensor]) -> torch.Tensor:
    """`(N, 3, H, W)` from images of one shape.

    Raises:
        ModelError: Their shapes differ.
    """
    shapes = {tuple(tensor.shape) for tensor in tensors}
    if len(shapes) > 1:
        raise ModelError(
            f"The model's transform gives inputs of {len(shapes)} shapes, such as {min(shapes)} and "
            f"{max(shapes)}; let it resize and crop to one size."
        )
    try:
        # By NumPy, on this thread alone: the threads of torch would wait for cores on which images are
        # decoded, and models computed.
        return torch.from_numpy(np.stack([tensor.numpy() for tensor in tensors]))
    except (TypeError, RuntimeError):
        # A user's transform may give bfloat16, tensors on a GPU, or some that have a gradient.
        return torch.stack(tensors)
