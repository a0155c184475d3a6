"""Images that were found somewhere, with the words that name their classes there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

IMAGE_SUFFIXES = (
    ".avif", ".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp",
)  # fmt: skip
"""File names that are taken for images, in lower case. timm's own list is .png, .jpg, .jpeg."""
# What the largest image that decoding accepts takes as plain RGB; a file that claims more is damaged or an
# attack.
MAX_IMAGE_BYTES = 256 << 20


class ImageReader(Protocol):
    """Where image files come from. Must be safe to call from several threads."""

    def read_image(self, row: int) -> bytes:
        """Encoded bytes of an image file.

        Raises:
            DataError: The bytes cannot be read or do not match their recorded hash.
        """

    def read_column(self, name: str) -> Sequence[object]:
        """All values of another column, in row order.

        Raises:
            DataError: There is no such column.
        """


@dataclass(frozen=True, slots=True)
class FoundImages:
    """A listing, in a fixed order, before anything is said about ImageNet's classes.

    Attributes:
        image_ids: N names, unique.
        labels: For each image the classes it may be called, as the source spells their names or numbers.
        reader: Where row n is read.
        content_sha256: Hash of all names and contents.
        num_ignored: Files that lie among the images and are none.
    """

    image_ids: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    reader: ImageReader
    content_sha256: str
    num_ignored: int = 0


def is_image_name(name: str) -> bool:
    """Whether a file is taken for an image, by its ending and not being hidden.

    Example:
        >>> [is_image_name(name) for name in ("a.JPEG", "a.txt", "._a.jpg")]
        [True, False, False]
    """
    return not name.startswith(".") and name.lower().endswith(IMAGE_SUFFIXES)


def is_hidden(name: str) -> bool:
    """Whether a name is one that systems leave behind and people do not mean.

    Example:
        >>> is_hidden("__MACOSX"), is_hidden(".DS_Store"), is_hidden("n01440764")
        (True, True, False)
    """
    return name.startswith(".") or name == "__MACOSX"
