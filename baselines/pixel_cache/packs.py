"""A pack: the pixels of some images of a split in one safetensors file, mapped into memory.

Pixels lie one image after the other, `(H, W, 3)` uint8 each, because images keep their form. Beside them are
the row, place and size of each image.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.identity import hash_lines
from imagenet_g.benchmark.storage import replace_file

SUFFIX = ".safetensors"
_LENGTH_BYTES = 8
_MAX_HEADER = 1 << 20


@dataclass(frozen=True, slots=True)
class PackIndex:
    """What a pack holds.

    Attributes:
        path: Its file.
        rows: `(n,)` rows of the split.
        places: `(n, 3)` first byte among the pixels, height and width of each.
        start: Where in the file the pixels begin.
    """

    path: Path
    rows: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]
    start: int


def name_pack(rows: Sequence[int]) -> str:
    """The file name of a pack of these rows: two processes that make the same pack write the same file.

    Example:
        >>> name_pack([0, 1]) == name_pack([0, 1]), name_pack([0, 1]) == name_pack([1, 0])
        (True, False)
    """
    return f"{hash_lines(map(str, rows))[:20]}{SUFFIX}"


def write_pack(folder: Path, rows: Sequence[int], images: Sequence[npt.NDArray[np.uint8]]) -> None:
    """Write a pack, whole or not at all.

    Args:
        folder: Of the cache.
        rows: Of the split.
        images: `(H, W, 3)` each.

    Raises:
        StorageError: The disk is full, or the folder cannot be written.
    """
    from safetensors.numpy import save_file

    sizes = np.array([image.size for image in images], np.int64)
    forms = np.array([image.shape[:2] for image in images], np.int64)
    places = np.column_stack([np.cumsum(sizes) - sizes, forms])
    content = {
        "pixels": np.concatenate([image.reshape(-1) for image in images]),
        "rows": np.asarray(rows, np.int64),
        "places": places,
    }
    with replace_file(folder / name_pack(rows)) as temporary:
        save_file(content, temporary)


def read_index(path: Path) -> PackIndex:
    """What a pack holds; its pixels are not read.

    Raises:
        DataError: It is no whole pack.
    """
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(_LENGTH_BYTES))
            if length > _MAX_HEADER:
                raise ValueError("its header is too long")
            header = json.loads(file.read(length))
            size = path.stat().st_size - _LENGTH_BYTES - length
            rows, places = (_read_array(file, header[name], size) for name in ("rows", "places"))
        start, end = (int(offset) for offset in header["pixels"]["data_offsets"])
        if header["pixels"]["dtype"] != "U8" or not 0 <= start <= end <= size:
            raise ValueError("its pixels are not all there")
        index = PackIndex(path, rows, places.reshape(-1, 3), _LENGTH_BYTES + length + start)
        _validate_places(index, end - start)
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise DataError(
            f"'{path}' is no whole pack of images ({error}). Delete it; it is made again."
        ) from error
    return index


def _read_array(file: BinaryIO, entry: dict[str, Any], size: int) -> npt.NDArray[np.int64]:
    start, end = (int(offset) for offset in entry["data_offsets"])
    if entry["dtype"] != "I64" or not 0 <= start <= end <= size:
        raise ValueError("its index is not all there")
    # Relative to the end of the header, behind which the file stands now.
    here = file.tell()
    file.seek(start, 1)
    content = np.frombuffer(file.read(end - start), np.int64)
    file.seek(here)
    return content


def _validate_places(index: PackIndex, num_bytes: int) -> None:
    """Every image lies inside the pixels, or a read would lead anywhere."""
    first, height, width = index.places.T
    inside = (first >= 0) & (height > 0) & (width > 0) & (first + height * width * 3 <= num_bytes)
    if len(index.rows) != len(index.places) or not inside.all():
        raise ValueError("an image lies outside its pixels")
