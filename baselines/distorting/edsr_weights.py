"""The seventeen ways in which DeepAugment disturbs the weights of an EDSR.

As `EDSR_distort_imagenet.py` of imagenet-r 3131cac. Three are drawn, with replacement, and applied one after
the other. Slips of the original are kept where they decide what its images look like; each has a comment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch.nn import functional

from imagenet_g.baselines.distorting.chances import draw_mask, draw_one, draw_signs, draw_uniform

State = dict[str, torch.Tensor]
Disturbance = Callable[[State, np.random.Generator], None]
NUM_DRAWN = 3
_FOUR = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))
_EIGHT = ((-1.0, -1.0, -1.0), (-1.0, 8.0, -1.0), (-1.0, -1.0, -1.0))


def name_weight(block: int, layer: int) -> str:
    """The weight of a convolution, 0 or 2, of a block."""
    return f"body.{block}.body.{layer}.weight"


def name_bias(block: int, layer: int) -> str:
    """And its bias."""
    return f"body.{block}.body.{layer}.bias"


def list_blocks(state: State, wanted: Sequence[int]) -> list[int]:
    """Those of some blocks that a network has; a small one has at least the first."""
    return [block for block in wanted if name_weight(block, 0) in state] or [0]


def draw_block(state: State, chance: np.random.Generator, wanted: Sequence[int]) -> int:
    """One of them."""
    return draw_one(chance, list_blocks(state, wanted))


_THIRDS, _LATER_THIRDS, _FOURTHS, _ALL = range(0, 10, 3), range(1, 10, 3), range(1, 12, 4), range(15)


def reverse_filters(state: State, chance: np.random.Generator) -> None:
    """Both convolutions of a block in reverse order of their filters."""
    block = draw_block(state, chance, _THIRDS)
    for layer in (0, 2):
        for name in (name_weight(block, layer), name_bias(block, layer)):
            state[name] = torch.flip(state[name], (0,))


def negate_first(state: State, chance: np.random.Generator) -> None:
    """The first convolution of a block negated."""
    block = draw_block(state, chance, _LATER_THIRDS)
    for name in (name_weight(block, 0), name_bias(block, 0)):
        state[name] = -state[name]


def clear_first(state: State, chance: np.random.Generator) -> None:
    """The first convolution of a block set to zero."""
    block = draw_block(state, chance, _THIRDS)
    for name in (name_weight(block, 0), name_bias(block, 0)):
        state[name] = torch.zeros_like(state[name])


def bend_both(state: State, chance: np.random.Generator) -> None:
    """Both convolutions' weights through a negated GELU."""
    block = draw_block(state, chance, _THIRDS)
    for layer in (0, 2):
        name = name_weight(block, layer)
        state[name] = -functional.gelu(state[name])


def _scale_by(stencil: Sequence[Sequence[float]]) -> Disturbance:
    def scale(state: State, chance: np.random.Generator) -> None:
        name = name_weight(draw_block(state, chance, _THIRDS), 0)
        # Place by place and not convolved: the kernel's middle is enlarged, its corners vanish or turn.
        state[name] = state[name] * torch.tensor(stencil).to(state[name])

    return scale


def stretch_second(state: State, chance: np.random.Generator) -> None:
    """The second convolution's weights enlarged, each by its own factor of 1 to 5 at most."""
    name = name_weight(draw_block(state, chance, _THIRDS), 2)
    # Theirs takes 1 from the weights that give the shape, and not from the noise: it only ever enlarges.
    factor = 1 + 2 * chance.random() * 2 * draw_uniform(chance, state[name])
    state[name] = state[name] * factor


def mirror_first_negate_second(state: State, chance: np.random.Generator) -> None:
    """The first convolution mirrored left to right, the second negated."""
    block = draw_block(state, chance, _THIRDS)
    state[name_weight(block, 0)] = torch.flip(state[name_weight(block, 0)], (-1,))
    state[name_weight(block, 2)] = -state[name_weight(block, 2)]


def convolve_with_shifts(state: State, chance: np.random.Generator) -> None:
    """The first convolution's kernels shifted, signed and summed over inputs."""
    name = name_weight(draw_block(state, chance, (*_FOURTHS,)), 0)
    kernel = torch.zeros_like(state[name])
    for channel in range(kernel.shape[0]):
        down, right = chance.integers(3, size=2)
        kernel[:, channel, down, right] = float(chance.choice([1.0, -1.0]))
    state[name] = functional.conv2d(state[name], kernel, padding=1)


