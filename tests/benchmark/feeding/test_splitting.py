"""A transform that is split gives the same bits as a whole one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip.transform import image_transform
from PIL import Image
from timm.data.transforms_factory import create_transform
from torchvision import models, transforms
from torchvision.transforms import v2
from torchvision.transforms.functional import _compute_resized_output_size

from imagenet_g.benchmark.feeding.normalising import normalise
from imagenet_g.benchmark.feeding.pixel_steps import find_resized_size
from imagenet_g.benchmark.feeding.preparation import Preparation
from imagenet_g.benchmark.feeding.resampling import load_kernel
from imagenet_g.benchmark.feeding.splitting import gives_same_bits, split_transform
from imagenet_g.benchmark.models.python_models import build_default_transform
from imagenet_g.benchmark.models.torchvision_models import build_precropped_preset

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
sizes = st.tuples(st.integers(1, 700), st.integers(1, 700))


def make_timm(**options: Any) -> Callable[[Image.Image], torch.Tensor]:
    """Timm's evaluation transform."""
    made: Callable[[Image.Image], torch.Tensor] = create_transform(
        **{"input_size": (3, 96, 96), "mean": MEAN, "std": STD, "is_training": False} | options
    )
    return made


def list_split() -> Iterator[tuple[str, Callable[[Image.Image], torch.Tensor]]]:
    """One transform of every kind that is split."""
    for mode, filter_, pct in product(
        ("center", "squash", "border"), ("bilinear", "bicubic", "lanczos", "nearest"), (0.875, 1.0)
    ):
        yield f"timm-{mode}-{filter_}-{pct}", make_timm(crop_mode=mode, interpolation=filter_, crop_pct=pct)
    yield "timm-wide", make_timm(input_size=(3, 64, 96), crop_pct=0.9)
    yield "timm-border-pixels", make_timm(crop_border_pixels=3)
    for mode, filter_ in product(("shortest", "longest", "squash"), ("bilinear", "bicubic")):
        options: dict[str, Any] = {"resize_mode": mode, "interpolation": filter_, "mean": MEAN, "std": STD}
        yield f"open_clip-{mode}-{filter_}", image_transform(96, is_train=False, **options)
    preset = models.get_model_weights("resnet50")["IMAGENET1K_V2"].transforms()
    yield "torchvision", preset
    yield "torchvision-precropped", build_precropped_preset(preset)
    yield "default", build_default_transform(256)


class EqualToAll:
    """A step of a user's own, equal to any of a library."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return True

    def __call__(self, image: Image.Image) -> Image.Image:
        """Changes nothing this time."""
        return image


class RefusingEquality(EqualToAll):
    """As arrays, which have no single answer."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("ambiguous")


