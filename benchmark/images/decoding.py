"""Encoded bytes to RGB pixels as timm decodes them, or one clear reason for the failure.

timm and torchvision call `Image.open(file).convert("RGB")`: alpha is dropped, not blended; CMYK goes through
Pillow's own formula; EXIF rotation is ignored; of an animation the first frame counts. So it is here. Two
things differ, both where plain conversion would give a wrong image in silence: 16-bit grey keeps its high
byte (Pillow clips all above 255 to white), and pixels without a fixed range (float) are refused.
"""

from __future__ import annotations

import hashlib
import io
from functools import cache

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.images.kinds import find_image_format, find_other_kind

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Decoders that may be given a file. Not EPS: Pillow starts Ghostscript on the program in such a file."""
MAX_PIXELS = 89_478_485
"""Pillow's limit for a suspected decompression bomb: 256 MiB of RGB."""

# Behind a bad code word libtiff leaves the rest of the row as the memory was: noise, another each time.
_UNCHECKED_COMPRESSIONS = ("group3", "group4", "tiff_ccitt", "tiff_thunderscan")


def decode_image(data: bytes) -> Image.Image:
    """An RGB image from the bytes of an image file.

    Args:
        data: A whole file in one of `FORMATS`; the file's name and extension do not matter.

    Raises:
        DataError: With a short reason: not an image (and what else), truncated, too large, or no fixed pixel
            range.
    """
    # Other libraries switch this on for the whole process; it turns missing rows grey in silence.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with Image.open(io.BytesIO(data), formats=_list_formats()) as image:
            # The header is read and no pixel is decoded yet. Pillow alone would only warn up to twice this
            # size.
            if image.width * image.height > MAX_PIXELS:
                raise DataError(_format_size(image.width, image.height))
            if image.info.get("compression") in _UNCHECKED_COMPRESSIONS:
                raise DataError("a fax-compressed TIFF, in which damage cannot be seen; save it as PNG")
            # Pillow decodes lazily; without this, damage would surface later, inside a transform.
            image.load()
            return _convert_to_rgb(image)
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"more than {MAX_PIXELS} pixels: refused as a decompression bomb") from error
    except UnidentifiedImageError as error:
        raise DataError(explain_unidentified(data)) from error
    except Exception as error:
        # Pillow's decoders raise nearly anything on damaged bytes: OSError, SyntaxError, struct.error, ...
        raise DataError(f"cannot be decoded: {_explain_damage(data, error)}") from error


def explain_unidentified(data: bytes) -> str:
    r"""Why bytes that no decoder takes are no image, and what they are where that is known.

    Example:
        >>> explain_unidentified(b"<!DOCTYPE html><html>")
        'not an image file but an HTML page: the download gave a page in place of the image'
        >>> explain_unidentified(b""), explain_unidentified(b"\x89PNG\r\n\x1a\n\x00")
        ('empty file', 'cannot be decoded: damaged or truncated PNG file')
    """
    if not data:
        return "empty file"
    if (name := find_image_format(data)) is not None:
        return f"cannot be decoded: damaged or truncated {name} file"
    if (kind := find_other_kind(data)) is None:
        return "not an image file"
    advice = f": {kind.advice}" if kind.advice else ""
    return f"not an image file but {kind.article} {kind.name}{advice}"


def crop_border(image: Image.Image, px: int) -> Image.Image:
    """The image without `px` pixels on each of its four sides.

    Raises:
        DataError: Nothing would be left.

    Example:
        >>> crop_border(Image.new("RGB", (10, 6)), 2).size
        (6, 2)
    """
    if px == 0:
        return image
    if min(image.size) <= 2 * px:
        raise DataError(f"{image.width} x {image.height} pixels leave nothing inside a border of {px}")
    return image.crop((px, px, image.width - px, image.height - px))


def hash_pixels(image: Image.Image) -> str:
    """sha256 over height, width and the uint8 RGB values; encoding again without loss keeps it.

    Example:
        >>> wide, high = Image.new("RGB", (8, 2)), Image.new("RGB", (2, 8))
        >>> hash_pixels(wide) == hash_pixels(high)  # the same bytes, another shape
        False
    """
    pixels = np.asarray(image if image.mode == "RGB" else image.convert("RGB"), dtype=np.uint8)
    # The size comes first: a 2 x 8 and a 4 x 4 image may consist of the same bytes.
    digest = hashlib.sha256(f"{pixels.shape[0]}x{pixels.shape[1]}x3:".encode())
    digest.update(np.ascontiguousarray(pixels).tobytes())
    return digest.hexdigest()


@cache
def _list_formats() -> tuple[str, ...]:
    # A build of Pillow may lack some; naming one of those raises KeyError instead of "not an image".
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _convert_to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        # A JPEG has one image, which is in memory now; others may seek in the file, which `with` closes.
        return image if image.format == "JPEG" else image.copy()
    if image.mode == "F":
        raise DataError("floating-point pixels have no fixed range")
    if image.mode == "I" or image.mode.startswith("I;16"):
        image = _take_high_byte(image)
    # Does not change the RGB values; left in, Pillow warns about palettes with partial transparency.
    image.info.pop("transparency", None)
    return image.convert("RGB")


def _take_high_byte(image: Image.Image) -> Image.Image:
    """8-bit grey from 16-bit grey, as Pillow itself reads 16-bit colour."""
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 0xFFFF:
        raise DataError("grey values outside 0..65535")
    return Image.fromarray((values >> 8).astype(np.uint8))


def _format_size(width: int, height: int) -> str:
    return f"{width} x {height} pixels: refused as a decompression bomb"


def _explain_damage(data: bytes, error: Exception) -> str:
    name = find_image_format(data)
    # Pillow adds the number of bytes, which differs from file to file.
    return f"truncated {name} file" if name and "truncated" in str(error).lower() else _shorten(error)


def _shorten(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
