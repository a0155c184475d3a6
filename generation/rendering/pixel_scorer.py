"""The scorer of kind "pixels": how dark, how light and of how little contrast an image is, without any model.

The test for flat images (`is_flat`, a standard deviation of 2 levels) passes an image that is black but for a
little noise. These columns are for views that leave such images out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import ImageStat

from imagenet_g.benchmark.identity import hash_json
from imagenet_g.generation.rendering.scorer import Columns, ImageModel

if TYPE_CHECKING:
    import torch
    from PIL import Image
    from pydantic import JsonValue

PIXEL_MODEL = "grey-values"
PIXEL_MEASURES = ("grey_range", "lightest", "darkest")
LOW_SHARE, HIGH_SHARE = 0.01, 0.99
"""The middle 98 % of the pixels, as `skimage.exposure.is_low_contrast` has it."""
_VERSION = 1


class PixelScorer:
    """Three numbers of the grey values of an image, each in [0, 1]; the label has no part in them.

    grey_range  99 % quantile less 1 % quantile, over 255: below 0.05 an image has low contrast
    lightest    99 % quantile over 255: below 0.1 an image is nearly black
    darkest     1 less the 1 % quantile over 255: below 0.1 an image is nearly white
    """

    compares_sources = False

    def __init__(self, name: str) -> None:
        self._name = name
        self.model = ImageModel(_transform, lambda inputs: inputs[:, :, 0, 0], "cpu")

    def describe(self) -> dict[str, JsonValue]:
        """What is measured; the hash stands for the rule, as there are no weights."""
        return {
            "model": PIXEL_MODEL,
            "weights_sha256": self.identify(),
            "revision": str(_VERSION),
            "preprocessing": "grey values by Pillow (ITU-R 601-2), at the image's own size",
        }

    def identify(self) -> str:
        """Hash of the rule."""
        return hash_json({"measures": list(PIXEL_MEASURES), "version": _VERSION})

    def rate(
        self, outputs: torch.Tensor, labels: Sequence[int], sources: Sequence[torch.Tensor] = ()
    ) -> Columns:
        """The three columns."""
        return {
            f"{measure}.{self._name}": outputs[:, place].tolist()
            for place, measure in enumerate(PIXEL_MEASURES)
        }


def compute_spread(image: Image.Image) -> float:
    """Largest standard deviation of any RGB channel over the image, in levels of 0..255.

    Example:
        >>> from PIL import Image
        >>> halves = Image.new("L", (2, 1))
        >>> halves.putpixel((1, 0), 200)
        >>> compute_spread(halves)
        100.0
    """
    # From the histogram of each channel: exact, and much faster than over all pixels.
    return float(max(ImageStat.Stat(image.convert("RGB")).stddev))


def is_flat(image: Image.Image, *, max_std: float) -> bool:
    """Whether no channel varies by more than `max_std` levels.

    Example:
        >>> from PIL import Image
        >>> is_flat(Image.new("RGB", (8, 8), "black"), max_std=2.0)
        True
    """
    return compute_spread(image) <= max_std


def measure_greys(image: Image.Image) -> tuple[float, float]:
    """1 % and 99 % quantile of the grey values, in levels of 0..255.

    Example:
        >>> from PIL import Image
        >>> measure_greys(Image.new("RGB", (4, 4), (0, 0, 255)))
        (29.0, 29.0)
    """
    counts = np.array(image.convert("L").histogram(), dtype=np.int64)
    return find_quantile(counts, LOW_SHARE), find_quantile(counts, HIGH_SHARE)


def find_quantile(counts: npt.NDArray[np.int64], share: float) -> float:
    """Quantile of values 0, 1, ... that come so often, with linear interpolation as `numpy.quantile`.

    Args:
        counts: `(K,)` how often each value comes.
        share: In [0, 1].

    Example:
        >>> find_quantile(np.array([1, 0, 1]), 0.25), float(np.quantile([0, 2], 0.25))
        (0.5, 0.5)
    """
    place = share * (int(counts.sum()) - 1)
    ends = np.cumsum(counts)
    edges = np.floor(place), np.ceil(place)
    below, above = (int(np.searchsorted(ends, edge, side="right")) for edge in edges)
    return float(below + (above - below) * (place - np.floor(place)))


def _transform(image: Image.Image) -> torch.Tensor:
    """`(3, 1, 1)`: the numbers themselves, in the place of an image."""
    import torch

    low, high = measure_greys(image)
    return torch.tensor([(high - low) / 255, high / 255, 1 - low / 255])[:, None, None]
