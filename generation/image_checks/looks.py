"""What one look at each image gives: its perceptual hash, its grey values and its colours.

An image is read and decoded once for all checks. Looks are kept row by row, so that a run that was stopped
goes on where it was:

    <cache>/looks/<key>/<hash of rows>.npz
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.features.row_store import KeptRows, VectorArray, keep_rows, load_rows
from imagenet_g.benchmark.feeding.ahead import map_ahead
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.images.hashes import ProgressCallback
from imagenet_g.benchmark.splits.readable import load_image
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.generation.near_duplicates.hashing import compute_phash
from imagenet_g.generation.rendering.pixel_scorer import compute_spread, measure_greys

if TYPE_CHECKING:
    from PIL import Image

FloatArray = npt.NDArray[np.float64]
LOOKS = 1
"""Raised when the same image would give other numbers."""
MEASURES = (
    "spread",
    "grey_low",
    "grey_high",
    "brightness",
    "contrast",
    "saturation",
    "hue_entropy",
)
"""Numbers of an image, in this order; see `ImageLooks`."""
HUE_BINS = 36
_HASH_PARTS = 4
_WIDTH = _HASH_PARTS + len(MEASURES)
_CHUNK_ROWS = 256
_COLOUR_SIDE_PX = 64
_LEAST_CHROMA = 1e-3
_NO_HUE = -1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLooks:
    """Looks of N images.

    Attributes:
        readable: `(N,)`; the other values of an unreadable image are 0 or NaN.
        hashes: `(N,)` uint64 perceptual hashes.
        values: `(N, 7)` by `MEASURES`: largest standard deviation of a colour channel, 1 % and 99 % quantile
            of the grey values (all 0..255); mean and standard deviation of the grey values (0..1); mean
            saturation of HSV (0..1); entropy of the hues in bits, 0 to log2(36), NaN for an image of greys.
    """

    readable: npt.NDArray[np.bool_]
    hashes: npt.NDArray[np.uint64]
    values: FloatArray

    def get(self, measure: str) -> FloatArray:
        """`(N,)` values of one of `MEASURES`."""
        return np.asarray(self.values[:, MEASURES.index(measure)])


def look_at(image: Image.Image) -> VectorArray:
    """The hash in four parts of 16 bits, then `MEASURES`, `(11,)` float32; -1 stands for no hue.

    Example:
        >>> from PIL import Image
        >>> [round(float(value), 3) for value in look_at(Image.new("RGB", (8, 8), (255, 0, 0)))[4:]]
        [0.0, 76.0, 76.0, 0.298, 0.0, 1.0, 0.0]
    """
    number = compute_phash(image)
    # In parts, because float32 holds whole numbers up to 2^24 only.
    parts = [(number >> (16 * place)) & 0xFFFF for place in range(_HASH_PARTS)]
    counts = np.array(image.convert("L").histogram(), dtype=np.int64)
    low, high = measure_greys(image)
    mean, deviation = _describe_greys(counts)
    saturation, entropy = _describe_colours(image.convert("RGB"))
    values = [compute_spread(image), low, high, mean, deviation, saturation, entropy]
    return np.array([*parts, *values], dtype=np.float32)


def _describe_greys(counts: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Mean and standard deviation, each a share of 255."""
    levels, total = np.arange(len(counts)) / 255, counts.sum()
    mean = float((counts * levels).sum() / total)
    return mean, float(np.sqrt((counts * (levels - mean) ** 2).sum() / total))


def _describe_colours(image: Image.Image) -> tuple[float, float]:
    """Mean saturation, and the entropy of the hues weighted by chroma: a grey pixel has no hue."""
    # Averaged down: the colours of an image lie in its areas, and all pixels take most of a look's time.
    small = image.reduce(max(1, min(image.size) // _COLOUR_SIDE_PX))
    pixels = np.asarray(small, dtype=np.float64) / 255
    chroma = (pixels.max(axis=2) - pixels.min(axis=2)).ravel()
    hsv = np.asarray(small.convert("HSV"))
    saturation = float(hsv[:, :, 1].mean() / 255)
    # The few hues of a grey image are rounding, and their entropy is that of noise.
    if chroma.mean() < _LEAST_CHROMA:
        return saturation, _NO_HUE
    bins = hsv[:, :, 0].ravel().astype(np.int64) * HUE_BINS // 256
    shares = np.bincount(bins, weights=chroma, minlength=HUE_BINS) / chroma.sum()
    present = shares[shares > 0]
    # Not a minus sign: the entropy of a single hue would be -0.
    return saturation, float(abs((present * np.log2(present)).sum()))


def look_at_rows(
    split: Split,
    rows: Sequence[int],
    *,
    cache: Path | None,
    workers: int,
    on_progress: ProgressCallback = lambda done, total: None,
) -> ImageLooks:
    """Looks of some rows of a split, those of an earlier run taken from the cache.

    Args:
        split: The images.
        rows: N rows, without repeats.
        cache: Where looks are kept between runs; None keeps none.
        workers: Threads that read and decode.
        on_progress: Called with the number of rows done and of all.

    Raises:
        StorageError: The cache cannot be written.
    """
    folder = None if cache is None else cache / "looks" / make_key(split)
    known = KeptRows() if folder is None else load_rows(folder, _WIDTH)
    missing = [row for row in rows if row not in known]
    done = len(rows) - len(missing)
    on_progress(done, len(rows))
    with ThreadPoolExecutor(max(1, workers)) as pool:
        found = map_ahead(pool, partial(_look_at_row, split), missing, window=_CHUNK_ROWS)
        for first in range(0, len(missing), _CHUNK_ROWS):
            chunk = missing[first : first + _CHUNK_ROWS]
            looks = {row: next(found) for row in chunk}
            vectors = {row: look for row, look in looks.items() if not isinstance(look, str)}
            errors = {row: look for row, look in looks.items() if isinstance(look, str)}
            if folder is not None:
                keep_rows(folder, vectors, errors)
            known.vectors.update(vectors)
            known.errors.update(errors)
            on_progress(done + first + len(chunk), len(rows))
    return unpack_looks([known.vectors.get(row) for row in rows])


def make_key(split: Split) -> str:
    """Key of the cache: the images, their border, and the version of what is looked at."""
    return hash_json({"content": split.record.content_sha256, "border_px": split.border_px, "looks": LOOKS})


def unpack_looks(vectors: Sequence[VectorArray | None]) -> ImageLooks:
    """Looks of N images from the vectors of `look_at`; None for an unreadable image."""
    blank = np.zeros(_WIDTH, dtype=np.float32)
    table = np.array([blank if one is None else one for one in vectors], dtype=np.float64)
    table = table.reshape(-1, _WIDTH)
    parts = table[:, :_HASH_PARTS].astype(np.uint64)
    values = table[:, _HASH_PARTS:]
    hue = MEASURES.index("hue_entropy")
    values[values[:, hue] < 0, hue] = np.nan
    readable = np.array([one is not None for one in vectors], dtype=np.bool_)
    # Zeros would pass for a black image.
    values[~readable] = np.nan
    shifts = np.arange(_HASH_PARTS, dtype=np.uint64) * np.uint64(16)
    hashes: npt.NDArray[np.uint64] = (parts << shifts).sum(axis=1, dtype=np.uint64)
    return ImageLooks(readable=readable, hashes=hashes, values=values)


def _look_at_row(split: Split, row: int) -> VectorArray | str:
    """The look, or why the image cannot be read."""
    try:
        return look_at(load_image(split, row))
    except DataError as error:
        return str(error)
