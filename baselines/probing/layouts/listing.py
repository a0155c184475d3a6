"""The images of a set as a layout lists them, and readers of those that lie in no folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imagenet_g.baselines.probing.specs import Part
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.identity import hash_bytes
from imagenet_g.benchmark.images.found import ImageReader


@dataclass(frozen=True, slots=True)
class ListedImage:
    """One image of a set.

    Attributes:
        name: File relative to the set's folder, or an id.
        label: Its class, as the source spells it.
        part: What it is for.
    """

    name: str
    label: str
    part: Part


@dataclass(frozen=True, slots=True)
class SetListing:
    """All images of a set.

    Attributes:
        images: In the order of the source.
        reader: Where image n is read; None where the names are files.
        sha256s: Of each image where the reader is given.
    """

    images: tuple[ListedImage, ...]
    reader: ImageReader | None = None
    sha256s: tuple[str, ...] | None = None


class ColumnlessReader:
    """What readers of probes have in common: they give images alone."""

    def read_column(self, name: str) -> Sequence[object]:
        """Always an error: there are no columns.

        Raises:
            DataError: Always.
        """
        raise DataError(f"There is no column '{name}'.")


class MemoryReader(ColumnlessReader):
    """Images that are in memory.

    Args:
        data: Encoded bytes of each.
    """

    def __init__(self, data: Sequence[bytes]) -> None:
        self._data = tuple(data)

    def read_image(self, row: int) -> bytes:
        """Encoded bytes of one image."""
        return self._data[row]


class JoinedReader(ColumnlessReader):
    """Several readers, one behind the other.

    Args:
        readers: First row and reader of each, ascending.
    """

    def __init__(self, readers: Sequence[tuple[int, ImageReader]]) -> None:
        self._readers = tuple(readers)

    def read_image(self, row: int) -> bytes:
        """Encoded bytes of one image."""
        start, reader = next(pair for pair in reversed(self._readers) if pair[0] <= row)
        return reader.read_image(row - start)


def hash_images(reader: ImageReader, count: int) -> tuple[str, ...]:
    """sha256 of each image that a reader gives."""
    return tuple(hash_bytes(reader.read_image(row)) for row in range(count))
