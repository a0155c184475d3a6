"""Cutting out drawings on white: which pixels belong to the drawing, and their colour without the white."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imagenet_g.benchmark.errors import UnknownNameError
from imagenet_g.benchmark.splits.readable import load_image

if TYPE_CHECKING:
    from imagenet_g.benchmark.splits.splits import Split

_WHITE_FROM = 251
CUTOUT_PX = 112


@dataclass(frozen=True, slots=True)
class Cutout:
    """A drawing without its background.

    Attributes:
        image: RGBA, cropped to the drawing, its longer side `CUTOUT_PX`.
        label: Class index.
        art_set: Where it comes from.
    """

    image: Image.Image
    label: int
    art_set: str


def cut_out(image: Image.Image) -> Image.Image:
    """A drawing on white as RGBA, cropped and scaled.

    White that touches the border is background; white enclosed by the drawing stays. Pixels between the two
    are a mixture, and are given the share of the drawing that explains their colour.

    Args:
        image: RGB.
    """
    from scipy import ndimage

    pixels = np.asarray(image.convert("RGB"), dtype=np.float32)
    is_white = pixels.min(axis=2) >= _WHITE_FROM
    regions, _ = ndimage.label(is_white)
    # Background reaches the border; white inside the drawing, such as an eye, does not.
    border = np.unique(np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]]))
    is_background = np.isin(regions, border[border > 0])
    is_edge = ndimage.binary_dilation(is_background, iterations=2) & ~is_background
    alpha = np.where(is_background, 0.0, np.where(is_edge, _explain(pixels), 1.0)).astype(np.float32)
    return _crop(_unmix(pixels, alpha))


def _explain(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Share of the drawing in an edge pixel: 0 if it is white, 1 if a channel is far from white."""
    made: NDArray[np.float32] = np.clip((255 - pixels.min(axis=2)) / 96, 0, 1)
    return made


def _unmix(pixels: NDArray[np.float32], alpha: NDArray[np.float32]) -> Image.Image:
    # Division by a share near zero would turn rounding errors into colours.
    share = np.maximum(alpha, 0.05)[:, :, None]
    color = np.clip((pixels - 255 * (1 - share)) / share, 0, 255)
    return Image.fromarray(np.dstack([color, alpha * 255]).round().astype(np.uint8), mode=None)


def _crop(art: Image.Image) -> Image.Image:
    art = art.crop(art.getchannel("A").getbbox())
    scale = CUTOUT_PX / max(art.size)
    size = (max(1, round(art.width * scale)), max(1, round(art.height * scale)))
    # Weighted by opacity, so that the colour of what is transparent does not bleed in.
    return art.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")


class CutoutStore:
    """The drawings of some art sets in a split, cut out when first used.

    Args:
        split: Drawings on white, with a column `hand` for the art set of each.
        art_sets: Names of the art sets to take.

    Raises:
        DataError: The split has no column of art sets.
        UnknownNameError: It has no such art set.
    """

    def __init__(self, split: Split, art_sets: Iterable[str]) -> None:
        wanted = frozenset(art_sets)
        self._split = split
        # The frozen release calls an art set "hand"; its columns keep their names for ever.
        self._art_sets = [str(name) for name in split.reader.read_column("hand")]
        if not wanted <= set(self._art_sets):
            raise UnknownNameError("art set", min(wanted - set(self._art_sets)), sorted(set(self._art_sets)))
        self._rows: dict[int, list[int]] = {}
        for row, name in enumerate(self._art_sets):
            if name in wanted:
                self._rows.setdefault(int(split.rows.labels[row, 0]), []).append(row)
        # Cutting takes far longer than composing, and each class is used many times.
        self._cut: dict[int, tuple[Cutout, ...]] = {}

    def list_labels(self) -> tuple[int, ...]:
        """The classes that have drawings, sorted."""
        return tuple(sorted(self._rows))

    def find_cutouts(self, label: int) -> tuple[Cutout, ...]:
        """The drawings of a class, in the split's order; empty if the class has none.

        Raises:
            DataError: An image cannot be read.
        """
        if label not in self._cut:
            self._cut[label] = tuple(self._cut_row(row, label) for row in self._rows.get(label, ()))
        return self._cut[label]

    def _cut_row(self, row: int, label: int) -> Cutout:
        image = load_image(self._split, row)
        return Cutout(cut_out(image), label, self._art_sets[row])
