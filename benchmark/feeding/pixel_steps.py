"""The steps of a transform that only move pixels: from an RGB image to `(H, W, 3)` uint8.

Nothing here imports torchvision before a transform of it is there to be read: that takes two seconds, and
each process that prepares images would take them again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from imagenet_g.benchmark.feeding.resampling import Box, resize_and_crop

if TYPE_CHECKING:
    from numpy.typing import NDArray

Step = Callable[[Image.Image], Image.Image]


@dataclass(frozen=True, slots=True, eq=False)
class PixelSteps:
    """Steps one after the other, from image to image, and the pixels of the last one.

    Attributes:
        steps: Each takes and gives an RGB image.
    """

    steps: tuple[Step, ...]

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """`(H, W, 3)` uint8."""
        for step in self.steps:
            image = step(image)
        return torch.from_numpy(np.array(image.convert("RGB")))


@dataclass(frozen=True, slots=True, eq=False)
class ResizedCrop:
    """The usual pair of steps, of which only the pixels that are kept are computed.

    Attributes:
        shorter_px: Length of the shorter side after resizing; or height and width.
        crop_px: Height and width of what is kept.
        filter_: Filter of the resizing.
    """

    shorter_px: tuple[int, ...]
    crop_px: tuple[int, int]
    filter_: Image.Resampling

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """`(H, W, 3)` uint8."""
        return torch.from_numpy(self._crop(image))

    def _crop(self, image: Image.Image) -> NDArray[np.uint8]:
        height, width = find_resized_size((image.height, image.width), self.shorter_px)
        box = center_box((height, width), self.crop_px)
        if image.size == (width, height):
            return np.array(image.crop(box))
        return resize_and_crop(image, (width, height), box, self.filter_)


def find_resized_size(size: tuple[int, int], shorter_px: tuple[int, ...]) -> tuple[int, int]:
    """Height and width that torchvision's `Resize` gives an image, as `_compute_resized_output_size` there.

    Args:
        size: Height and width of the image.
        shorter_px: Length of the shorter side after resizing; or height and width.

    Example:
        >>> find_resized_size((375, 500), (256,)), find_resized_size((375, 500), (64, 32))
        ((256, 341), (64, 32))
    """
    if len(shorter_px) > 1:
        return shorter_px[0], shorter_px[1]
    height, width = size
    # Cut off and not rounded, after one division: another order of the same steps may differ by a pixel.
    longer = int(shorter_px[0] * max(size) / min(size))
    return (longer, shorter_px[0]) if width <= height else (shorter_px[0], longer)


def center_box(size: tuple[int, int], crop: tuple[int, int]) -> Box:
    """Edges of torchvision's centre crop; beyond the image where that is smaller, which is padded with black.

    Args:
        size: Height and width of the image.
        crop: Height and width of the crop.

    Returns:
        Left, upper, right and lower edge.

    Example:
        >>> center_box((256, 341), (224, 224)), center_box((100, 300), (224, 224))
        ((58, 16, 282, 240), (38, -62, 262, 162))
    """
    top, left = (_find_start(whole, part) for whole, part in zip(size, crop, strict=True))
    return left, top, left + crop[1], top + crop[0]


def _find_start(whole: int, part: int) -> int:
    # A half goes to the even number inside, as `round` does; in padding the smaller part is in front.
    return round((whole - part) / 2) if part <= whole else -((part - whole) // 2)


def join_steps(steps: tuple[Step, ...]) -> PixelSteps | ResizedCrop:
    """The steps as one; a resize and a centre crop are joined to one that computes only what is kept."""
    from torchvision.transforms import CenterCrop, Resize
    from torchvision.transforms.functional import pil_modes_mapping

    if tuple(type(step) for step in steps) != (Resize, CenterCrop):
        return PixelSteps(steps)
    resize, crop = _read_attributes(steps[0]), _read_attributes(steps[1])
    size = resize["size"] if isinstance(resize["size"], list | tuple) else (resize["size"],)
    if resize["max_size"] is not None:
        return PixelSteps(steps)
    filter_ = Image.Resampling(pil_modes_mapping[resize["interpolation"]])
    return ResizedCrop(tuple(size), tuple(crop["size"]), filter_)


def _read_attributes(step: Step) -> dict[str, Any]:
    return vars(step)
