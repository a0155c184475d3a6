"""Which transforms are taken for the same: every parameter counts, and doubt means no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import torch
from timm.data import create_transform

from imagenet_g.benchmark.feeding.preparation import Normalisation, Preparation
from imagenet_g.benchmark.feeding.same_steps import group_same


def make_timm(**settings: Any) -> Any:
    """A transform for validation."""
    return create_transform(input_size=32, is_training=False, **settings)


def are_same(first: Any, second: Any) -> bool:
    """Whether two transforms are run once."""
    return group_same([Preparation(first), Preparation(second)]) == [0, 0]


def test_two_transforms_that_a_library_makes_alike_are_the_same() -> None:
    """Each model loads its own; they are equal objects and not one."""
    assert are_same(make_timm(), make_timm())


@pytest.mark.parametrize(
    "settings",
    [
        {"crop_pct": 0.9},
        {"interpolation": "bicubic"},
        {"mean": (0.5, 0.5, 0.5)},
        {"std": (0.5, 0.5, 0.500001)},
        {"crop_mode": "squash"},
        {"input_size": 33},
    ],
)
def test_one_other_parameter_makes_another_transform(settings: dict[str, Any]) -> None:
    """Those that print the same too, such as a mean that is rounded for printing."""
    assert not are_same(make_timm(), create_transform(**{"input_size": 32, "is_training": False, **settings}))


class Silent:
    """A user's transform that prints nothing of its parameter."""

    def __init__(self, shift: float) -> None:
        self.shift = shift

    def __call__(self, image: object) -> torch.Tensor:
        return torch.full((3, 2, 2), self.shift)

    def __repr__(self) -> str:
        return "Silent()"


class Hidden(Silent):
    """One whose state is kept out of its pickle."""

    def __getstate__(self) -> dict[str, object]:
        return {}


class Slotted:
    """One that keeps its parameter in a slot."""

    __slots__ = ("shift",)

    def __init__(self, shift: float) -> None:
        self.shift = shift


@dataclass(frozen=True, slots=True)
class Frozen:
    """One that is a frozen dataclass."""

    shift: float


@pytest.mark.parametrize("kind", [Silent, Slotted, Frozen])
def test_a_parameter_counts_wherever_it_is_kept(kind: type) -> None:
    """In an attribute, in a slot or in a field, whatever is printed."""
    assert are_same(kind(0.5), kind(0.5))
    assert not are_same(kind(0.5), kind(0.25))
    assert not are_same(kind(0.0), kind(-0.0))


def test_a_class_that_hides_its_state_is_the_same_as_nothing_else() -> None:
    """Nothing shows what it does."""
    hidden = Hidden(0.5)
    assert not are_same(hidden, Hidden(0.5))
    assert are_same(hidden, hidden)


def test_functions_made_twice_are_not_the_same() -> None:
    """What they close over may differ."""

    def make(shift: float) -> Callable[[object], float]:
        return lambda image: shift

    assert not are_same(make(1), make(1))


def test_a_partial_and_a_method_count_with_what_they_hold() -> None:
    """The function, its arguments, and the object of a method."""
    assert are_same(partial(pow, exp=2), partial(pow, exp=2))
    assert not are_same(partial(pow, exp=2), partial(pow, exp=3))
    assert are_same(Silent(1).__call__, Silent(1).__call__)
    assert not are_same(Silent(1).__call__, Silent(2).__call__)


def test_tensors_count_with_values_and_type() -> None:
    """A table of colours, for example."""
    assert are_same(partial(torch.add, torch.ones(2)), partial(torch.add, torch.ones(2)))
    assert not are_same(partial(torch.add, torch.ones(2)), partial(torch.add, torch.zeros(2)))
    assert not are_same(partial(torch.add, torch.ones(2)), partial(torch.add, torch.ones(2).double()))


def test_pixels_serve_models_of_different_means() -> None:
    """The normalisation is left to each model's backend."""
    steps = make_timm()
    means = [Normalisation((mean,) * 3, (1.0,) * 3) for mean in (0.5, 0.5, 0.4)]
    assert group_same([Preparation(steps, mean) for mean in means]) == [0, 0, 0]
