"""Names of one tensor in two codebases: diffusers', and that of CompVis/latent-diffusion.

Every name is made from diffusers' by replacing its parts, so that the model that is filled decides what must
be found: a tensor that is missing, left over or of another shape is seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable

NETWORK = "model.diffusion_model."
AUTOENCODER = "first_stage_model."
CLASSES = "cond_stage_model.embedding.weight"
"""Prefixes of the network and of the autoencoder in a checkpoint, and the class embedding."""

_RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
    "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
}  # fmt: skip
_TOP = {
    "conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2", "conv_norm_out": "out.0", "conv_out": "out.2",
}  # fmt: skip
_MIDDLE = {"resnets.0": "middle_block.0", "attentions.0": "middle_block.1", "resnets.1": "middle_block.2"}
_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
_MID = {"resnets.0": "mid.block_1", "attentions.0": "mid.attn_1", "resnets.1": "mid.block_2"}
_SIZES = {"downsamplers": "downsample", "upsamplers": "upsample"}


def name_network_tensor(name: str, *, num_layers: int, has_attention: Callable[[int], bool]) -> str:
    """The original's name of a tensor of `UNet2DConditionModel`.

    The original counts all blocks of all levels through, with the one that changes the size as the last of
    its level.

    Args:
        name: diffusers' name.
        num_layers: Residual blocks of a level on the way down.
        has_attention: Whether an up level has attention, by its number from the smallest size.

    Example:
        >>> name = "down_blocks.1.resnets.0.conv_shortcut.weight"
        >>> name_network_tensor(name, num_layers=2, has_attention=lambda level: True)
        'model.diffusion_model.input_blocks.4.0.skip_connection.weight'
        >>> name = "up_blocks.0.upsamplers.0.conv.bias"
        >>> name_network_tensor(name, num_layers=2, has_attention=lambda level: True)
        'model.diffusion_model.output_blocks.2.2.conv.bias'
    """
    if top := _replace_start(name, _TOP):
        return NETWORK + top
    if name.startswith("mid_block."):
        middle = _replace_start(name.removeprefix("mid_block."), _MIDDLE)
        block, rest = middle[: len("middle_block.0")], middle[len("middle_block.0.") :]
        return f"{NETWORK}{block}.{_name_inside(rest, is_attention=block.endswith('1'))}"
    way, level, kind, number, rest = _split(name)
    first = level * (num_layers + 1)
    if kind == "downsamplers":
        # The original wraps this convolution in a block of its own, and calls it "op".
        return f"{NETWORK}input_blocks.{first + num_layers + 1}.0.op.{rest.removeprefix('conv.')}"
    if kind == "upsamplers":
        # In the last block of its level, behind the residual block and, where there is one, the attention.
        place = 2 if has_attention(level) else 1
        return f"{NETWORK}output_blocks.{first + num_layers}.{place}.{rest}"
    # The first input block is the convolution before all levels.
    block = (
        f"input_blocks.{1 + first + number}" if way == "down_blocks" else f"output_blocks.{first + number}"
    )
    is_attention = kind == "attentions"
    return f"{NETWORK}{block}.{int(is_attention)}.{_name_inside(rest, is_attention=is_attention)}"


def name_autoencoder_tensor(name: str, *, num_levels: int) -> str:
    """The original's name of a tensor of `VQModel`.

    Example:
        >>> name_autoencoder_tensor("decoder.up_blocks.0.resnets.1.conv1.bias", num_levels=3)
        'first_stage_model.decoder.up.2.block.1.conv1.bias'
        >>> name_autoencoder_tensor("encoder.mid_block.attentions.0.to_out.0.weight", num_levels=3)
        'first_stage_model.encoder.mid.attn_1.proj_out.weight'
    """
    side, _, inner = name.partition(".")
    if side not in ("encoder", "decoder"):
        return AUTOENCODER + name
    inner = inner.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    if inner.startswith("mid_block."):
        part = _replace_start(inner.removeprefix("mid_block."), _MID)
        block, attention, rest = part.partition("attn_1.")
        inner = f"{block}{attention}{_replace_start(rest, _ATTENTION) if attention else rest}"
    elif inner.startswith(("down_blocks.", "up_blocks.")):
        way, level, kind, number, rest = _split(inner)
        # The original's decoder counts its levels from the image's size, diffusers' from the latents'.
        place = f"down.{level}" if way == "down_blocks" else f"up.{num_levels - 1 - level}"
        inside = f"block.{number}" if kind == "resnets" else _SIZES[kind]
        inner = f"{place}.{inside}.{rest}"
    return f"{AUTOENCODER}{side}.{inner}"


def _split(name: str) -> tuple[str, int, str, int, str]:
    found = re.fullmatch(r"(\w+)\.(\d+)\.(\w+)\.(\d+)\.(.*)", name)
    if found is None:
        raise ValueError(f"a tensor of another network: {name}")
    way, level, kind, number, rest = found.groups()
    return way, int(level), kind, int(number), rest


def _name_inside(name: str, *, is_attention: bool) -> str:
    """Names inside a residual block; those inside an attention are the same in both codebases."""
    return name if is_attention else _replace_start(name, _RESNET)


def _replace_start(name: str, starts: dict[str, str]) -> str:
    """The name with its first words replaced; empty where no replacement is for it."""
    for start, other in starts.items():
        if name.startswith(f"{start}."):
            return other + name[len(start) :]
    return ""
