"""Sizes of a class-conditional latent diffusion model, read from the shapes of its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import torch

from imagenet_g.benchmark.errors import DataError
from imagenet_g.generation.converting.names import AUTOENCODER, CLASSES, NETWORK

Weights = Mapping[str, torch.Tensor]
HEADS = 1
"""Heads of every attention of cin256-v2, whose configuration (configs/latent-diffusion/cin256-v2.yaml of
CompVis/latent-diffusion, read in public copies) has `num_heads: 1`. No tensor shows their number."""
BETA_START, BETA_END, NUM_TIMES = 0.0015, 0.0195, 1000
"""Its noise, from the same file. CompVis's "linear" is linear in the square root: "scaled_linear" here."""


@dataclass(frozen=True, slots=True)
class LdmLayout:
    """Sizes of a model's two networks.

    Attributes:
        channels: Of each level of the network, from the latents' size to the smallest.
        attention: Whether each of these levels has attention.
        num_layers: Residual blocks of a level on the way down.
        latent_channels: Channels of the latents.
        num_classes: Classes of the embedding, the one for no class included.
        context_width: Width of a class embedding.
        vq_channels: Of each level of the autoencoder, from the image's size to the latents'.
        vq_num_layers: Residual blocks of such a level.
        codes: Number and width of the codes.
    """

    channels: tuple[int, ...]
    attention: tuple[bool, ...]
    num_layers: int
    latent_channels: int
    num_classes: int
    context_width: int
    vq_channels: tuple[int, ...]
    vq_num_layers: int
    codes: tuple[int, int]

    def describe_network(self, *, image_px: int, heads: int) -> dict[str, Any]:
        """Arguments of `UNet2DConditionModel`.

        Args:
            image_px: Side of an image, which no tensor shows.
            heads: Heads of every attention, which no tensor shows either.
        """
        down = tuple("CrossAttnDownBlock2D" if here else "DownBlock2D" for here in self.attention)
        up = tuple("CrossAttnUpBlock2D" if here else "UpBlock2D" for here in reversed(self.attention))
        return {
            "sample_size": image_px // 2 ** (len(self.vq_channels) - 1),
            "in_channels": self.latent_channels,
            "out_channels": self.latent_channels,
            "block_out_channels": self.channels,
            "layers_per_block": self.num_layers,
            "down_block_types": down,
            "up_block_types": up,
            "cross_attention_dim": self.context_width,
            "encoder_hid_dim": self.num_classes,
            "encoder_hid_dim_type": "text_proj",
            # diffusers takes the number of heads under this name.
            "attention_head_dim": heads,
        }

    def describe_autoencoder(self, *, image_px: int) -> dict[str, Any]:
        """Arguments of `VQModel`."""
        levels = len(self.vq_channels)
        return {
            "down_block_types": ("DownEncoderBlock2D",) * levels,
            "up_block_types": ("UpDecoderBlock2D",) * levels,
            "block_out_channels": self.vq_channels,
            "layers_per_block": self.vq_num_layers,
            "latent_channels": self.latent_channels,
            "num_vq_embeddings": self.codes[0],
            "vq_embed_dim": self.codes[1],
            "sample_size": image_px,
            # CompVis scales latents by `scale_factor`, which is 1 unless a configuration says otherwise, and
            # that of cin256-v2 does not. diffusers' own default is that of Stable Diffusion.
            "scaling_factor": 1.0,
        }


def read_layout(weights: Weights) -> LdmLayout:
    """Sizes of the model that a checkpoint holds.

    Raises:
        DataError: It holds no class-conditional latent diffusion model over a vector-quantised autoencoder.
    """
    required = (CLASSES, f"{NETWORK}input_blocks.0.0.weight", f"{AUTOENCODER}quantize.embedding.weight")
    for name in required:
        if name not in weights:
            raise DataError(
                f"The checkpoint has no '{name}': it is no class-conditional latent diffusion model of "
                "CompVis/latent-diffusion with a vector-quantised autoencoder, such as cin256-v2."
            )
    levels, attention, layers = _read_levels(weights)
    vq = _count_levels(weights, f"{AUTOENCODER}encoder.down.{{}}.block.0.conv1.weight")
    codes = weights[f"{AUTOENCODER}quantize.embedding.weight"].shape
    return LdmLayout(
        channels=levels,
        attention=attention,
        num_layers=layers,
        latent_channels=int(weights[f"{NETWORK}input_blocks.0.0.weight"].shape[1]),
        num_classes=int(weights[CLASSES].shape[0]),
        context_width=int(weights[CLASSES].shape[1]),
        vq_channels=vq,
        vq_num_layers=len(_count_levels(weights, f"{AUTOENCODER}encoder.down.0.block.{{}}.conv1.weight")),
        codes=(int(codes[0]), int(codes[1])),
    )


def _count_levels(weights: Weights, pattern: str) -> tuple[int, ...]:
    """First sizes of the tensors of a name with a number in it, from number 0 on."""
    found: list[int] = []
    for number in count():
        if (name := pattern.format(number)) not in weights:
            return tuple(found)
        found.append(int(weights[name].shape[0]))
    raise AssertionError("unreachable")


def _read_levels(weights: Weights) -> tuple[tuple[int, ...], tuple[bool, ...], int]:
    """Channels and attention of each level, and the residual blocks of the first."""
    levels: list[list[tuple[int, bool]]] = [[]]
    for number in count(1):
        block = f"{NETWORK}input_blocks.{number}."
        if f"{block}0.op.weight" in weights:
            levels.append([])
        elif (kernel := weights.get(f"{block}0.in_layers.2.weight")) is not None:
            levels[-1].append((int(kernel.shape[0]), f"{block}1.norm.weight" in weights))
        else:
            break
    if not all(levels):
        raise DataError(
            "The checkpoint's network has a level without blocks: it is damaged or of another kind."
        )
    return tuple(level[0][0] for level in levels), tuple(level[0][1] for level in levels), len(levels[0])
