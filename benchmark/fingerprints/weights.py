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
    # In the order of the names: files of one model written by two libraries list the tensors differently.
    digest = hashlib.sha256()
    for name in sorted(state):
        update_with_tensor(digest, name, state[name])
    return digest.hexdigest()


def update_with_tensor(digest: hashlib._Hash, name: str, tensor: torch.Tensor) -> None:
    """Add a tensor to a digest: name, dtype, shape, little-endian bytes."""
    tensor = tensor.detach()
    described = [name, str(tensor.dtype).removeprefix("torch."), list(tensor.shape)]
    digest.update(format_canonical_json(described).encode())
    # Bytes are taken through uint8 because numpy has no bfloat16.
    digest.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)


def count_parameters(module: torch.nn.Module) -> int:
    """Number of parameters, shared ones once, buffers not."""
    # `parameters()` lists a shared tensor once, as papers count it.
    return sum(parameter.numel() for parameter in module.parameters())
