"""Random tensors from a NumPy generator: the same on every device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch


def draw_uniform(chance: np.random.Generator, like: torch.Tensor) -> torch.Tensor:
    """Uniform in [0, 1), of a tensor's shape, type and device."""
    # Drawn on the CPU: a GPU's own generator gives other numbers for the same seed.
    return torch.from_numpy(chance.random(tuple(like.shape), np.float32)).to(like)


def draw_signs(chance: np.random.Generator, like: torch.Tensor, negative: float) -> torch.Tensor:
    """-1 with a probability, else 1, of a tensor's shape, type and device.

    Example:
        >>> draw_signs(np.random.default_rng(0), torch.zeros(3), 1.0).tolist()
        [-1.0, -1.0, -1.0]
    """
    return 1 - 2 * (draw_uniform(chance, like) < negative).to(like)


def draw_mask(chance: np.random.Generator, like: torch.Tensor, zero: float) -> torch.Tensor:
    """0 with a probability, else 1, of a tensor's shape, type and device.

    Example:
        >>> draw_mask(np.random.default_rng(0), torch.zeros(3), 0.0).tolist()
        [1.0, 1.0, 1.0]
    """
    return (draw_uniform(chance, like) >= zero).to(like)


def draw_one(chance: np.random.Generator, values: Sequence[int]) -> int:
    """One of some numbers."""
    return int(values[int(chance.integers(len(values)))])
