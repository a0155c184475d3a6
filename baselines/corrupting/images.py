"""One image of a split, corrupted and encoded: a pure function of the split's image and the settings."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import numpy as np
from PIL import Image

from imagenet_g.baselines.corrupting.kinds import SMALLEST_PX, USUAL_PX, corrupt_pixels
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.splits.readable import load_image
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.statistics.accuracy import IntArray

_EVERY = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class CorruptionSettings:
    """What decides a corrupted image beside its source and its kind.

    Attributes:
        severity: 1 to 5.
        seed: Of the set.
        short_px: Short side at which images are corrupted; None for the side that each has.
        quality: Of the JPEG that is stored; None for PNG, which loses nothing.
    """

    severity: int
    seed: int
    short_px: int | None
    quality: int | None


def corrupt_image(
    library: ModuleType, image: Image.Image, settings: CorruptionSettings, *, kind: str, seed: int
) -> Image.Image:
    """An image under a corruption: as large as it was, or of the short side asked for where that is less.

    Args:
        library: Of `load_library`.
        image: RGB.
        settings: Of the set.
        kind: Of the corruption.
        seed: Of this image.

    Raises:
        DataError: It is too small.
    """
    scaled = image if settings.short_px is None else resize_short(image, settings.short_px)
    made = Image.fromarray(
        corrupt_pixels(library, np.asarray(scaled), kind=kind, severity=settings.severity, seed=seed)
    )
    # Enlarged again, a small image would hold no more than it does, in many times the bytes.
    return made.resize(image.size, Image.Resampling.BICUBIC) if made.width > image.width else made


def resize_short(image: Image.Image, short_px: int) -> Image.Image:
    """An image whose short side is so long, its form kept.

    Example:
        >>> resize_short(Image.new("RGB", (500, 375)), 256).size
        (341, 256)
    """
    scale = short_px / min(image.size)
    width, height = (max(short_px, round(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BICUBIC)


def encode_image(image: Image.Image, quality: int | None) -> bytes:
    """The bytes of a PNG, or of a JPEG where a quality is named."""
    stream = io.BytesIO()
    if quality is None:
        image.save(stream, format="png")
    else:
        # As the files of ImageNet-C were written, with a quality of 85.
        image.save(stream, format="jpeg", quality=quality, optimize=True)
    return stream.getvalue()


def check_images(split: Split, rows: IntArray, short_px: int | None, say: Callable[[str], None]) -> None:
    """Decode every image once: what cannot be corrupted must not come to light after hours.

    Args:
        split: Where they are.
        rows: Which.
        short_px: Short side at which they will be corrupted.
        say: Receives progress, and a caution where the strengths are for images of another size.

    Raises:
        DataError: An image cannot be decoded, or is too small.
    """
    sides = []
    for number, row in enumerate(rows.tolist(), 1):
        sides.append(min(load_source(split, row).size))
        if short_px is None and sides[-1] < SMALLEST_PX:
            raise DataError(
                f"Image '{split.rows.image_ids[row]}' has a short side of {sides[-1]} pixels, and a side "
                f"needs {SMALLEST_PX}. Add --short {USUAL_PX}: images are corrupted at that size, "
                "and brought back to their own."
            )
        if number % _EVERY == 0:
            say(f"{number} of {len(rows)} images can be read")
    median = int(np.median(sides))
    if short_px is None and not USUAL_PX / 2 <= median <= USUAL_PX * 2:
        say(
            f"Images have a short side of {median} pixels (median); the strengths are for {USUAL_PX}, and a "
            f"blur or a speck is as many pixels wide on both. --short {USUAL_PX} corrupts them at that size."
        )


def load_source(split: Split, row: int) -> Image.Image:
    """One image of the source, RGB; the error names it.

    Raises:
        DataError: It cannot be decoded.
    """
    try:
        return load_image(split, row)
    except DataError as error:
        raise DataError(
            f"Image '{split.rows.image_ids[row]}' cannot be read: {error}. A corrupted set has every image; "
            "repair it, or name a view without it."
        ) from error


def validate_settings(settings: CorruptionSettings) -> None:
    """Check what the library and the encoder would refuse later.

    Raises:
        InputError: The short side is too small, or a quality is none.
    """
    if settings.short_px is not None and settings.short_px < SMALLEST_PX:
        raise InputError(f"--short {settings.short_px} is too small; give {SMALLEST_PX} or more.")
    if settings.quality is not None and settings.quality > 100:
        raise InputError(f"--quality {settings.quality} is no quality of a JPEG; give 1 to 100.")
