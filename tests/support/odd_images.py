"""Image files that are rare and whole: every mode, depth, palette and container that people have."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
from image_sets import encode, make_image
from PIL import Image
from PIL.PngImagePlugin import PngInfo

RAMP = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
DEEP = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)


def make_ramp(mode: str) -> Image.Image:
    """Noise in a mode of Pillow's."""
    return Image.fromarray(RAMP).convert(mode)


def make_transparent_palette() -> bytes:
    """A palette PNG whose entries are transparent to different degrees."""
    image = make_ramp("P")
    image.info["transparency"] = bytes(range(256))
    return encode(image, transparency=bytes(range(256)))


ODD_FILES = {
    "rgb jpeg": encode(make_ramp("RGB"), "JPEG"),
    "grey jpeg": encode(make_ramp("L"), "JPEG"),
    "cmyk jpeg": encode(make_ramp("CMYK"), "JPEG"),
    "rgb png": encode(make_ramp("RGB")),
    "grey png": encode(make_ramp("L")),
    "grey png with alpha": encode(make_ramp("LA")),
    "rgba png": encode(make_ramp("RGBA")),
    "palette png": encode(make_ramp("P")),
    "palette png with alpha": make_transparent_palette(),
    "black and white png": encode(make_ramp("1")),
    "gif": encode(make_ramp("P"), "GIF"),
    "webp": encode(make_ramp("RGB"), "WEBP", lossless=True),
    "bmp": encode(make_ramp("RGB"), "BMP"),
    "cmyk tiff": encode(make_ramp("CMYK"), "TIFF"),
}
"""Whole files that decode as Pillow's plain conversion does."""


