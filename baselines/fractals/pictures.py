"""A set of pictures by number: fractals drawn when they are first needed, or a folder of someone's own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from imagenet_g.baselines.fractals.drawing import draw_fractal
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.images.decoding import decode_image
from imagenet_g.benchmark.storage import replace_file

FOLDER = "fractals"
FORMULA = 1
"""Counts up when the same seed gives other pictures, so that kept ones are drawn again."""
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


@dataclass(frozen=True, slots=True)
class FractalPictures:
    """Fractals of a seed.

    Attributes:
        number: How many.
        size_px: Side of each.
        seed: Of all of them.
        folder: Where they are kept once drawn; None draws each anew.
    """

    number: int
    size_px: int
    seed: int
    folder: Path | None = None

    def __len__(self) -> int:
        return self.number

    def read(self, number: int) -> Image.Image:
        """One picture, RGB.

        Raises:
            StorageError: The folder cannot be written.
        """
        if self.folder is None:
            return draw_fractal(self.seed, number, self.size_px)
        path = self.folder / f"{number:06d}.png"
        try:
            return decode_image(path.read_bytes())
        except (OSError, DataError):
            # Not there yet, or cut short by a full disk: either way it is drawn, and put in its place whole.
            picture = draw_fractal(self.seed, number, self.size_px)
            with replace_file(path) as temporary:
                picture.save(temporary, format="png")
            return picture


@dataclass(frozen=True, slots=True)
class FolderPictures:
    """Pictures of a folder, at any depth, in the order of their names."""

    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, number: int) -> Image.Image:
        """One picture, RGB.

        Raises:
            DataError: It cannot be decoded.
        """
        try:
            return decode_image(self.paths[number].read_bytes())
        except (OSError, DataError) as error:
            raise DataError(
                f"Picture '{self.paths[number]}': {error}. Repair it or take it out of the folder."
            ) from error


def find_cache(cache: Path, *, seed: int, size_px: int) -> Path:
    """Where fractals of a seed are kept below a cache folder."""
    return cache / FOLDER / f"{FORMULA}-seed-{seed}-{size_px}px"


def open_folder(folder: Path) -> FolderPictures:
    """The pictures of a folder.

    Raises:
        DataError: It has no picture.
    """
    found = tuple(sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES))
    if not found:
        raise DataError(
            f"'{folder}' has no picture ({', '.join(SUFFIXES)}). 'imagenet-g baselines fractals --out DIR' "
            "draws a folder of fractals."
        )
    return FolderPictures(found)


def make_sheet(pictures: Sequence[Image.Image], *, side_px: int) -> Image.Image:
    """Pictures side by side on one sheet, as many down as across.

    Example:
        >>> make_sheet([Image.new("RGB", (8, 8))] * 5, side_px=4).size
        (12, 8)
    """
    across = math.ceil(math.sqrt(len(pictures)))
    sheet = Image.new("RGB", (across * side_px, -(-len(pictures) // across) * side_px))
    for number, picture in enumerate(pictures):
        down, right = divmod(number, across)
        small = picture.resize((side_px, side_px), Image.Resampling.BICUBIC)
        sheet.paste(small, (right * side_px, down * side_px))
    return sheet
