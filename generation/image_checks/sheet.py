"""A contact sheet of pairs of images, as PNG: each pair side by side, with what is known of it below."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.splits.readable import load_image
from imagenet_g.benchmark.storage import write_bytes
from imagenet_g.generation.image_checks.images import CheckedImages
from imagenet_g.generation.releases.gallery import GAP_PX, HEADER_PX, make_thumbnail

if TYPE_CHECKING:
    from PIL import Image

SIZE_PX = 96
COLUMNS = 6
_LINE_PX = 14
_LINES = 2


@dataclass(frozen=True, slots=True)
class ShownPair:
    """A pair on the sheet.

    Attributes:
        number: The image, by its place among the split's.
        other: The other image, by its place among those it was compared with.
        caption: At most two lines of some 30 characters.
    """

    number: int
    other: int
    caption: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SheetPart:
    """Pairs below one heading.

    Attributes:
        title: The heading.
        others: What the split's images were compared with.
        pairs: The pairs, in the order in which they are shown.
    """

    title: str
    others: CheckedImages
    pairs: tuple[ShownPair, ...]


def write_sheet(path: Path, images: CheckedImages, parts: Sequence[SheetPart]) -> None:
    """Draw the pairs and write them as PNG.

    Raises:
        StorageError: The file cannot be written.
    """
    stream = io.BytesIO()
    draw_pairs_sheet(images, parts).save(stream, format="PNG")
    write_bytes(path, stream.getvalue())


def draw_pairs_sheet(images: CheckedImages, parts: Sequence[SheetPart]) -> Image.Image:
    """The sheet as one image; the image of the split stands on the left of each pair."""
    from PIL import Image, ImageDraw, ImageFont

    block_px, line_px = 2 * SIZE_PX + 4 * GAP_PX, SIZE_PX + _LINES * _LINE_PX + 2 * GAP_PX
    num_lines = [-(-len(part.pairs) // COLUMNS) for part in parts]
    height = sum(HEADER_PX + lines * line_px for lines in num_lines) + GAP_PX
    sheet = Image.new("RGB", (COLUMNS * block_px + GAP_PX, height), "white")
    # Pillow's own font: machines for rendering often have no other.
    draw, font, small = ImageDraw.Draw(sheet), ImageFont.load_default(13), ImageFont.load_default(10)
    top = GAP_PX
    for part, lines in zip(parts, num_lines, strict=True):
        draw.text((GAP_PX, top), part.title, fill="black", font=font)
        for place, pair in enumerate(part.pairs):
            left = GAP_PX + place % COLUMNS * block_px
            above = top + HEADER_PX + place // COLUMNS * line_px
            sheet.paste(_load(images, pair.number), (left, above))
            sheet.paste(_load(part.others, pair.other), (left + SIZE_PX + 1, above))
            text = "\n".join(pair.caption[:_LINES])
            draw.text((left, above + SIZE_PX + 1), text, fill="black", font=small, spacing=2)
        top += HEADER_PX + lines * line_px
    return sheet


def _load(images: CheckedImages, number: int) -> Image.Image:
    from PIL import Image

    try:
        return make_thumbnail(load_image(images.split, int(images.rows[number])), SIZE_PX)
    except DataError:
        # Read before; on a disk that fails since then the sheet has a gap and no wrong picture.
        return Image.new("RGB", (SIZE_PX, SIZE_PX), "lightgrey")
