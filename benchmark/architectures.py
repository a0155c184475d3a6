"""What a model computes with its weights, as far as it can be told: for the cache key.

The same weights give other answers under another activation, or after an edit to one's own code.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from imagenet_g.benchmark.identity import hash_lines

if TYPE_CHECKING:
    import torch

# Their versions are recorded; reading their source would add nothing.
_LIBRARIES = ("torch", "torchvision", "timm", "open_clip", "transformers", "imagenet_g")


def hash_architecture(module: torch.nn.Module) -> str:
    """sha256 of a module's layers and of the source files its own classes come from."""
    classes = {type(part) for part in module.modules()}
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
