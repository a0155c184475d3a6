"""The eight ways in which DeepAugment disturbs the weights of its autoencoder.

As `CAE_distort_imagenet.py` of imagenet-r 3131cac. One is drawn; a ninth stands in its code and never is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional

from imagenet_g.baselines.distorting.chances import draw_mask, draw_signs, draw_uniform

State = dict[str, torch.Tensor]
LAYERS = (
    "e_conv_1.1", "e_conv_2.1", "e_block_1.1", "e_block_1.4", "e_block_2.1", "e_block_2.4", "e_block_3.1",
    "e_block_3.4", "e_conv_3.0", "d_up_conv_1.0", "d_up_conv_1.3", "d_block_1.1", "d_block_1.4",
    "d_block_2.1", "d_block_2.4", "d_block_3.1", "d_block_3.4", "d_up_conv_2.0", "d_up_conv_2.3",
    "d_up_conv_3.0", "d_up_conv_3.3",
)  # fmt: skip
"""In the order of the forward pass, which the ranges below count in."""
Disturbance = Callable[[State, str, str, np.random.Generator], None]
"""Of the weights, the names of two layers, and chance."""


def reverse_filters(state: State, layer: str, other: str, chance: np.random.Generator) -> None:
    """The filters of a layer in reverse order."""
    # Theirs reverses a second layer twice, where its bias was meant: that changes nothing.
    for name in (f"{layer}.weight", f"{layer}.bias"):
        state[name] = torch.flip(state[name], (0,))


def change_filters(
    state: State,
    layer: str,
    number: int,
    change: Callable[[torch.Tensor], torch.Tensor],
    chance: np.random.Generator,
) -> None:
    """Some filters and their biases changed; one that is drawn twice is changed twice."""
    names = (f"{layer}.weight", f"{layer}.bias")
    changed = {name: state[name].clone() for name in names}
    for place in chance.integers(len(state[names[0]]), size=number):
        for value in changed.values():
            value[place] = change(value[place])
    state.update(changed)


def negate_filters(state: State, layer: str, other: str, chance: np.random.Generator) -> None:
    """Twelve filters negated."""
    change_filters(state, layer, 12, torch.neg, chance)


def clear_filters(state: State, layer: str, other: str, chance: np.random.Generator) -> None:
    """Twenty-five filters set to zero."""
    change_filters(state, layer, 25, torch.zeros_like, chance)


def bend_filters(state: State, layer: str, other: str, chance: np.random.Generator) -> None:
    """Twenty-five filters through a negated GELU."""
    change_filters(state, layer, 25, lambda value: -functional.gelu(value), chance)


def stretch_layers(state: State, layer: str, other: str, chance: np.random.Generator) -> None:
    """The weights of two layers enlarged, each by its own factor of 1 to 9 at most."""
    for name in (f"{layer}.weight", f"{other}.weight"):
        state[name] = state[name] * (1 + 2 * chance.random() * 4 * draw_uniform(chance, state[name]))


def mask_weights(state: State, layer: str, other: str, chance: np.random.Generator) -> None:
    """Half of the weights set to zero, or negated."""
    name = f"{layer}.weight"
    draw = draw_mask if chance.random() < 0.5 else draw_signs
    state[name] = state[name] * draw(chance, state[name], 0.5)


def turn_kernels(state: State, layer: str, other: str, chance: np.random.Generator) -> None:
    """Kernels turned by right angles."""
    name = f"{layer}.weight"
    state[name] = torch.rot90(state[name], k=int(chance.integers(1, 4)), dims=(2, 3))


def negate_weights(state: State, layer: str, other: str, chance: np.random.Generator) -> None:
    """The weights of up to a fifth of the filters negated, their biases kept."""
    name = f"{layer}.weight"
    number = len(state[name])
    # Of a narrow network at least one: a fifth of four filters would be no disturbance.
    chosen = torch.from_numpy(np.unique(chance.integers(number, size=max(1, number // 5))))
    changed = state[name].clone()
    changed[chosen] = -changed[chosen]
    state[name] = changed


_MIDDLE = range(8, 14)
DISTURBANCES: tuple[tuple[Disturbance, range], ...] = (
    (reverse_filters, range(11, 16)),
    (negate_filters, _MIDDLE),
    (clear_filters, _MIDDLE),
    (bend_filters, range(10, 14)),
    (stretch_layers, _MIDDLE),
    (mask_weights, _MIDDLE),
    (turn_kernels, _MIDDLE),
    (negate_weights, _MIDDLE),
)
"""Each with the numbers of the layers that it may be drawn for."""


def disturb_cae(state: State, chance: np.random.Generator) -> State:
    """Weights with one disturbance; those that were given stay as they are."""
    changed = dict(state)
    disturb, numbers = DISTURBANCES[int(chance.integers(len(DISTURBANCES)))]
    layer, other = (LAYERS[int(chance.choice(numbers))] for _ in range(2))
    disturb(changed, layer, other, chance)
    return changed
