"""The two sides of a CLIP, found again in a generator whatever library wrote the files.

open_clip, transformers and OpenAI name and join the tensors of one encoder in different ways, so no hash over
all of them can be compared. The first layer of each side, a table of token embeddings and a convolution over
patches, is one tensor of the same shape in all of them. It is hashed in float16, because one encoder is
published in both precisions. A fine-tune that leaves the first layer as it was counts as the same encoder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from itertools import islice
from typing import Literal

import torch

from imagenet_g.benchmark.fingerprints.weights import update_with_tensor

Side = Literal["text", "image"]
_FIRST_LAYERS: dict[Side, tuple[str, ...]] = {
    "text": ("token_embedding.weight", "word_embeddings.weight", "shared.weight"),
    "image": ("visual.conv1.weight", "patch_embedding.weight", "patch_embed.proj.weight"),
}


def hash_tower(state: Mapping[str, torch.Tensor], side: Side) -> str | None:
    """sha256 of the first layer of one side of a CLIP.

    Args:
        state: Tensors by name in the order of the modules, of a whole CLIP or of one side of it.
        side: Which side.

    Returns:
        64 hex digits; None where no tensor, or more than one, has the name of a first layer.

    Example:
        >>> layer = torch.arange(6.0).reshape(2, 3)
        >>> one = hash_tower({"text.token_embedding.weight": layer}, "text")
        >>> one == hash_tower({"text_model.embeddings.token_embedding.weight": layer.half()}, "text")
        True
        >>> hash_tower({"layer4.weight": layer}, "image") is None
        True
    """
    found = [
        tensor
        for name, tensor in state.items()
        if any(name == end or name.endswith(f".{end}") for end in _FIRST_LAYERS[side])
    ]
    # Any other image side of a CLIP begins with a convolution as well, in the order of its modules.
    if side == "image" and not found:
        convolutions = (tensor for name, tensor in state.items() if _is_convolution(name, tensor))
        found = list(islice(convolutions, 1))
    if len(found) != 1:
        return None
    digest = hashlib.sha256()
    update_with_tensor(digest, side, found[0].to(torch.float16))
    return digest.hexdigest()


def _is_convolution(name: str, tensor: torch.Tensor) -> bool:
    return name.startswith("visual.") and tensor.ndim == 4


def hash_towers(state: Mapping[str, torch.Tensor]) -> dict[Side, str]:
    """Both sides of a CLIP, as far as their first layers are found."""
    sides: tuple[Side, ...] = ("text", "image")
    return {side: sha256 for side in sides if (sha256 := hash_tower(state, side)) is not None}
