"""Crops and mirrors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import numpy as np
from PIL import Image
from pydantic import Field

from imagenet_g.benchmark.records import FileModel

Chance = Annotated[float, Field(ge=0, le=1)]
Scale = Annotated[float, Field(gt=0, le=1)]
Ratio = Annotated[float, Field(gt=0)]
Filter = Literal["bilinear", "bicubic"]
Maker = Callable[[Image.Image, np.random.Generator, int], Sequence[Image.Image]]
_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
_TRIES = 10
Box = tuple[int, int, int, int]


class InceptionCropSpec(FileModel):
    """A part of random size and form, resized to the input (Szegedy et al., arXiv 1409.4842, section 6)."""

    scale: tuple[Scale, Scale] = (0.08, 1.0)
    """Share of the image's area."""
    ratio: tuple[Ratio, Ratio] = (3 / 4, 4 / 3)
    """Width by height."""
    interpolation: Filter = "bilinear"


class CentreCropSpec(FileModel):
    """The short side resized to `size / fraction`, and the middle; nothing is drawn."""

    fraction: Scale = 1.0
    interpolation: Filter = "bilinear"


class FlipSpec(FileModel):
    """Mirrored left to right."""

    chance: Chance = 0.5


def make_inception_crop(options: InceptionCropSpec) -> Maker:
    """One view, `side` by `side` pixels."""

    def crop(image: Image.Image, chance: np.random.Generator, side: int) -> Sequence[Image.Image]:
        return (crop_randomly(image, chance, side, options),)

    return crop


def crop_randomly(
    image: Image.Image, chance: np.random.Generator, side: int, options: InceptionCropSpec
) -> Image.Image:
    """A random part, resized."""
    box = draw_box(image.size, chance, scale=options.scale, ratio=options.ratio)
    # Cut first, as torchvision does: with `box`, Pillow's filter reaches over the edges of the part.
    return image.crop(box).resize((side, side), _FILTERS[options.interpolation])


def draw_box(
    size: tuple[int, int],
    chance: np.random.Generator,
    *,
    scale: tuple[float, float],
    ratio: tuple[float, float],
) -> Box:
    """Left, upper, right and lower edge of a random part, as torchvision's `RandomResizedCrop` chooses it.

    Area uniform in `scale`, form log-uniform in `ratio`; after ten tries that do not fit, the middle.

    Example:
        >>> draw_box((40, 40), np.random.default_rng(0), scale=(1, 1), ratio=(1, 1))
        (0, 0, 40, 40)
        >>> draw_box((40, 10), np.random.default_rng(0), scale=(1, 1), ratio=(1, 1))
        (15, 0, 25, 10)
    """
    width, height = size
    low, high = (math.log(bound) for bound in ratio)
    for _ in range(_TRIES):
        area = width * height * chance.uniform(*scale)
        form = math.exp(chance.uniform(low, high))
        wide, tall = round(math.sqrt(area * form)), round(math.sqrt(area / form))
        if 0 < wide <= width and 0 < tall <= height:
            left = int(chance.integers(0, width - wide + 1))
            upper = int(chance.integers(0, height - tall + 1))
            return left, upper, left + wide, upper + tall
    return _take_middle(width, height, ratio)


def _take_middle(width: int, height: int, ratio: tuple[float, float]) -> Box:
    """The largest part in the middle whose form is allowed."""
    form = width / height
    wide, tall = width, height
    if form < ratio[0]:
        tall = round(width / ratio[0])
    elif form > ratio[1]:
        wide = round(height * ratio[1])
    left, upper = (width - wide) // 2, (height - tall) // 2
    return left, upper, left + wide, upper + tall


def make_centre_crop(options: CentreCropSpec) -> Maker:
    """One view, `side` by `side` pixels."""

    def crop(image: Image.Image, chance: np.random.Generator, side: int) -> Sequence[Image.Image]:
        part = max(1, round(min(image.size) * options.fraction))
        left, upper = (image.width - part) // 2, (image.height - part) // 2
        middle = image.crop((left, upper, left + part, upper + part))
        return (middle.resize((side, side), _FILTERS[options.interpolation]),)

    return crop


def make_flip(options: FlipSpec) -> Maker:
    """One view."""

    def flip(image: Image.Image, chance: np.random.Generator, side: int) -> Sequence[Image.Image]:
        if chance.random() < options.chance:
            return (image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),)
        return (image,)

    return flip
