"""A value that marks what was never loaded."""

from __future__ import annotations

from collections.abc import Mapping

import torch

SENTINEL = -7.7777e31
"""No weight has it; float32 and bfloat16 hold it, rounded."""


@torch.no_grad()
def fill_with_sentinels(module: torch.nn.Module) -> None:
    """Overwrite all stored numbers of a module, except whole ones: those are counters and index tables."""
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.fill_(SENTINEL)


def find_sentinels(state: Mapping[str, torch.Tensor]) -> list[str]:
    """Names of the tensors that hold a sentinel anywhere.

    Example:
        >>> layer = torch.nn.Linear(2, 1)
        >>> fill_with_sentinels(layer)
        >>> layer.bias.data.zero_()
        tensor([0.])
        >>> find_sentinels(layer.state_dict())
        ['weight']
    """
    floats = ((name, tensor) for name, tensor in state.items() if tensor.is_floating_point())
    # Within a hundredth, since a conversion may have changed the precision.
    return [name for name, tensor in floats if bool((tensor / SENTINEL - 1).abs().lt(0.01).any())]
