"""What weights are, whatever file they came from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch

from imagenet_g.benchmark.identity import format_canonical_json


def hash_state_dict(state: Mapping[str, torch.Tensor]) -> str:
    """sha256 over the tensors of a state dict in name order: name, dtype, shape, little-endian bytes.

    The file format, the order in the file and the device do not matter; every value does.

    Args:
        state: Tensors of any dtype and shape, by name.

    Returns:
        64 hex digits.
    """
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach()
        digest.update(
            format_canonical_json(
                [name, str(tensor.dtype).removeprefix("torch."), list(tensor.shape)]
            ).encode()
        )
        # Bytes are taken through uint8 because numpy has no bfloat16.
        digest.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def count_parameters(module: torch.nn.Module) -> int:
    """Number of parameters, shared ones once, buffers not."""
    return sum(parameter.numel() for parameter in module.parameters())