def list_whole() -> Iterator[tuple[str, Callable[[Image.Image], torch.Tensor]]]:
    """Transforms that must run as they are."""
    tail = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]

    class OwnCrop(transforms.CenterCrop):  # type: ignore[misc]
        pass

    yield "training", create_transform(input_size=(3, 96, 96), is_training=True)
    yield "random", transforms.Compose([transforms.RandomCrop(8), *tail])
    yield "subclass", transforms.Compose([OwnCrop(8), *tail])
    yield "function", lambda image: torch.zeros(3, 8, 8)
    yield "own step", transforms.Compose([lambda image: image.resize((8, 8)), *tail])
    yield "prefetcher", make_timm(use_prefetcher=True)
    yield "no normalisation", transforms.Compose([transforms.CenterCrop(8), transforms.ToTensor()])
    # Multiplied by the inverse of 255, which rounds in another way.
    steps = [v2.Resize(8), v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
    yield "v2", v2.Compose(steps)
    resized = [transforms.Resize(9), transforms.CenterCrop(8)]
    yield "one mean for all", transforms.Compose([*resized, tail[0], transforms.Normalize(0.5, 0.5)])
    image = torch.full((3, 8, 8), 0.5)
    yield "a mean image", transforms.Compose([*resized, tail[0], transforms.Normalize(image, image)])
    preset = models.get_model_weights("resnet50")["IMAGENET1K_V2"].transforms()
    preset.crop_size = 48
    yield "preset with a number", preset
    yield "equal to anything", transforms.Compose([*resized, EqualToAll(), *tail])
    yield "equal to nothing", transforms.Compose([*resized, RefusingEquality(), *tail])
    hooked = transforms.CenterCrop(8)
    hooked.register_forward_hook(lambda module, given, made: made)
    yield "hook", transforms.Compose([hooked, *tail])
    replaced = transforms.CenterCrop(8)
    replaced.forward = lambda image: image.crop((0, 0, 8, 8))
    yield "own forward", transforms.Compose([replaced, *tail])
    yield "steps behind", transforms.Compose([transforms.CenterCrop(8), *tail, transforms.RandomErasing()])


SPLIT, WHOLE = dict(list_split()), dict(list_whole())


def apply(preparation: Preparation, image: Image.Image) -> torch.Tensor:
    """The input of a model."""
    return normalise(preparation.prepare(image)[None], preparation.normalisation)[0]


@pytest.mark.parametrize("name", SPLIT)
def test_the_librarys_transform_is_split(name: str) -> None:
    """Pixels leave the worker, floats are made of a batch."""
    preparation = split_transform(SPLIT[name])
    assert preparation.normalisation is not None
    assert preparation.prepare(Image.new("RGB", (300, 200))).dtype == torch.uint8


@pytest.mark.parametrize("name", WHOLE)
def test_any_other_transform_runs_whole(name: str) -> None:
    """By its class or by its bits."""
    assert split_transform(WHOLE[name]) == Preparation(WHOLE[name])


@pytest.fixture(autouse=True, scope="module")
def kernel() -> None:
    """The compiled resizing, as a large run loads it."""
    load_kernel()


PREPARATIONS = {name: split_transform(transform) for name, transform in SPLIT.items()}


@given(sizes, st.sampled_from(sorted(SPLIT)), st.integers(0, 2**32 - 1))
@settings(max_examples=120, deadline=None)
def test_every_size_has_the_same_bits_split_and_whole(size: tuple[int, int], name: str, seed: int) -> None:
    """Noise of any size through any transform."""
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    try:
        expected = SPLIT[name](image)
    except ValueError:
        # A strip of one pixel shrinks to nothing; split, it is refused as well.
        with pytest.raises(ValueError, match=r"."):
            apply(PREPARATIONS[name], image)
        return
    assert torch.equal(apply(PREPARATIONS[name], image), expected)


def test_a_batch_is_normalised_as_its_images_are() -> None:
    """Layout and number of images decide no bit."""
    preparation = PREPARATIONS["timm-center-bicubic-0.875"]
    rng = np.random.default_rng(1)
    images = [Image.fromarray(rng.integers(0, 256, (90, 120, 3), dtype=np.uint8)) for _ in range(5)]
    batch = torch.stack([preparation.prepare(image) for image in images])
    expected = torch.stack([SPLIT["timm-center-bicubic-0.875"](image) for image in images])
    assert torch.equal(normalise(batch, preparation.normalisation), expected)


def test_a_split_that_gives_other_bits_is_noticed() -> None:
    """Whatever the reason: a library that changes a step, or a mistake of ours."""
    preparation = split_transform(make_timm(mean=(0.5, 0.5, 0.5)))
    assert not gives_same_bits(preparation, make_timm(mean=(0.5, 0.5, 0.50001)))


def test_every_offered_preprocessing_of_timm_is_split() -> None:
    """Of the names that timm publishes, by their own settings; one of each kind."""
    seen: dict[object, Any] = {}
    for name in timm.list_pretrained():
        config = timm.get_pretrained_cfg(name)
        kind = (config.interpolation, config.crop_pct, config.crop_mode)
        seen.setdefault(kind, config)
    for config in seen.values():
        options = {"crop_pct": config.crop_pct, "crop_mode": config.crop_mode}
        transform = make_timm(interpolation=config.interpolation, **options)
        assert split_transform(transform).normalisation is not None, config


@given(sizes, st.integers(1, 700))
def test_an_image_is_resized_to_torchvisions_size(size: tuple[int, int], shorter: int) -> None:
    """Computed here, so that a process that prepares images need not import torchvision."""
    assert list(find_resized_size(size, (shorter,))) == _compute_resized_output_size(size, [shorter])


def test_a_size_of_both_sides_is_taken_as_it_is() -> None:
    """Height first, whatever the image."""
    assert list(find_resized_size((7, 9), (5, 3))) == _compute_resized_output_size((7, 9), [5, 3])
