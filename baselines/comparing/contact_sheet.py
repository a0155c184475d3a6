"""A sheet of the images that only one of two models gets right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagenet_g.baselines.comparing.comparison import Answers
from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

TILE_PX = 160
_TEXT_PX = 44
_MARGIN_PX = 12
_COLUMNS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One image that only one of two models gets right.

    Attributes:
        image_id: Its identity.
        truth: Name of its class.
        right: The model that is right.
        wrong: The model that is not.
        mistaken: The wrong model's answer.
    """

    image_id: str
    truth: str
    right: str
    wrong: str
    mistaken: str


def choose_tiles(answers: Answers, first: int, second: int, *, limit: int, seed: int = 0) -> tuple[Tile, ...]:
    """Images only the first model gets right, then those only the second does.

    Args:
        answers: Models' answers.
        first: Row of the first model.
        second: Row of the second.
        limit: At most this many of either kind, drawn at random so that no class fills the sheet.
        seed: Of that draw.

    Raises:
        InputError: The models are right on the very same images.
    """
    rng = np.random.default_rng(seed)
    tiles = []
    for right, wrong in ((first, second), (second, first)):
        found = np.flatnonzero(answers.correct[right] & ~answers.correct[wrong])
        # Drawn, because rows lie class by class and the first ones are of few classes.
        chosen = np.sort(rng.permutation(found)[:limit])
        tiles += [_make_tile(answers, int(image), right, wrong) for image in chosen]
    if not tiles:
        raise InputError(
            f"'{answers.models[first]}' and '{answers.models[second]}' are right on exactly the same images; "
            "there is nothing to show."
        )
    return tuple(tiles)


def _make_tile(answers: Answers, image: int, right: int, wrong: int) -> Tile:
    classes = load_classes()
    mistaken = int(answers.predicted[wrong, image])
    return Tile(
        image_id=answers.image_ids[image],
        truth=classes[int(answers.labels[image, 0])].name,
        right=answers.models[right],
        wrong=answers.models[wrong],
        mistaken="nothing" if mistaken == NO_CLASS else classes[mistaken].name,
    )


def build_sheet(tiles: Sequence[Tile], read_image: Callable[[str], Image.Image]) -> Image.Image:
    """Draw the tiles in a grid, one block for each of the models.

    Args:
        tiles: What to show, as `choose_tiles` orders it.
        read_image: RGB image by identity.

    Returns:
        An RGB image, white ground.
    """
    from PIL import Image, ImageDraw

    blocks: dict[str, list[Tile]] = {}
    for tile in tiles:
        blocks.setdefault(tile.right, []).append(tile)
    rows = sum(-(-len(block) // _COLUMNS) for block in blocks.values())
    cell = TILE_PX + _MARGIN_PX
    width = _COLUMNS * cell + _MARGIN_PX
    height = rows * (cell + _TEXT_PX) + len(blocks) * 2 * _MARGIN_PX + len(blocks) * _MARGIN_PX
    sheet = Image.new("RGB", (width, height), "white")
    canvas = ImageDraw.Draw(sheet)
    top = _MARGIN_PX
    for model, block in blocks.items():
        canvas.text((_MARGIN_PX, top), f"only {model} is right", fill="black", font=_load_font(14))
        top += 2 * _MARGIN_PX
        for number, tile in enumerate(block):
            left = _MARGIN_PX + number % _COLUMNS * cell
            if number and number % _COLUMNS == 0:
                top += cell + _TEXT_PX
            _draw_tile(sheet, canvas, tile, (left, top), read_image(tile.image_id))
        top += cell + _TEXT_PX + _MARGIN_PX
    return sheet


def _draw_tile(
    sheet: Image.Image, canvas: ImageDraw.ImageDraw, tile: Tile, corner: tuple[int, int], image: Image.Image
) -> None:
    # `thumbnail` shrinks in place, and the caller may show the image again.
    image = image.copy()
    image.thumbnail((TILE_PX, TILE_PX))
    offset = ((TILE_PX - image.width) // 2, (TILE_PX - image.height) // 2)
    sheet.paste(image, (corner[0] + offset[0], corner[1] + offset[1]))
    font = _load_font(11)
    below = corner[1] + TILE_PX + 2
    canvas.text((corner[0], below), _shorten(tile.truth), fill="#1d6b2f", font=font)
    canvas.text((corner[0], below + 14), f"not {_shorten(tile.mistaken)}", fill="#a02020", font=font)
    canvas.text((corner[0], below + 28), tile.image_id[:24], fill="#777777", font=_load_font(9))


def _load_font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _shorten(name: str) -> str:
    return name if len(name) <= 24 else f"{name[:23]}…"
