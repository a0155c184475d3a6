"""An image resized and cropped, to the bit as Pillow does it, and at a fraction of its time with Numba.

Pillow resizes the whole image before most of a border is cut off. Its filter is a sum of pixels with integer
weights, row by row and then column by column, so any part of the result can be computed alone. Its own
`resize(box=...)` is no way to do that: the box is rounded to float32, and the weights with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

if TYPE_CHECKING:
    from types import ModuleType

Pixels = npt.NDArray[np.uint8]
Weights = npt.NDArray[np.int32]
Box = tuple[int, int, int, int]


def resize_and_crop(image: Image.Image, size: tuple[int, int], box: Box, filter_: Image.Resampling) -> Pixels:
    """`image.resize(size, filter_).crop(box)` as an array.

    Args:
        image: RGB.
        size: Width and height to resize to.
        box: Left, upper, right and lower edge of what is kept of it.
        filter_: Any filter; bilinear and bicubic are fast.

    Returns:
        `(height, width, 3)` uint8.

    Example:
        >>> picture = Image.linear_gradient("L").convert("RGB")
        >>> kept = resize_and_crop(picture, (64, 64), (8, 8, 56, 56), Image.Resampling.BICUBIC)
        >>> plain = picture.resize((64, 64), Image.Resampling.BICUBIC).crop((8, 8, 56, 56))
        >>> kept.shape, bool((kept == np.asarray(plain)).all())
        ((48, 48, 3), True)
    """
    kernel = load_kernel()
    left, upper, right, lower = box
    inside = 0 <= left < right <= size[0] and 0 <= upper < lower <= size[1]
    if kernel is None or filter_ not in _KERNELS or not inside or image.mode != "RGB":
        return np.array(image.resize(size, filter_).crop(box))
    return _resample(kernel, image, size, box, filter_)


@cache
def load_kernel() -> ModuleType | None:
    """The compiled passes; None without Numba, or where this Pillow rounds in another way."""
    try:
        from imagenet_g.benchmark.feeding import resampling_kernel
    except (ImportError, RuntimeError):
        # Numba raises RuntimeError where it finds no folder to keep what it compiles.
        return None
    return resampling_kernel if _is_exact(resampling_kernel) else None


def _is_exact(kernel: ModuleType) -> bool:
    noise = np.random.default_rng(0).integers(0, 256, (97, 131, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    for filter_ in _KERNELS:
        for size in ((61, 45), (131, 160)):
            box = (5, 3, 58, 44)
            found = _resample(kernel, image, size, box, filter_)
            if not np.array_equal(found, np.asarray(image.resize(size, filter_).crop(box))):
                return False
    return True


def _resample(
    kernel: ModuleType, image: Image.Image, size: tuple[int, int], box: Box, filter_: Image.Resampling
) -> Pixels:
    left, upper, right, lower = box
    across = (part[left:right] for part in compute_weights(image.width, size[0], filter_))
    first, count, weights = (part[upper:lower] for part in compute_weights(image.height, size[1], filter_))
    # Only the rows that the second pass adds up.
    top = int(first[0])
    height = int(first[-1] + count[-1]) - top
    passed = kernel.resample_across(view_pixels(image), *across, top, height)
    made: Pixels = kernel.resample_down(passed, first, count, weights)
    return made


def view_pixels(image: Image.Image) -> Pixels:
    """The pixels of an RGB image, `(H, W, 3)`, or `(H, W, 4)` with a byte without meaning; without a copy.

    Large images lie in several blocks of memory, and old versions of Pillow do not show theirs; these are
    copied.
    """
    import pyarrow as pa

    try:
        flat = np.asarray(pa.array(image).flatten())
    except (pa.ArrowException, TypeError, ValueError):
        copied = np.asarray(image).view()
        # Of one type with what Pillow shows, which may not be written to: Numba compiles for each type.
        copied.flags.writeable = False
        return copied
    return flat.reshape(image.height, image.width, 4)


@lru_cache(maxsize=256)
def compute_weights(
    num_pixels: int, num_results: int, filter_: Image.Resampling
) -> tuple[Weights, Weights, Weights]:
    """What Pillow multiplies pixels with in one direction: `precompute_coeffs` in its `Resample.c`.

    Args:
        num_pixels: Of the image in this direction.
        num_results: Of the result.
        filter_: Bilinear or bicubic.

    Returns:
        For each result the first pixel in its sum, the number of pixels, and `(num_results, K)` weights times
        2 to the power of 22, rounded.
    """
    function, reach = _KERNELS[filter_]
    scale = num_pixels / num_results
    stretch = max(scale, 1.0)
    support, inverse = reach * stretch, 1.0 / stretch
    first = np.zeros(num_results, np.int32)
    count = np.zeros(num_results, np.int32)
    weights = np.zeros((num_results, math.ceil(support) * 2 + 1), np.int32)
    for result in range(num_results):
        center = (result + 0.5) * scale
        start = max(int(center - support + 0.5), 0)
        number = min(int(center + support + 0.5), num_pixels) - start
        values = [function((pixel + start - center + 0.5) * inverse) for pixel in range(number)]
        first[result], count[result] = start, number
        weights[result, :number] = _round_weights(values)
    return first, count, weights


def _round_weights(values: list[float]) -> list[int]:
    # In the order of Pillow's loop: a sum in another order may differ in its last bit.
    total = 0.0
    for value in values:
        total += value
    shares = [value / total if total else value for value in values]
    # Away from zero at a half, and towards it elsewhere, as a conversion in C does.
    return [int(share * (1 << 22) + (0.5 if share >= 0 else -0.5)) for share in shares]


def _triangle(x: float) -> float:
    return max(1.0 - abs(x), 0.0)


def _cubic(x: float) -> float:
    # The factor of Pillow's bicubic filter; OpenCV and PyTorch without antialiasing take -0.75.
    factor, x = -0.5, abs(x)
    if x < 1.0:
        return ((factor + 2.0) * x - (factor + 3.0)) * x * x + 1
    if x < 2.0:
        return (((x - 5) * x + 8) * x - 4) * factor
    return 0.0


_KERNELS: dict[Image.Resampling, tuple[Callable[[float], float], float]] = {
    Image.Resampling.BILINEAR: (_triangle, 1.0),
    Image.Resampling.BICUBIC: (_cubic, 2.0),
}
"""Filters, and how many pixels they reach to each side. Lanczos needs a sine, which libraries round apart."""
