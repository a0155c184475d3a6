"""Images of a split, decoded; and whether a split has an image that can be decoded at all.

Every way to a pixel leads through `load_image`, so that one file has one reason wherever it is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.images.decoding import crop_border, decode_image
from imagenet_g.benchmark.images.reasons import count_reasons, format_reasons
from imagenet_g.benchmark.splits.splits import Split

if TYPE_CHECKING:
    from PIL import Image

_NUM_SPREAD = 16


def load_image(split: Split, row: int) -> Image.Image:
    """One image of a split, RGB, without its border.

    Raises:
        DataError: It cannot be read or decoded; with a short reason.
    """
    image = decode_image(split.reader.read_image(row))
    return crop_border(image, split.border_px) if split.border_px else image


def require_readable(split: Split, rows: Sequence[int], *, ref: str) -> None:
    """Check that at least one of the rows can be decoded; for a whole split this decodes one image.

    Args:
        split: The split.
        rows: The rows that are needed.
        ref: What to call them in the message.

    Raises:
        DataError: None of them can be decoded; it gives the commonest reason and its count.
    """
    reasons: dict[int, str] = {}
    for row in _order_rows(rows):
        try:
            load_image(split, row)
        except DataError as error:
            reasons[row] = str(error)
        else:
            return
    if rows:
        raise DataError(format_unreadable(ref, reasons.values()))


def format_unreadable(ref: str, reasons: Iterable[str]) -> str:
    """The message that nothing of a split can be read.

    Example:
        >>> print(format_unreadable("folder:x", ["empty file", "empty file"]))
        None of the 2 images of 'folder:x' can be read. Commonest reason (2 images): empty file.
    """
    found = list(reasons)
    return f"None of the {len(found)} images of '{ref}' can be read. {format_reasons(count_reasons(found))}"


def _order_rows(rows: Sequence[int]) -> Iterator[int]:
    """The first row, some spread over the others, then all in their order.

    Damage often takes the first class or the first shard alone; and an order by chance would read a row
    group of a parquet file anew for each image.
    """
    spread = [rows[number * len(rows) // _NUM_SPREAD] for number in range(_NUM_SPREAD)] if rows else []
    yield from dict.fromkeys((*spread, *rows))
