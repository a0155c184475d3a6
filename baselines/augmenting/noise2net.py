"""Noise2Net: an image-to-image network with random weights, another one for each image.

Hendrycks et al. (arXiv 2006.16241, appendix), and `train_noise2net.py` of imagenet-r 3131cac: four bottleneck
blocks of Res2Net (Gao et al., arXiv 1904.01169), each added to its input. No weights are learnt or needed.
Theirs draws kernel sizes when an epoch begins and weights and strength for each step, and changes the first
half of each step; so does this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch.nn import functional

from imagenet_g.baselines.augmenting.batches import BatchStep, StepChance, StepImage
from imagenet_g.benchmark.records import FileModel

_CHANNELS = 3
_KERNELS, _DILATIONS = (1, 3), (1, 2, 3)


class Noise2NetSpec(FileModel):
    """Images changed by random networks."""

    strength: Annotated[float, Field(gt=0, le=10)] = 0.75
    """Largest share of a block's output that is added to its input; each step draws from half of it on."""
    width: Annotated[int, Field(ge=1, le=256)] = 16
    """Channels of a part of a block."""
    parts: Annotated[int, Field(ge=2, le=16)] = 4
    """Into which a block divides its channels."""
    blocks: Annotated[int, Field(ge=1, le=16)] = 4
    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Of the places of a step, the first ones; images lie in them at random."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """Size and dilation of a convolution, in pixels."""

    size: int
    dilation: int


@dataclass(frozen=True, slots=True)
class BlockWeights:
    """Weights of one block; `n` images have a network each.

    Attributes:
        spread: `(n, parts * width, 3, 1, 1)`.
        kernels: Of each part but the last `(n, width, width, k, k)`.
        biases: Of each part but the last `(n, width)`.
        gather: `(n, 3, parts * width, 1, 1)`.
    """

    spread: torch.Tensor
    kernels: tuple[torch.Tensor, ...]
    biases: tuple[torch.Tensor, ...]
    gather: torch.Tensor


def make_noise2net(options: Noise2NetSpec) -> BatchStep:
    """Images of a step, changed."""

    def change(inputs: torch.Tensor, images: Sequence[StepImage], chance: StepChance) -> torch.Tensor:
        rows = [at for at, image in enumerate(images) if image.place < options.share * chance.batch_size]
        if not rows:
            return inputs
        kernels = draw_kernels(options, chance.of_epoch())
        strength = chance.of_step().uniform(options.strength / 2, options.strength)
        sources = [chance.of_image(images[row].place, images[row].view) for row in rows]
        weights = draw_weights(options, kernels, sources, inputs.device)
        changed = inputs.clone()
        # Nothing is learnt through it, and its activations are many times larger than the images.
        with torch.no_grad():
            changed[rows] = run_networks(inputs[rows], weights, kernels, strength)
        return changed

    return change


def draw_kernels(options: Noise2NetSpec, chance: np.random.Generator) -> list[list[Kernel]]:
    """Kernels of each block's parts; all images of a step share them: else they are no one convolution."""
    return [
        [
            Kernel(int(chance.choice(_KERNELS)), int(chance.choice(_DILATIONS)))
            for _ in range(options.parts - 1)
        ]
        for _ in range(options.blocks)
    ]


def draw_weights(
    options: Noise2NetSpec,
    kernels: Sequence[Sequence[Kernel]],
    sources: Sequence[np.random.Generator],
    device: torch.device,
) -> list[BlockWeights]:
    """Weights of a network for each source of chance, by PyTorch's rule for new convolutions.

    Uniform within one over the root of the number of inputs of an output.
    """
    width, parts = options.width, options.parts
    blocks = []
    for block in kernels:
        # Each image by its own generator: the number of processes decides which images are drawn here.
        shapes: list[tuple[tuple[int, ...], int]] = [((parts * width, _CHANNELS, 1, 1), _CHANNELS)]
        for kernel in block:
            inputs = width * kernel.size**2
            shapes += [((width, width, kernel.size, kernel.size), inputs), ((width,), inputs)]
        shapes.append(((_CHANNELS, parts * width, 1, 1), parts * width))
        spread, *middle, gather = _draw_tensors(shapes, sources, device)
        blocks.append(BlockWeights(spread, tuple(middle[::2]), tuple(middle[1::2]), gather))
    return blocks


def _draw_tensors(
    shapes: Sequence[tuple[tuple[int, ...], int]],
    sources: Sequence[np.random.Generator],
    device: torch.device,
) -> list[torch.Tensor]:
    sizes = [int(np.prod(shape)) for shape, _ in shapes]
    drawn: npt.NDArray[np.float32] = np.stack([source.random(sum(sizes), np.float32) for source in sources])
    parts = np.split(drawn * 2 - 1, np.cumsum(sizes)[:-1], axis=1)
    return [
        torch.from_numpy(part.reshape(len(sources), *shape) / np.float32(inputs**0.5)).to(device)
        for part, (shape, inputs) in zip(parts, shapes, strict=True)
    ]


def run_networks(
    images: torch.Tensor,
    weights: Sequence[BlockWeights],
    kernels: Sequence[Sequence[Kernel]],
    strength: float,
) -> torch.Tensor:
    """Each image through its own network; all of them by convolutions in groups, a group an image.

    Args:
        images: `(n, 3, H, W)` float, normalised.
        weights: Of each block.
        kernels: Of each block.
        strength: Share of a block's output that is added to its input.

    Returns:
        `(n, 3, H, W)`; values are not clipped.
    """
    states = images.float()
    for block, sizes in zip(weights, kernels, strict=True):
        states = states + strength * _run_block(states, block, sizes)
    return states


def _run_block(states: torch.Tensor, weights: BlockWeights, kernels: Sequence[Kernel]) -> torch.Tensor:
    spread = functional.relu(_normalise(_convolve(states, weights.spread)))
    # The last part goes through as it is, and each of the others also sees what the one before it made.
    *changed, last = spread.chunk(len(kernels) + 1, dim=1)
    made: list[torch.Tensor] = []
    for part, kernel, weight, bias in zip(changed, kernels, weights.kernels, weights.biases, strict=True):
        given = part + made[-1] if made else part
        made.append(functional.relu(_normalise(_convolve(given, weight, bias, kernel))))
    return _normalise(_convolve(torch.cat([*made, last], dim=1), weights.gather))


def _convolve(
    states: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    kernel: Kernel = Kernel(1, 1),
) -> torch.Tensor:
    """`(n, c, H, W)` by `(n, o, c, k, k)` to `(n, o, H, W)`: each image by its own weights."""
    number, _, height, width = states.shape
    made = functional.conv2d(
        states.reshape(1, -1, height, width),
        weight.flatten(0, 1),
        None if bias is None else bias.flatten(),
        padding=(kernel.size - 1) // 2 * kernel.dilation,
        dilation=kernel.dilation,
        groups=number,
    )
    return made.reshape(number, -1, height, width)


def _normalise(states: torch.Tensor) -> torch.Tensor:
    # Theirs is a batch norm over one image whose channels are those of all images: a norm of each channel.
    return functional.instance_norm(states)
