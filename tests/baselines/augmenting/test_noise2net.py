"""Noise2Net against plain modules of PyTorch, one image at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from imagenet_g.baselines.augmenting.batches import (
    ChosenBatchStep,
    StepChance,
    StepImage,
    change_batch,
)
from imagenet_g.baselines.augmenting.noise2net import (
    BlockWeights,
    Kernel,
    Noise2NetSpec,
    draw_kernels,
    draw_weights,
    make_noise2net,
    run_networks,
)

OPTIONS = Noise2NetSpec(width=4, parts=3, blocks=2)
CHANCE = StepChance(seed=0, epoch=0, step=3, batch_size=6)
IMAGES = [StepImage(place, 0, "real" if place % 2 else "changed") for place in range(6)]
INPUTS = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 3, 9, 7)).astype(np.float32))
CPU = torch.device("cpu")


class PlainBlock(nn.Module):
    """A bottleneck of Res2Net for one image, with batch norms that learn nothing."""

    def __init__(self, weights: BlockWeights, kernels: list[Kernel], row: int) -> None:
        super().__init__()
        width = weights.biases[0].shape[1]
        parts = len(kernels) + 1
        self.spread = nn.Conv2d(3, parts * width, 1, bias=False)
        self.spread.weight.data = weights.spread[row]
        self.middle = nn.ModuleList()
        for kernel, weight, bias in zip(kernels, weights.kernels, weights.biases, strict=True):
            padding = (kernel.size // 2) * kernel.dilation
            layer = nn.Conv2d(width, width, kernel.size, dilation=kernel.dilation, padding=padding)
            layer.weight.data, layer.bias = weight[row], nn.Parameter(bias[row])
            self.middle.append(layer)
        self.gather = nn.Conv2d(parts * width, 3, 1, bias=False)
        self.gather.weight.data = weights.gather[row]
        self.width, self.parts = width, parts

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """`(1, 3, H, W)`."""
        state = torch.relu(self.norm(self.spread(image)))
        made: list[torch.Tensor] = []
        for number in range(self.parts):
            part = state[:, number * self.width : (number + 1) * self.width]
            if number < self.parts - 1:
                part = part + made[-1] if number else part
                part = torch.relu(self.norm(self.middle[number](part)))
            made.append(part)
        return self.norm(self.gather(torch.cat(made, dim=1)))

    def norm(self, state: torch.Tensor) -> torch.Tensor:
        """What a new batch norm does to one image in training."""
        return nn.BatchNorm2d(state.shape[1]).train()(state)  # type: ignore[no-any-return]


def make_sources(number: int) -> list[np.random.Generator]:
    """One for each image."""
    return [CHANCE.of_image(place, 0) for place in range(number)]


def test_all_images_at_once_are_each_through_a_plain_network_of_its_own() -> None:
    """Convolutions in groups against modules of PyTorch, image by image."""
    kernels = draw_kernels(OPTIONS, np.random.default_rng(1))
    weights = draw_weights(OPTIONS, kernels, make_sources(6), CPU)
    found = run_networks(INPUTS, weights, kernels, 0.6)
    for row in range(6):
        state = INPUTS[row : row + 1]
        for block, sizes in zip(weights, kernels, strict=True):
            with torch.no_grad():
                state = state + 0.6 * PlainBlock(block, sizes, row)(state)
        torch.testing.assert_close(found[row : row + 1], state, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_every_kernel_keeps_the_size(size: int, dilation: int) -> None:
    """Or it could not be added to its input."""
    kernels = [[Kernel(size, dilation)] * 2] * 2
    weights = draw_weights(OPTIONS, kernels, make_sources(6), CPU)
    assert run_networks(INPUTS, weights, kernels, 0.5).shape == INPUTS.shape


def test_weights_lie_within_pytorchs_own_bounds_and_fill_them() -> None:
    """Of new convolutions of the same shapes."""
    options = Noise2NetSpec()
    kernels = [[Kernel(3, 1)] * 3] * 4
    block = draw_weights(options, kernels, make_sources(20), CPU)[1]
    for drawn, layer in (
        (block.spread, nn.Conv2d(3, 64, 1)),
        (block.kernels[1], nn.Conv2d(16, 16, 3)),
        (block.gather, nn.Conv2d(64, 3, 1)),
    ):
        assert drawn.shape[1:] == layer.weight.shape
        bound = 1 / (layer.weight.shape[1] * layer.weight.shape[2] ** 2) ** 0.5
        assert float(layer.weight.detach().abs().max()) <= bound, "the bound itself is wrong"
        assert 0.95 * bound < float(drawn.abs().max()) <= bound
        assert abs(float(drawn.mean())) < 0.03 * bound


def test_the_first_half_of_a_step_is_changed_and_the_rest_is_not() -> None:
    """As its authors do it."""
    changed = make_noise2net(OPTIONS)(INPUTS, IMAGES, CHANCE)
    moved = (changed - INPUTS).abs().amax(dim=(1, 2, 3)) > 1e-3
    assert moved.tolist() == [True] * 3 + [False] * 3


def test_an_image_is_changed_alike_on_any_number_of_processes() -> None:
    """By its place in the step, whatever other images are changed with it."""
    step = make_noise2net(Noise2NetSpec(width=4, parts=3, blocks=2, share=1.0))
    whole = step(INPUTS, IMAGES, CHANCE)
    for index in range(2):
        share = step(INPUTS[index::2], IMAGES[index::2], CHANCE)
        torch.testing.assert_close(share, whole[index::2], rtol=1e-4, atol=1e-4)


def test_the_same_step_gives_the_same_bits_and_another_step_others() -> None:
    """Whatever was run before."""
    step = make_noise2net(OPTIONS)
    first = step(INPUTS, IMAGES, CHANCE)
    other = step(INPUTS, IMAGES, StepChance(seed=0, epoch=0, step=4, batch_size=6))
    assert torch.equal(step(INPUTS, IMAGES, CHANCE), first)
    assert not torch.equal(other[:3], first[:3])


def test_only_the_images_of_named_sources_are_changed() -> None:
    """The others are the same bits, and so is what was given."""
    before = INPUTS.clone()
    step = make_noise2net(Noise2NetSpec(width=4, parts=3, blocks=2, share=1.0))
    found = change_batch(INPUTS, IMAGES, [ChosenBatchStep(step, ("changed",))], CHANCE)
    assert torch.equal(found[1::2], INPUTS[1::2])
    assert not torch.equal(found[::2], INPUTS[::2])
    assert torch.equal(INPUTS, before)


def test_the_strength_is_drawn_from_its_upper_half() -> None:
    """Over many steps."""
    drawn = [
        StepChance(seed=0, epoch=0, step=step, batch_size=1).of_step().uniform(0.375, 0.75)
        for step in range(300)
    ]
    assert 0.375 <= min(drawn) < 0.39
    assert 0.73 < max(drawn) <= 0.75
