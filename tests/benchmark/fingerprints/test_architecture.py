"""What a model computes with besides its weights is seen, and seen alike in every process."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch

from imagenet_g.benchmark.fingerprints.architecture import describe_value, hash_architecture


class Layer(torch.nn.Module):
    """A layer with a setting that neither prints nor is saved."""

    def __init__(self, setting: object) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(2, 2)
        self._setting = setting

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The same for every setting."""
        output: torch.Tensor = self.linear(x)
        return output


class Holder:
    """Something a hash cannot look into."""


SETTINGS: list[Callable[[], object]] = [
    lambda: [0, 1, 2],
    lambda: [0, 2, 1],
    lambda: (0.5, "a"),
    lambda: {"order": {"b": [1]}},
    lambda: {"order": {"b": [2]}},
    lambda: {"a", "b", "c", "d"},
    lambda: torch.arange(3),
    lambda: torch.arange(3).float(),
    lambda: np.arange(3),
    lambda: np.array([object, None], dtype=object),
    lambda: len,
    lambda: partial(round, ndigits=2),
    lambda: partial(round, ndigits=3),
    lambda: torch.float16,
    lambda: True,
    lambda: None,
    lambda: Holder(),
]


def hash_layer(setting: object, *, nested: bool = False) -> str:
    """The hash of a layer, or of one inside another module."""
    layer = Layer(setting)
    return hash_architecture(torch.nn.Sequential(layer) if nested else layer)


@pytest.mark.parametrize("nested", [False, True])
def test_every_other_setting_is_another_architecture(nested: bool) -> None:
    """A class order in a list is the one that this was built for."""
    hashes = [hash_layer(make(), nested=nested) for make in SETTINGS]
    assert len(set(hashes)) == len(SETTINGS)


def test_the_same_settings_made_again_are_the_same_architecture() -> None:
    """No address in memory and no order of a set may count."""
    assert [hash_layer(make()) for make in SETTINGS] == [hash_layer(make()) for make in SETTINGS]


def test_weights_do_not_count() -> None:
    """They have a hash of their own."""
    assert hash_layer([1]) == hash_layer([1])
    assert not torch.equal(Layer([1]).linear.weight, Layer([1]).linear.weight)


def test_a_buffer_counts_where_it_is_not_saved() -> None:
    """A saved one is in the hash of the weights."""

    def hash_buffer(value: float, *, saved: bool) -> str:
        module = torch.nn.Linear(2, 2)
        module.register_buffer("scale", torch.tensor(value), persistent=saved)
        return hash_architecture(module)

    assert hash_buffer(1.0, saved=False) != hash_buffer(2.0, saved=False)
    assert hash_buffer(1.0, saved=True) == hash_buffer(2.0, saved=True)


def test_a_value_that_holds_itself_ends() -> None:
    """At a depth."""
    circle: list[object] = []
    circle.append(circle)
    assert describe_value(circle).count("[") < 10
