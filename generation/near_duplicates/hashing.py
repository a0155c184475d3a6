"""A perceptual hash of an image: 64 bits that barely change when it is scaled, compressed or brightened.

Source: `imagehash.phash` 4.3 with its defaults (32 x 32 grey values, DCT-II, the 8 x 8 lowest frequencies
compared with their median); the bits are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL import Image

_SIDE_PX, _KEPT = 32, 8


def compute_phash(image: Image.Image) -> int:
    """The hash of an image, an int in [0, 2**64); the first bit is the mean, the highest bit of the number.

    Args:
        image: Any size and mode.

    Example:
        >>> from PIL import Image
        >>> picture = Image.effect_mandelbrot((128, 128), (-2.0, -1.5, 1.0, 1.2), 20)
        >>> count_bits(compute_phash(picture) ^ compute_phash(picture.resize((100, 80)))) <= 4
        True
    """
    from PIL import Image

    small = image.convert("L").resize((_SIDE_PX, _SIDE_PX), Image.Resampling.LANCZOS)
    values = np.asarray(small, dtype=np.float64)
    basis = _make_basis()
    lowest = basis @ values @ basis.T
    bits = (lowest > np.median(lowest)).ravel()
    return int("".join("1" if bit else "0" for bit in bits), 2)


def count_bits(value: int) -> int:
    """Number of ones.

    Example:
        >>> count_bits(0b1011)
        3
    """
    return value.bit_count()


def _make_basis() -> npt.NDArray[np.float64]:
    """`(8, 32)` rows of the DCT-II without normalisation, as scipy's: 2 cos(pi k (2n + 1) / 64)."""
    frequencies, places = np.arange(_KEPT)[:, None], np.arange(_SIDE_PX)[None, :]
    return 2.0 * np.cos(np.pi * frequencies * (2 * places + 1) / (2 * _SIDE_PX))
