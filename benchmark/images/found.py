"""Images as a source lists them, with the source's own names of their classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from imagenet_g.benchmark.images.file_names import NO_OTHER_FILES, OtherFiles

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
    """A listing, in a fixed order, before its labels are mapped to ImageNet's classes.

    Attributes:
        image_ids: N names, unique.
        labels: For each image the classes it may be called, as the source spells their names or numbers.
        reader: Where row n is read.
        content_sha256: Hash of all names and contents.
        left_out: Other files that lie among the images.
    """

    image_ids: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    reader: ImageReader
    content_sha256: str
    left_out: OtherFiles = NO_OTHER_FILES
