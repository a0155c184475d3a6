"""The cache of one split at one size: which images it has, and how it is given more.

It is addressed by content: the split's hash, the size, and what decodes and resizes. Packs are written whole,
so that a killed run goes on where it stopped, and processes that fill one cache at a time do no harm.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image

from imagenet_g.baselines.pixel_cache.packs import SUFFIX, PackIndex, name_pack, read_index, write_pack
from imagenet_g.benchmark.errors import DataError, StorageError
from imagenet_g.benchmark.feeding.ahead import map_ahead
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.splits.readable import load_image
from imagenet_g.benchmark.splits.splits import Split

FOLDER = "pixels"
_PACK_BYTES = 64 << 20
_PROBED = 8
"""Images that are decoded to estimate the size of all."""
_MARGIN = 1.1
"""Of the estimate, for images that are longer than those."""
_SPARE_BYTES = 1 << 30
"""Left free on the disk for checkpoints."""


@dataclass(frozen=True, slots=True)
class CacheRequest:
    """What a cache is filled with.

    Attributes:
        root: Cache folder; all caches share it.
        short_px: Short side of a kept image; smaller images are kept as they are.
        workers: Threads that decode.
        limit: Most bytes of all caches in the folder; None for what the disk has.
        say: Receives progress.
    """

    root: Path
    short_px: int
    workers: int
    limit: int | None
    say: Callable[[str], None]


@dataclass(slots=True)
class CachedPixels:
    """Images of a split by row, mapped into memory.

    Attributes:
        indices: Of the packs.
        order: `(n,)` rows, ascending.
        packs: `(n,)` number of each one's pack.
        places: `(n, 3)` first byte, height and width of each in its pack.
    """

    indices: tuple[PackIndex, ...]
    order: npt.NDArray[np.int64]
    packs: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]
    _maps: dict[int, np.memmap[Any, np.dtype[np.uint8]]] = field(default_factory=dict, repr=False)

    def __getstate__(self) -> tuple[object, ...]:
        # A process maps the files itself; pickled, a map would be copied whole.
        return self.indices, self.order, self.packs, self.places

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.indices, self.order, self.packs, self.places = state
        self._maps = {}

    def read(self, row: int) -> Image.Image:
        """One image, RGB; its pixels are the file's and not copied.

        Raises:
            DataError: It is not in the cache.
        """
        at = int(np.searchsorted(self.order, row))
        if at == len(self.order) or self.order[at] != row:
            raise DataError(f"Row {row} is not in the cache of pixels.")
        number = int(self.packs[at])
        first, height, width = (int(value) for value in self.places[at])
        pixels = self._map(number)[first : first + height * width * 3]
        return Image.frombuffer("RGB", (width, height), pixels, "raw", "RGB", 0, 1)

    def _map(self, number: int) -> np.memmap[Any, np.dtype[np.uint8]]:
        if number not in self._maps:
            index = self.indices[number]
            self._maps[number] = np.memmap(index.path, np.uint8, mode="r", offset=index.start)
        return self._maps[number]


def resize_short(image: Image.Image, short_px: int) -> Image.Image:
    """An image whose short side is at most so long, its form kept.

    Example:
        >>> resize_short(Image.new("RGB", (500, 375)), 96).size
        (128, 96)
        >>> resize_short(Image.new("RGB", (64, 64)), 96).size  # never enlarged
        (64, 64)
    """
    short = min(image.size)
    if short <= short_px:
        return image
    width, height = (max(1, round(side * short_px / short)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BICUBIC)


def find_folder(root: Path, split: Split, short_px: int) -> Path:
    """The folder of a split's cache at a size."""
    key = {
        "content_sha256": split.record.content_sha256,
        "border_px": split.border_px,
        "short_px": short_px,
        # Another version may decode or resize to other values.
        "pillow": PIL.__version__,
        "format": 1,
    }
    return root / FOLDER / hash_json(key)[:24]