def convolve_with_noise(state: State, chance: np.random.Generator) -> None:
    """The first convolution's kernels convolved with uniform noise."""
    name = name_weight(draw_block(state, chance, _THIRDS), 0)
    kernel = (2 * draw_uniform(chance, state[name]) * chance.random() - 1) / 6
    state[name] = functional.conv2d(state[name], kernel, padding=1)


def convolve_with_mixtures(state: State, chance: np.random.Generator) -> None:
    """The second convolution's kernels convolved with sparse kernels that sum to 1."""
    name = name_weight(draw_block(state, chance, _FOURTHS), 2)
    shape = state[name].shape
    drawn = chance.dirichlet([0.1] * 9, tuple(shape[:2])).astype(np.float32).reshape(tuple(shape))
    state[name] = functional.conv2d(state[name], torch.from_numpy(drawn).to(state[name]), padding=1)


def add_noise(state: State, chance: np.random.Generator) -> None:
    """Noise of -0.5 to 0.5 added to the second convolution."""
    name = name_weight(draw_block(state, chance, _ALL), 2)
    state[name] = state[name] + draw_uniform(chance, state[name]) - 0.5


def turn_kernels(state: State, chance: np.random.Generator) -> None:
    """Five convolutions turned by right angles, in the plane of the image or of the channels."""
    for _ in range(5):
        name = name_weight(draw_block(state, chance, _ALL), draw_one(chance, (0, 2)))
        dims = ((2, 3), (0, 1))[int(chance.integers(2))]
        state[name] = torch.rot90(state[name], k=int(chance.integers(1, 4)), dims=dims)


def flip_signs(state: State, chance: np.random.Generator) -> None:
    """Half of the weights of five first convolutions negated."""
    for _ in range(5):
        name = name_weight(draw_block(state, chance, _ALL), 0)
        state[name] = state[name] * draw_signs(chance, state[name], 0.5)


def drop_weights(state: State, chance: np.random.Generator) -> None:
    """Half of the weights of five first convolutions set to zero."""
    for _ in range(5):
        name = name_weight(draw_block(state, chance, _ALL), 0)
        state[name] = state[name] * draw_mask(chance, state[name], 0.5)


def negate_filters(state: State, chance: np.random.Generator) -> None:
    """Up to half of the filters of five first convolutions negated."""
    for _ in range(5):
        name = name_weight(draw_block(state, chance, _ALL), 0)
        number = state[name].shape[0]
        # Drawn with replacement, and one that is drawn twice is negated once: fewer than half.
        chosen = torch.from_numpy(np.unique(chance.integers(number, size=max(1, number // 2))))
        changed = state[name].clone()
        changed[chosen] = -changed[chosen]
        state[name] = changed


def keep_largest(state: State, chance: np.random.Generator) -> None:
    """Of each kernel of five convolutions only the largest weight."""
    for _ in range(5):
        name = name_weight(draw_block(state, chance, _ALL), draw_one(chance, (0, 2)))
        flat = state[name].flatten(2)
        largest = flat.max(dim=2, keepdim=True)
        kept = torch.zeros_like(flat).scatter(2, largest.indices, largest.values)
        state[name] = kept.view_as(state[name])


DISTURBANCES: tuple[Disturbance, ...] = (
    reverse_filters, negate_first, clear_first, bend_both, _scale_by(_FOUR), _scale_by(_EIGHT),
    stretch_second, mirror_first_negate_second, convolve_with_shifts, convolve_with_noise,
    convolve_with_mixtures, add_noise, turn_kernels, flip_signs, drop_weights, negate_filters, keep_largest,
)  # fmt: skip


def disturb_edsr(state: State, chance: np.random.Generator) -> State:
    """Weights with three disturbances; those that were given stay as they are."""
    # Functions replace tensors and write into none of them, so a shallow copy keeps the given weights.
    changed = dict(state)
    for number in chance.integers(len(DISTURBANCES), size=NUM_DRAWN):
        DISTURBANCES[int(number)](changed, chance)
    return changed
