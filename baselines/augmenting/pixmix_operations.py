"""What PixMix does to a picture before it is mixed, and how two pictures are mixed (arXiv 2112.05135).

The operations and their ranges are those of AugMix (Hendrycks et al., arXiv 1912.02781) as pixmix f867e87 has
them. Its appendix of ImageNet-C overlaps with four: brightness, contrast, colour and sharpness.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance, ImageOps
from pydantic import Field

Pixels = npt.NDArray[np.float32]
"""`(H, W, 3)`, values in [0, 1]."""
Operation = Callable[[Image.Image, np.random.Generator, float], Image.Image]
Severity = Annotated[float, Field(gt=0.1, le=10)]
_TINY = np.float32(1e-37)
"""The other picture's values are at least this: 0 to a negative power would be infinite."""


def draw_level(chance: np.random.Generator, severity: float, largest: float) -> float:
    """A strength: uniform in 0.1 to the severity, in tenths of the largest."""
    return float(chance.uniform(0.1, severity)) * largest / 10


def draw_signed(chance: np.random.Generator, severity: float, largest: float) -> float:
    """The same, to either side."""
    level = draw_level(chance, severity, largest)
    return -level if chance.random() < 0.5 else level


def autocontrast(image: Image.Image, chance: np.random.Generator, severity: float) -> Image.Image:
    """Darkest to black and brightest to white, in each channel."""
    return ImageOps.autocontrast(image)


def equalize(image: Image.Image, chance: np.random.Generator, severity: float) -> Image.Image:
    """Each channel's values spread evenly."""
    return ImageOps.equalize(image)


def posterize(image: Image.Image, chance: np.random.Generator, severity: float) -> Image.Image:
    """At most four bits a channel."""
    # Pillow takes no 0 bits, which only a severity of 10 could draw.
    return ImageOps.posterize(image, max(1, 4 - int(draw_level(chance, severity, 4))))


def rotate(image: Image.Image, chance: np.random.Generator, severity: float) -> Image.Image:
    """Turned by whole degrees, black at the corners."""
    degrees = int(draw_signed(chance, severity, 30))
    return image.rotate(degrees, resample=Image.Resampling.BILINEAR)


def solarize(image: Image.Image, chance: np.random.Generator, severity: float) -> Image.Image:
    """Bright values inverted."""
    return ImageOps.solarize(image, 256 - int(draw_level(chance, severity, 256)))


def shear_x(image: Image.Image, chance: np.random.Generator, severity: float) -> Image.Image:
    """Rows shifted in proportion to their height."""
    return transform(image, (1, draw_signed(chance, severity, 0.3), 0, 0, 1, 0))


def shear_y(image: Image.Image, chance: np.random.Generator, severity: float) -> Image.Image:
    """Columns shifted in proportion to their place."""
    return transform(image, (1, 0, 0, draw_signed(chance, severity, 0.3), 1, 0))


def translate_x(image: Image.Image, chance: np.random.Generator, severity: float) -> Image.Image:
    """Shifted sideways by whole pixels, at most a third of the width."""
    return transform(image, (1, 0, int(draw_signed(chance, severity, image.width / 3)), 0, 1, 0))


def translate_y(image: Image.Image, chance: np.random.Generator, severity: float) -> Image.Image:
    """Shifted up or down by whole pixels, at most a third of the height."""
    return transform(image, (1, 0, 0, 0, 1, int(draw_signed(chance, severity, image.height / 3))))


def transform(image: Image.Image, matrix: tuple[float, ...]) -> Image.Image:
    """An affine map, black where it reaches outside the image."""
    return image.transform(image.size, Image.Transform.AFFINE, matrix, resample=Image.Resampling.BILINEAR)


def enhance(
    image: Image.Image,
    chance: np.random.Generator,
    severity: float,
    kind: Callable[..., ImageEnhance._Enhance],
) -> Image.Image:
    """A property set to 0.1 and more times what it was."""
    return kind(image).enhance(draw_level(chance, severity, 1.8) + 0.1)


def colour(image: Image.Image, chance: np.random.Generator, severity: float) -> Image.Image:
    """Saturation."""
    return enhance(image, chance, severity, ImageEnhance.Color)


def contrast(image: Image.Image, chance: np.random.Generator, severity: float) -> Image.Image:
    """Contrast."""
    return enhance(image, chance, severity, ImageEnhance.Contrast)


def brightness(image: Image.Image, chance: np.random.Generator, severity: float) -> Image.Image:
    """Brightness."""
    return enhance(image, chance, severity, ImageEnhance.Brightness)


def sharpness(image: Image.Image, chance: np.random.Generator, severity: float) -> Image.Image:
    """Sharpness."""
    return enhance(image, chance, severity, ImageEnhance.Sharpness)


OPERATIONS: tuple[Operation, ...] = (
    autocontrast, equalize, posterize, rotate, solarize, shear_x, shear_y, translate_x, translate_y,
)  # fmt: skip
OVERLAPPING: tuple[Operation, ...] = (colour, contrast, brightness, sharpness)
"""They resemble corruptions of ImageNet-C."""


def draw_shares(chance: np.random.Generator, beta: float) -> tuple[float, float]:
    """How much of either picture: of the first nearly all, of the second a little, added or taken away.

    Args:
        chance: Source of chance.
        beta: The larger, the less of the second.
    """
    if chance.random() < 0.5:
        return float(chance.beta(beta, 1)), float(chance.beta(1, beta))
    return 1 + float(chance.beta(1, beta)), -float(chance.beta(1, beta))


def add(first: Pixels, second: Pixels, a: float, b: float) -> Pixels:
    """Two pictures mixed by a weighted sum about mid-grey; values may lie outside [0, 1].

    Example:
        >>> one, two = (np.full((1, 1, 3), value, np.float32) for value in (1.0, 0.5))
        >>> add(one, two, 0.5, 0.25)[0, 0].tolist()
        [0.75, 0.75, 0.75]
    """
    mixed = ((first * 2 - 1) * np.float32(a) + (second * 2 - 1) * np.float32(b) + 1) / 2
    return mixed.astype(np.float32, copy=False)


def multiply(first: Pixels, second: Pixels, a: float, b: float) -> Pixels:
    """Two pictures mixed by a weighted product, in which mid-grey changes nothing; values may exceed 1.

    Example:
        >>> one, two = (np.full((1, 1, 3), value, np.float32) for value in (0.25, 1.0))
        >>> multiply(one, two, 1.0, 1.0)[0, 0].tolist()
        [0.5, 0.5, 0.5]
    """
    product = (first * 2) ** np.float32(a) * np.maximum(second * 2, _TINY) ** np.float32(b) / 2
    return product.astype(np.float32, copy=False)
