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
Values = npt.NDArray[np.float64]
Box = tuple[int, int, int, int]

# A second of loading, against a millisecond and a half that an image gains on each of two cores.
_WORTH_LOADING = 1000
# A strip of one pixel may be 89 million long, and the compiled passes take 768 bytes for each.
_MAX_SIDE_PX = 1 << 16


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
    # Loading takes longer than resizing some hundred images: `prepare_kernel` decides.
    kernel = load_kernel() if _is_loaded() else None
    left, upper, right, lower = box
    usual = image.mode == "RGB" and max(image.size) <= _MAX_SIDE_PX
    inside = 0 <= left < right <= size[0] and 0 <= upper < lower <= size[1]
    if kernel is None or filter_ not in _KERNELS or not inside or not usual:
        return np.array(image.resize(size, filter_).crop(box))
    return _resample(kernel, image, size, box, filter_)


def prepare_kernel(num_images: int) -> None:
    """Load the compiled passes, where so many images are worth it."""
    if num_images >= _WORTH_LOADING:
        load_kernel()


def _is_loaded() -> bool:
    return load_kernel.cache_info().currsize > 0


@cache
def load_kernel() -> ModuleType | None:
    """The compiled passes; None without Numba, or where this Pillow rounds in another way."""
    try:
        from imagenet_g.benchmark.feeding import resampling_kernel

        return resampling_kernel if _is_exact(resampling_kernel) else None
    except Exception:
        # Without a folder to keep what it compiles, or with a full disk, Numba raises nearly anything; Pillow
        # does the same work.
        return None


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
    across = compute_weights(image.width, size[0], (left, right), filter_)
    first, count, weights = compute_weights(image.height, size[1], (upper, lower), filter_)
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
    num_pixels: int, num_results: int, kept: tuple[int, int], filter_: Image.Resampling
) -> tuple[Weights, Weights, Weights]:
    """What Pillow multiplies pixels with in one direction: `precompute_coeffs` in its `Resample.c`.

    Args:
        num_pixels: Of the image in this direction.
        num_results: Of the result.
        kept: The first result that a crop keeps, and the one behind the last, K of them.
        filter_: Bilinear or bicubic.

    Returns:
        For each kept result the first pixel in its sum, the number of pixels, and `(K, S)` weights times 2 to
        the power of 22, rounded; S is the most pixels that a sum may have.
    """
    function, reach = _KERNELS[filter_]
    scale = num_pixels / num_results
    stretch = max(scale, 1.0)
    support, inverse = reach * stretch, 1.0 / stretch
    center = (np.arange(*kept) + 0.5) * scale
    # Towards zero, as a conversion in C does.
    first = np.maximum((center - support + 0.5).astype(np.int64), 0)
    count = np.minimum((center + support + 0.5).astype(np.int64), num_pixels) - first
    offsets = np.arange(math.ceil(support) * 2 + 1)
    values = function((offsets + first[:, None] - center[:, None] + 0.5) * inverse)
    values[offsets >= count[:, None]] = 0.0
    return first.astype(np.int32), count.astype(np.int32), _round_weights(values)


def _round_weights(values: Values) -> Weights:
    total = np.zeros(len(values))
    # In the order of Pillow's loop: a sum in another order may differ in its last bit.
    for column in values.T:
        total += column
    shares = values / np.where(total == 0, 1.0, total)[:, None]
    # Away from zero at a half, and towards it elsewhere, as a conversion in C does.
    return (shares * (1 << 22) + np.where(shares >= 0, 0.5, -0.5)).astype(np.int32)


def _triangle(x: Values) -> Values:
    return np.maximum(1.0 - np.abs(x), 0.0)


def _cubic(x: Values) -> Values:
    # The factor of Pillow's bicubic filter; OpenCV and PyTorch without antialiasing take -0.75.
    factor, x = -0.5, np.abs(x)
    near = ((factor + 2.0) * x - (factor + 3.0)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * factor
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


_KERNELS: dict[Image.Resampling, tuple[Callable[[Values], Values], float]] = {
    Image.Resampling.BILINEAR: (_triangle, 1.0),
    Image.Resampling.BICUBIC: (_cubic, 2.0),
}
"""Filters, and how many pixels they reach to each side. Lanczos needs a sine, which libraries round apart."""
