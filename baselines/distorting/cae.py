"""The compressive autoencoder of DeepAugment (Theis et al. 2017, arXiv 1703.00395), with its disturbances.

Names of weights are those of the checkpoint of imagenet-r 3131cac (`model_final.state`), which loads.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from imagenet_g.baselines.distorting.chances import draw_mask, draw_signs, draw_uniform
from imagenet_g.benchmark.errors import ModelError

_PERMUTED, _FLIPPED = 10, 5


class CAE(nn.Module):
    """An image to a code of bits, a quarter of its size each way, and back.

    Args:
        width: Channels of the first layer; the others follow from it.
    """

    def __init__(self, *, width: int = 64) -> None:
        super().__init__()
        inner, code = 2 * width, width // 2
        self.e_conv_1 = _make_halving(3, width)
        self.e_conv_2 = _make_halving(width, inner)
        self.e_block_1, self.e_block_2, self.e_block_3 = (_make_block(inner) for _ in range(3))
        self.e_conv_3 = nn.Sequential(nn.Conv2d(inner, code, 5, padding=2), nn.Tanh())
        self.d_up_conv_1 = _make_doubling(code, width, inner)
        self.d_block_1, self.d_block_2, self.d_block_3 = (_make_block(inner) for _ in range(3))
        self.d_up_conv_2 = _make_doubling(inner, code, 4 * width)
        self.d_up_conv_3 = nn.Sequential(
            nn.Conv2d(4 * width, width // 4, 3),
            nn.LeakyReLU(),
            nn.ReflectionPad2d(2),
            nn.Conv2d(width // 4, 3, 3),
            nn.Tanh(),
        )

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """`(B, 3, H, W)` in [0, 1] to `(B, C, H/4, W/4)` in [-1, 1]."""
        states = self.e_conv_2(self.e_conv_1(pixels))
        for block in (self.e_block_1, self.e_block_2, self.e_block_3):
            states = states + block(states)
        made: torch.Tensor = self.e_conv_3(states)
        return made

    def decode(self, code: torch.Tensor) -> torch.Tensor:
        """`(B, C, H/4, W/4)` in [-1, 1] to `(B, 3, H, W)` in [-1, 1]."""
        states = self.d_up_conv_1(code)
        for block in (self.d_block_1, self.d_block_2, self.d_block_3):
            states = states + block(states)
        made: torch.Tensor = self.d_up_conv_3(self.d_up_conv_2(states))
        return made

    def forward(self, pixels: torch.Tensor, chance: np.random.Generator | None = None) -> torch.Tensor:
        """An image compressed and restored; with a source of chance, its code is disturbed and binarised.

        Without one the code is not binarised: that is the mean of what the bits would be.

        Args:
            pixels: `(B, 3, H, W)` in [0, 1]; sides are multiples of 4.
            chance: None for the plain network.
        """
        code = self.encode(pixels)
        if chance is None:
            return self.decode(code)
        option = int(chance.integers(9))
        code = disturb_code(code, option, chance)
        bits = (draw_uniform(chance, code) <= (1 + code) / 2).to(code)
        if option == 0:
            # As in theirs, 1 is taken from the shape's tensor and not from the noise: factors of 3 to 7.
            bits = bits * (3 + 2 * chance.random() * 2 * draw_uniform(chance, bits))
        return self.decode(bits * 2 - 1)


def disturb_code(code: torch.Tensor, option: int, chance: np.random.Generator) -> torch.Tensor:
    """One of nine things; of 0 the bits are scaled later, and here nothing is done.

    Args:
        code: `(1, C, h, w)`.
        option: Which.
        chance: Source of chance.
    """
    match option:
        case 1:
            return code * draw_mask(chance, code[0, 0], 0.2)
        case 2:
            return code * draw_signs(chance, code[0, 0], 0.1)
        case 3:
            order = np.arange(code.shape[1])
            order[:_PERMUTED] = chance.permutation(order[:_PERMUTED])
            return code[:, torch.from_numpy(order)]
        case 4 | 5:
            return _flip_channels(code, option, chance)
        case 6 | 7 | 8:
            return functional.conv2d(code, _draw_kernel(code, option, chance), padding=1)
    return code


def _flip_channels(code: torch.Tensor, option: int, chance: np.random.Generator) -> torch.Tensor:
    number = code.shape[1]
    chosen = chance.integers(number, size=_FLIPPED).tolist() if option == 4 else list(range(number))
    # Of batch, height and width two are drawn: a batch of one image does not change, so one may be flipped.
    axes = tuple(int(axis) for axis in chance.permutation(3)[:2] if axis)
    code = code.clone()
    for channel in chosen:
        code[:, channel] = torch.flip(code[:, channel], axes)
    return code


def _draw_kernel(code: torch.Tensor, option: int, chance: np.random.Generator) -> torch.Tensor:
    """A kernel near the one that changes nothing: with noise, with other channels mixed in, or shifted."""
    number = code.shape[1]
    kernel = torch.zeros(number, number, 3, 3).to(code)
    down, right = chance.integers(3, size=2) if option == 8 else (1, 1)
    for channel in range(number):
        if option == 8 and chance.random() < 0.2:
            down, right = chance.integers(3, size=2)
        kernel[channel, channel, down, right] = 1
        if option == 7 and chance.random() < 0.5:
            other = int(chance.integers(number))
            kernel[(channel, other, *chance.integers(3, size=2))] = 1
    return kernel + (draw_uniform(chance, kernel) - 0.5) * 0.2 if option == 6 else kernel


def build_cae(state: Mapping[str, torch.Tensor]) -> CAE:
    """A network of the size that some weights are for.

    Raises:
        ModelError: They are not of this autoencoder.
    """
    first = state.get("e_conv_1.1.weight")
    if first is None or first.ndim != 4 or first.shape[0] % 4 or not 4 <= first.shape[0] <= 1024:
        raise ModelError(
            "These are no weights of DeepAugment's autoencoder: it has 'e_conv_1.1.weight', whose number of "
            "filters is a multiple of 4."
        )
    return CAE(width=int(first.shape[0]))


def _make_halving(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(inputs, outputs, 5, stride=2), nn.LeakyReLU())


def _make_block(width: int) -> nn.Sequential:
    # Padding in layers of its own, as theirs: the numbers in the names of weights count them.
    return nn.Sequential(
        nn.ZeroPad2d(1),
        nn.Conv2d(width, width, 3),
        nn.LeakyReLU(),
        nn.ZeroPad2d(1),
        nn.Conv2d(width, width, 3),
    )


def _make_doubling(inputs: int, inner: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, inner, 3),
        nn.LeakyReLU(),
        nn.ZeroPad2d(1),
        nn.ConvTranspose2d(inner, outputs, 2, stride=2),
    )
