"""Multi-crop with DINO's augmentation (Caron et al. 2021, arXiv 2104.14294, and its main_dino.py).

Sariyildiz et al. 2023 (arXiv 2212.08420) train with 1 global and 8 local crops; the constants are those of a
sister project of theirs, and which ones the paper used is not printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from pydantic import Field

from imagenet_g.baselines.augmenting.crops import Chance, InceptionCropSpec, Maker, Scale, crop_randomly
from imagenet_g.benchmark.records import FileModel

Amount = Annotated[float, Field(ge=0, le=1)]


class MultiCropSpec(FileModel):
    """Global crops at the model's input size, and smaller local ones."""

    global_crops: Annotated[int, Field(ge=1, le=32)] = 1
    local_crops: Annotated[int, Field(ge=0, le=32)] = 8
    global_scale: tuple[Scale, Scale] = (0.25, 1.0)
    local_scale: tuple[Scale, Scale] = (0.05, 0.25)
    local_share: Scale = 96 / 224
    """Side of a local crop as a share of the input's."""
    flip: Chance = 0.5
    jitter: Chance = 0.8
    brightness: Amount = 0.4
    contrast: Amount = 0.4
    saturation: Amount = 0.2
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    grey: Chance = 0.2
    global_blur: Chance = 0.2
    local_blur: Chance = 0.5
    solarise: Chance = 0.2
    """Of global crops."""


def make_multi_crop(options: MultiCropSpec) -> Maker:
    """The global views, then the local ones."""
    wide = InceptionCropSpec(scale=options.global_scale, interpolation="bicubic")
    near = InceptionCropSpec(scale=options.local_scale, interpolation="bicubic")

    def crop(image: Image.Image, chance: np.random.Generator, side: int) -> Sequence[Image.Image]:
        small = max(1, round(side * options.local_share))
        views = []
        for _ in range(options.global_crops):
            view = colour(crop_randomly(image, chance, side, wide), chance, options, options.global_blur)
            views.append(ImageOps.solarize(view, 128) if chance.random() < options.solarise else view)
        for _ in range(options.local_crops):
            view = crop_randomly(image, chance, small, near)
            views.append(colour(view, chance, options, options.local_blur))
        return views

    return crop


def colour(
    view: Image.Image, chance: np.random.Generator, options: MultiCropSpec, blur: float
) -> Image.Image:
    """Mirrored, its colours jittered or taken away, and blurred, each by chance."""
    if chance.random() < options.flip:
        view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if chance.random() < options.jitter:
        view = jitter_colours(view, chance, options)
    if chance.random() < options.grey:
        view = ImageOps.grayscale(view).convert("RGB")
    if chance.random() < blur:
        # Radius as in DINO's `GaussianBlur`: uniform in 0.1 to 2 pixels.
        view = view.filter(ImageFilter.GaussianBlur(chance.uniform(0.1, 2.0)))
    return view


def jitter_colours(view: Image.Image, chance: np.random.Generator, options: MultiCropSpec) -> Image.Image:
    """Brightness, contrast, saturation and hue, in random order, as torchvision's `ColorJitter`."""
    for which in chance.permutation(4):
        if which == 3:
            view = shift_hue(view, chance.uniform(-options.hue, options.hue))
            continue
        amount = (options.brightness, options.contrast, options.saturation)[which]
        enhance = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)[which]
        view = enhance(view).enhance(chance.uniform(1 - amount, 1 + amount))
    return view


def shift_hue(view: Image.Image, turn: float) -> Image.Image:
    """Hues turned by a share of the circle.

    Example:
        >>> shift_hue(Image.new("RGB", (1, 1), (255, 0, 0)), 85 / 255).getpixel((0, 0))
        (0, 255, 0)
    """
    hue, saturation, value = view.convert("HSV").split()
    # uint8 wraps round, as the circle does; torchvision cuts the fraction off, and so does this.
    turned = np.asarray(hue) + np.array(int(turn * 255) % 256, np.uint8)
    return Image.merge("HSV", (Image.fromarray(turned), saturation, value)).convert("RGB")
