"""A model that answers otherwise has another fingerprint; one that answers alike has the same."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.fingerprints.behaviour import hash_behaviour, make_picture

SIZE = 32


def transform(image: Image.Image) -> torch.Tensor:
    """A small square."""
    made: torch.Tensor = transforms.functional.to_tensor(image.resize((SIZE, SIZE)))
    return made


def flip_channels(image: Image.Image) -> torch.Tensor:
    """The same in blue, green, red."""
    return transform(image).flip(0)


class Answers(torch.nn.Module):
    """Random logits of 1000 classes on a scale, shifted, and in an order."""

    def __init__(self, *, scale: float = 1.0, offset: float = 0.0, order: list[int] | None = None) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = torch.randn(3 * SIZE * SIZE, 1000, generator=generator) / SIZE
        self.scale, self.offset = scale, offset
        self.order = torch.tensor(order if order is not None else range(1000))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits `(N, 1000)`."""
        logits: torch.Tensor = (x.flatten(1) @ self.weight)[:, self.order]
        return logits * self.scale + self.offset


def hash_answers(module: torch.nn.Module, steps: object = transform) -> str:
    """The fingerprint with one transform."""
    return hash_behaviour(module, [steps])  # type: ignore[list-item]


def find_leaders() -> tuple[int, int]:
    """The two classes with the highest output for the picture."""
    first, second = Answers()(transform(make_picture())[None])[0].topk(2).indices.tolist()
    return first, second


def test_the_same_model_has_the_same_fingerprint() -> None:
    """The other tests would pass if it were never so."""
    assert hash_answers(Answers()) == hash_answers(Answers())


@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (1e-4, 0.0), (1e-4, 0.2), (1.0, 1000.0)])
def test_two_exchanged_classes_show_on_every_scale(scale: float, offset: float) -> None:
    """Cosines of 0.0002 and logits of 1000 too: which class comes first always counts."""
    first, second = find_leaders()
    order = list(range(1000))
    order[first], order[second] = second, first
    kept = Answers(scale=scale, offset=offset)
    assert hash_answers(kept) != hash_answers(Answers(scale=scale, offset=offset, order=order))


def test_a_channel_order_shows() -> None:
    """In the transform's output, whatever the model makes of it."""
    assert hash_answers(Answers()) != hash_answers(Answers(), flip_channels)


def test_a_second_transform_counts() -> None:
    """Images that come cropped take another way."""
    both = [hash_behaviour(Answers(), [transform, second]) for second in (transform, flip_channels)]
    assert both[0] != both[1]


@pytest.mark.parametrize("limit", ["small", "upright", "wide", "square"])
def test_a_transform_that_treats_some_shapes_otherwise_shows(limit: str) -> None:
    """By size or by side: the picture of usual size would not show it."""

    def treat(image: Image.Image) -> torch.Tensor:
        width, height = image.size
        special = {
            "small": max(image.size) < 100,
            "upright": height > width,
            "wide": width > 2 * height,
            "square": height == width == 512,
        }
        return flip_channels(image) if special[limit] else transform(image)

    assert hash_answers(Answers(), treat) != hash_answers(Answers())


def test_a_transform_that_refuses_small_pictures_has_a_fingerprint() -> None:
    """The images of a set may all be large."""

    def refuse(image: Image.Image) -> torch.Tensor:
        if min(image.size) < 100:
            raise ValueError("too small")
        return transform(image)

    assert hash_answers(Answers(), refuse) == hash_answers(Answers(), refuse)


def test_a_part_of_the_network_that_the_picture_leaves_dark_shows_in_the_noise() -> None:
    """The picture has no negative values."""

    class Halves(Answers):
        def __init__(self, slope: float) -> None:
            super().__init__()
            self.slope = slope

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(torch.nn.functional.leaky_relu(x, self.slope))

    assert hash_answers(Halves(0.1)) != hash_answers(Halves(0.2))


def test_rounding_hides_the_noise_of_float32() -> None:
    """The last bits differ between processors; they are no reason to run again."""
    values = torch.arange(1.0, 1001.0)[None]

    class Noisy(torch.nn.Module):
        def __init__(self, noise: float) -> None:
            super().__init__()
            self.noise = noise

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return values + self.noise

    assert hash_answers(Noisy(1e-5)) == hash_answers(Noisy(0.0))


def test_the_picture_never_changes() -> None:
    """Golden bytes: with another picture every answer that is kept would be lost."""
    pixels = np.asarray(make_picture())
    assert pixels.shape == (288, 320, 3)
    assert [int(channel.sum()) for channel in pixels.transpose(2, 0, 1).astype(np.int64)] == [
        11704608,
        11704640,
        10285117,
    ]


@pytest.mark.parametrize(
    "step",
    [
        transforms.RandomHorizontalFlip(0.5),
        transforms.RandomResizedCrop(SIZE),
        transforms.ColorJitter(0.4),
        lambda image: image.rotate(random.choice([0, 90])),
        lambda image: image.rotate(np.random.default_rng().integers(360)),
    ],
    ids=["flip", "crop", "jitter", "random", "generator of its own"],
)
def test_a_transform_of_training_is_refused(step: Callable[[Image.Image], Image.Image]) -> None:
    """Its accuracy would be another one on the next run."""
    with pytest.raises(ModelError, match="different inputs of one picture"):
        hash_answers(Answers(), transforms.Compose([step, transform]))


def test_random_numbers_that_decide_nothing_are_allowed() -> None:
    """A step that is drawn and always taken."""
    certain = transforms.Compose([transforms.RandomHorizontalFlip(1.0), transform])
    assert hash_answers(Answers(), certain) == hash_answers(Answers(), certain)
