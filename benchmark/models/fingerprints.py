"""What weights are, whatever file they came from."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from imagenet_g.benchmark.identity import format_canonical_json, hash_lines

if TYPE_CHECKING:
    import torch


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
    # `parameters()` lists a shared tensor once, as papers count it.
    return sum(parameter.numel() for parameter in module.parameters())


# Their versions are recorded; reading their source would add nothing.
_LIBRARIES = ("torch", "torchvision", "timm", "open_clip", "transformers", "imagenet_g")


def hash_architecture(module: torch.nn.Module) -> str:
    """sha256 of a module's layers and of the source files its own classes come from."""
    classes = {type(part) for part in module.modules()}
    # A user's own layer prints like any other; only its source shows that `forward` was edited.
    own = [kind for kind in classes if kind.__module__.partition(".")[0] not in _LIBRARIES]
    sources = sorted({source for kind in own if (source := _read_source(kind))})
    return hash_lines([repr(module), *sources])


def _read_source(kind: type) -> str:
    found = inspect.getmodule(kind)
    try:
        return inspect.getsource(found if found is not None else kind)
    except (OSError, TypeError):
        # Typed into an interpreter: there is no file to read.
        return ""