def turn(orientation: int) -> bytes:
    """A JPEG with an EXIF rotation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(make_ramp("RGB"), "JPEG", exif=exif)


def animate(kind: str) -> bytes:
    """Two frames."""
    frames = [make_image((200, 0, 0)), make_image((0, 0, 200))]
    return encode(frames[0], kind, save_all=True, append_images=frames[1:])


def add_text(size: int) -> bytes:
    """A PNG with a compressed text of so many zeros."""
    text = PngInfo()
    text.add_text("comment", "0" * size, zip=True)
    return encode(make_ramp("RGB"), pnginfo=text)


def resize_header(data: bytes, width: int, height: int) -> bytes:
    """A PNG, GIF, BMP or JPEG whose header claims another size; its pixels stay as they were."""
    if data.startswith(b"\x89PNG"):
        header = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
        return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]
    if data.startswith(b"GIF"):
        return data[:6] + struct.pack("<HH", min(width, 65535), min(height, 65535)) + data[10:]
    if data.startswith(b"BM"):
        return data[:18] + struct.pack("<ii", min(width, 2**31 - 1), min(height, 2**31 - 1)) + data[26:]
    at = data.find(b"\xff\xc0")
    if at < 0:
        return data
    return data[: at + 5] + struct.pack(">HH", min(height, 65535), min(width, 65535)) + data[at + 9 :]


MAKERS: Mapping[str, Callable[[], bytes]] = {
    **{f"jpeg turned {number}": lambda number=number: turn(number) for number in (0, 2, 3, 6, 8, 9)},  # type: ignore[misc]
    "16-bit grey png": lambda: encode(Image.fromarray(DEEP)),
    "16-bit grey tiff": lambda: encode(Image.fromarray(DEEP), "TIFF"),
    "16-bit pgm": lambda: b"P5\n16 16\n65535\n" + DEEP.astype(">u2").tobytes(),
    "32-bit grey tiff": lambda: encode(Image.fromarray(DEEP.astype(np.int32)), "TIFF"),
    "32-bit grey tiff out of range": lambda: encode(Image.fromarray(DEEP.astype(np.int32) * 2), "TIFF"),
    "float tiff": lambda: encode(Image.fromarray(DEEP.astype(np.float32)), "TIFF"),
    "animated gif": lambda: animate("GIF"),
    "animated webp": lambda: animate("WEBP"),
    "animated png": lambda: animate("PNG"),
    "tiff of two pages": lambda: animate("TIFF"),
    "two pictures in a jpeg": lambda: animate("MPO"),
    "progressive jpeg": lambda: encode(make_ramp("RGB"), "JPEG", progressive=True),
    "jpeg of 411": lambda: encode(make_ramp("RGB"), "JPEG", subsampling=2, quality=5),
    "jpeg 2000": lambda: encode(make_ramp("RGB"), "JPEG2000"),
    "jpeg 2000 with alpha": lambda: encode(make_ramp("RGBA"), "JPEG2000"),
    "avif": lambda: encode(make_ramp("RGB"), "AVIF"),
    "webp with alpha": lambda: encode(make_ramp("RGBA"), "WEBP", lossless=True),
    "lossy webp": lambda: encode(make_ramp("RGB"), "WEBP", quality=10),
    "gif with transparency": lambda: encode(make_ramp("P"), "GIF", transparency=3),
    "palette of two colours": lambda: encode(make_ramp("P").quantize(2), bits=1),
    "palette bmp": lambda: encode(make_ramp("P"), "BMP"),
    "rgba tiff": lambda: encode(make_ramp("RGBA"), "TIFF", compression="tiff_deflate"),
    "lab tiff": lambda: encode(make_ramp("RGB").convert("YCbCr"), "TIFF"),
    **{
        f"{kind} tiff": lambda kind=kind: encode(make_ramp("RGB"), "TIFF", compression=kind)  # type: ignore[misc]
        for kind in ("tiff_lzw", "packbits", "jpeg", "zstd", "lzma")
    },
    "fax tiff of group 3": lambda: encode(make_ramp("1"), "TIFF", compression="group3"),
    "fax tiff": lambda: encode(make_ramp("1"), "TIFF", compression="group4"),
    "ppm": lambda: encode(make_ramp("RGB"), "PPM"),
    "pbm": lambda: encode(make_ramp("1"), "PPM"),
    "png with a grey that is transparent": lambda: encode(make_ramp("L"), transparency=7),
    "png with a colour that is transparent": lambda: encode(make_ramp("RGB"), transparency=(1, 2, 3)),
    "png with a profile": lambda: encode(make_ramp("RGB"), icc_profile=bytes(4000)),
    "png with a text": lambda: add_text(100),
    "png with a text of 2 MB": lambda: add_text(2_000_000),
    "one pixel": lambda: encode(make_image(size=(1, 1))),
    "one row": lambda: encode(make_image(size=(4000, 1))),
    "png that claims no width": lambda: resize_header(ODD_FILES["rgb png"], 0, 16),
    "png that claims more rows": lambda: resize_header(ODD_FILES["rgb png"], 24, 300),
    "png of 2^31 pixels a row": lambda: resize_header(ODD_FILES["rgb png"], 2**31 - 1, 2**31 - 1),
    "jpeg of 65535 x 65535": lambda: resize_header(ODD_FILES["rgb jpeg"], 65535, 65535),
    "gif of 65535 x 65535": lambda: resize_header(ODD_FILES["gif"], 65535, 65535),
    "bmp of 2^31 rows": lambda: resize_header(ODD_FILES["bmp"], 8, 2**31 - 1),
    "ppm of 10^10 pixels": lambda: b"P6\n100000 100000\n255\n",
    "ppm just above the limit": lambda: b"P6\n10000 9000\n255\n",
    "postscript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n",
    "svg": lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "web page": lambda: b"<!DOCTYPE html><title>404</title>",
    "LFS pointer": lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
    "icon": lambda: encode(make_ramp("RGB"), "ICO"),
    "tga": lambda: encode(make_ramp("RGB"), "TGA"),
    "pdf": lambda: encode(make_ramp("RGB"), "PDF"),
    "nothing": lambda: b"",
}  # fmt: skip
"""How the other files are made: decoded by a rule of ours, or refused."""


@cache
def make_odd_image(name: str) -> bytes:
    """The bytes of one file of `ODD_NAMES`."""
    return ODD_FILES[name] if name in ODD_FILES else MAKERS[name]()


ODD_NAMES = (*ODD_FILES, *MAKERS)
