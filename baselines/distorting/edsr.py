"""EDSR (Lim et al. 2017, arXiv 1707.02921), with the disturbances of its states in DeepAugment.

Names of weights are those of the published checkpoints (`edsr_baseline_x4`), which therefore load.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from imagenet_g.baselines.distorting.chances import draw_mask, draw_one, draw_signs
from imagenet_g.benchmark.errors import ModelError

_MEAN = (0.4488, 0.4371, 0.4040)
_HEIGHT = 255.0
_CUT = 5
"""Blocks before the place at which states are disturbed."""


class ShiftedMean(nn.Conv2d):
    """Adds or takes away the mean colour of the images that it was trained on; a layer in published files."""

    def __init__(self, sign: int) -> None:
        super().__init__(3, 3, 1)
        self.weight.data = torch.eye(3).view(3, 3, 1, 1)
        self.bias = nn.Parameter(sign * _HEIGHT * torch.tensor(_MEAN))
        # A constant, stored as a weight: trained, both would drift apart and tint the images.
        self.requires_grad_(False)


class ResidualBlock(nn.Module):
    """Two convolutions, added to their input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1)
        )

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """`(1, C, H, W)` to the same."""
        added: torch.Tensor = self.body(states)
        return states + added


class EDSR(nn.Module):
    """A network that enlarges an image.

    Args:
        blocks: Of the body.
        width: Channels.
        doublings: Its scale is two to this.
    """

    def __init__(self, *, blocks: int = 16, width: int = 64, doublings: int = 2) -> None:
        super().__init__()
        self.sub_mean, self.add_mean = ShiftedMean(-1), ShiftedMean(1)
        self.head = nn.Sequential(nn.Conv2d(3, width, 3, padding=1))
        body: list[nn.Module] = [ResidualBlock(width) for _ in range(blocks)]
        self.body = nn.Sequential(*body, nn.Conv2d(width, width, 3, padding=1))
        up: list[nn.Module] = []
        for _ in range(doublings):
            up += [nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2)]
        self.tail = nn.Sequential(nn.Sequential(*up), nn.Conv2d(width, 3, 3, padding=1))

    def forward(self, pixels: torch.Tensor, chance: np.random.Generator | None = None) -> torch.Tensor:
        """An image enlarged; with a source of chance, its states are disturbed on the way.

        Args:
            pixels: `(B, 3, H, W)`, values 0 to 255.
            chance: None for the plain network.

        Returns:
            `(B, 3, s * H, s * W)`; values may lie outside 0 to 255.
        """
        states = self.head(self.sub_mean(pixels))
        if chance is None:
            inner = self.body(states)
        else:
            states = disturb_head(states, chance)
            inner = run_disturbed(self.body, states, chance)
        made: torch.Tensor = self.add_mean(self.tail(states + inner))
        return made


def disturb_head(states: torch.Tensor, chance: np.random.Generator) -> torch.Tensor:
    """One of four things, the last of which changes nothing."""
    match int(chance.integers(4)):
        case 0:
            states = states.clone()
            for _ in range(5):
                # Theirs is written as an exchange of two channels; of tensors it copies one over the other.
                first, second = (int(chance.integers(states.shape[1])) for _ in range(2))
                states[:, first] = states[:, second]
        case 1:
            states = states * draw_mask(chance, states, 0.05)
        case 2:
            states = states * draw_signs(chance, states, 0.025)
    return states


def run_disturbed(body: nn.Sequential, states: torch.Tensor, chance: np.random.Generator) -> torch.Tensor:
    """The body with one of five disturbances, the last of which changes nothing."""
    option = int(chance.integers(5))
    if option == 3:
        return _skip_blocks(body, states, chance)
    inner: torch.Tensor = body[:_CUT](states)
    match option:
        case 0:
            inner = -inner
        case 1:
            # Both with these odds in theirs, which draws 0, 1 or 2 and compares with 1.
            inner = functional.relu(inner) if chance.integers(3) == 1 else functional.gelu(inner)
        case 2:
            inner = torch.flip(inner, (1, 2) if chance.integers(3) == 1 else (1, 3))
    rest: torch.Tensor = body[_CUT:](inner)
    return rest


def _skip_blocks(body: nn.Sequential, states: torch.Tensor, chance: np.random.Generator) -> torch.Tensor:
    # Theirs gives each block the states before the body, so that only the last one counts. Kept: the images
    # that were trained on were made so.
    last = len(body) - 1
    skipped = {draw_one(chance, range(2, last + 1)) for _ in range(3)}
    chosen = max(number for number in range(last + 1) if number not in skipped)
    inner: torch.Tensor = body[chosen](states)
    return inner


def build_edsr(state: Mapping[str, torch.Tensor]) -> EDSR:
    """A network of the size that some weights are for.

    Raises:
        ModelError: They are not of an EDSR.
    """
    blocks = len([name for name in state if name.startswith("body.") and name.endswith(".body.0.weight")])
    doublings = len([name for name in state if name.startswith("tail.0.") and name.endswith(".weight")])
    head = state.get("head.0.weight")
    if head is None or head.ndim != 4 or not (1 <= blocks <= 256 and 1 <= doublings <= 3):
        raise ModelError(
            "These are no weights of an EDSR: it has 'head.0.weight', 'body.0.body.0.weight' and "
            "'tail.0.0.weight', and enlarges by 2, 4 or 8."
        )
    return EDSR(blocks=blocks, width=min(int(head.shape[0]), 1024), doublings=doublings)