def load_pixels(split: Split, rows: Sequence[int], request: CacheRequest) -> CachedPixels:
    """The cache with at least these rows; what is missing is decoded.

    Raises:
        DataError: An image cannot be decoded, or a file of the cache is damaged.
        StorageError: The images do not fit within the limit or on the disk.
    """
    folder = find_folder(request.root, split, request.short_px)
    missing = sorted(set(rows) - set(_open(folder).order.tolist()))
    if missing:
        _fill(folder, split, missing, request)
    return _open(folder)


def _open(folder: Path) -> CachedPixels:
    paths = sorted(path for path in folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []
    indices = tuple(read_index(path) for path in paths)
    rows = np.concatenate([np.zeros(0, np.int64), *(index.rows for index in indices)])
    packs = np.repeat(np.arange(len(indices)), [len(index.rows) for index in indices])
    places = np.concatenate([np.zeros((0, 3), np.int64), *(index.places for index in indices)])
    # A row may be in two packs, where two processes wrote them at one time: either is right.
    order, first = np.unique(rows, return_index=True)
    return CachedPixels(indices, order, packs[first], places[first])


def _fill(folder: Path, split: Split, missing: Sequence[int], request: CacheRequest) -> None:
    spread = [missing[number * len(missing) // _PROBED] for number in range(_PROBED)]
    probed = [_decode(split, row, request.short_px) for row in dict.fromkeys(spread)]
    each = sum(image.size for image in probed) / len(probed)
    require_room(request, int(each * len(missing) * _MARGIN), ref=split.record.ref)
    request.say(
        f"decoding {len(missing)} images of {split.record.ref} into the cache, about "
        f"{format_bytes(int(each * len(missing)))}"
    )
    size = max(1, int(_PACK_BYTES / each))
    with ThreadPoolExecutor(max(1, request.workers)) as pool:
        for start in range(0, len(missing), size):
            rows = missing[start : start + size]
            images = list(
                map_ahead(
                    pool,
                    lambda row: _decode(split, row, request.short_px),
                    rows,
                    window=4 * max(1, request.workers),
                )
            )
            if not (folder / name_pack(rows)).exists():
                write_pack(folder, rows, images)
            request.say(f"{min(start + size, len(missing))} of {len(missing)} decoded")


def _decode(split: Split, row: int, short_px: int) -> npt.NDArray[np.uint8]:
    try:
        return np.asarray(resize_short(load_image(split, row), short_px))
    except DataError as error:
        named = f"Image '{split.rows.image_ids[row]}' of '{split.record.ref}'"
        raise DataError(f"{named}: {error}. Every image is needed here; repair it or take it out.") from error


def require_room(request: CacheRequest, needed: int, *, ref: str) -> None:
    """Check, before anything is decoded, that it will fit.

    Raises:
        StorageError: It will not; the message has the sizes and what to do.
    """
    root = request.root / FOLDER
    held = sum(path.stat().st_size for path in root.rglob(f"*{SUFFIX}")) if root.is_dir() else 0
    advice = "Use a smaller cache_px, or leave it out to decode each image as it is needed."
    if request.limit is not None and held + needed > request.limit:
        raise StorageError(
            f"The images of '{ref}' need about {format_bytes(needed)} in the cache, which holds "
            f"{format_bytes(held)} and is limited to {format_bytes(request.limit)}. Raise --cache-limit, or "
            f"delete what is not needed below '{root}'. {advice}"
        )
    existing = next(parent for parent in (root, *root.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free - _SPARE_BYTES
    if needed > free:
        raise StorageError(
            f"The images of '{ref}' need about {format_bytes(needed)} in the cache, and the disk of '{root}' "
            f"has {format_bytes(max(free, 0))} to spare. Choose another place with --cache. {advice}"
        )


def format_bytes(size: int) -> str:
    """A size in words.

    Example:
        >>> format_bytes(1_500_000), format_bytes(2_000_000_000_000)
        ('1.5 MB', '2000.0 GB')
    """
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
