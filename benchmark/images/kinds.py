"""What a file is by its first bytes: an image of some format, or what often lies in an image's place.

Magic numbers are those of each format's specification; those of images are at most 32 bytes long.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import NamedTuple

HEAD_BYTES = 512
"""How much of a file is looked at: a tar names itself at byte 257."""
# Larger JSON is called a text file; parsing it would only serve its name.
_MAX_JSON_BYTES = 1 << 20
_HTML = re.compile(rb"\s*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_PNM = re.compile(rb"P[1-6]\s+(#|\d)")
_AVIF_BRANDS = (b"avif", b"avis", b"mif1", b"msf1")
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
_BMP_HEADER_SIZES = (12, 16, 40, 52, 56, 64, 108, 124)


class OtherKind(NamedTuple):
    """What a file is that is no image.

    Attributes:
        name: Such as "Git LFS pointer"; with an "s" behind it, several of them.
        article: "a" or "an".
        advice: What to do about it; empty where nothing is known.
        stands_in: Whether such a file stands for another one, whose content is elsewhere.
    """

    name: str
    article: str = "a"
    advice: str = ""
    stands_in: bool = False


_LFS = OtherKind("Git LFS pointer", "a", "run 'git lfs pull' where the images come from", stands_in=True)
_ANNEX = OtherKind("git-annex pointer", "a", "run 'git annex get' where the images come from", stands_in=True)
_HTML_PAGE = OtherKind("HTML page", "an", "the download gave a page in place of the image")
_ZEROS = OtherKind("file of zero bytes", advice="the download or the copy broke off")
_JSON = OtherKind("JSON file")
_TEXT = OtherKind("text file")
_PREFIXES = (
    (b"version https://git-lfs.github.com/spec/", _LFS),
    (b"version https://hawser.github.com/spec/", _LFS),
    (b"PK\x03\x04", OtherKind("zip archive")),
    (b"PK\x05\x06", OtherKind("zip archive")),
    (b"\x1f\x8b", OtherKind("gzip archive")),
    (b"BZh", OtherKind("bzip2 archive")),
    (b"\xfd7zXZ\x00", OtherKind("xz archive", "an")),
    (b"7z\xbc\xaf\x27\x1c", OtherKind("7z archive")),
    (b"Rar!\x1a\x07", OtherKind("RAR archive")),
    (b"\x28\xb5\x2f\xfd", OtherKind("Zstandard archive")),
    (b"PAR1", OtherKind("parquet file")),
    (b"%PDF", OtherKind("PDF file")),
    (b"%!PS", OtherKind("PostScript file")),
    (b"8BPS", OtherKind("Photoshop file")),
    (b"\xff\x0a", OtherKind("JPEG XL image")),
    (b"\x00\x00\x00\x0cJXL ", OtherKind("JPEG XL image")),
    (b"\x93NUMPY", OtherKind("NumPy array")),
    (b"\x89HDF\r\n\x1a\n", OtherKind("HDF5 file", "an")),
    (b"<?xml", OtherKind("XML document", "an")),
    (b"<svg", OtherKind("SVG drawing", "an")),
)


def find_image_format(head: bytes) -> str | None:
    r"""The format of an image from its first 32 bytes or more; None for what starts like no image.

    Example:
        >>> find_image_format(b"\xff\xd8\xff\xe0"), find_image_format(b"P6\n8 8\n255\n")
        ('JPEG', 'PPM')
        >>> find_image_format(b"BMW is a maker of cars, and this is a text") is None
        True
    """
    return next((name for name, matches in _IMAGES if matches(head)), None)


def find_other_kind(data: bytes) -> OtherKind | None:
    r"""What a file is that cannot be an image; None where nothing is known of such bytes.

    Args:
        data: The whole file, or its first `HEAD_BYTES`.

    Example:
        >>> find_other_kind(b"version https://git-lfs.github.com/spec/v1\noid sha256:0").name
        'Git LFS pointer'
        >>> find_other_kind(b'{"error": "not found"}').name, find_other_kind(b"\x07\x01") is None
        ('JSON file', True)
    """
    head = data[:HEAD_BYTES].removeprefix(b"\xef\xbb\xbf")
    for prefix, kind in _PREFIXES:
        if head.startswith(prefix):
            return kind
    if b"/annex/objects/" in head.split(b"\n", 1)[0]:
        return _ANNEX
    if _HTML.match(head):
        return _HTML_PAGE
    if head[257:262] == b"ustar":
        return OtherKind("tar archive")
    if head[4:8] == b"ftyp":
        return OtherKind("HEIC image") if head[8:12] in _HEIC_BRANDS else OtherKind("video")
    if data and not data.strip(b"\x00"):
        return _ZEROS
    return _find_text_kind(data)


def _find_text_kind(data: bytes) -> OtherKind | None:
    # The last bytes may be a cut character.
    text = data[:HEAD_BYTES].decode("utf-8", errors="ignore")
    if len(text.encode()) < len(data[:HEAD_BYTES]) - 3 or not text.strip():
        return None
    if not all(character.isprintable() or character.isspace() for character in text):
        return None
    if text.lstrip()[0] in "{[" and len(data) <= _MAX_JSON_BYTES:
        try:
            json.loads(data)
        except (ValueError, RecursionError):
            return _TEXT
        return _JSON
    return _TEXT


def _starts_with(*prefixes: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(prefixes)


def _is_bmp(head: bytes) -> bool:
    # Two letters start many texts; the reserved bytes and the size of the second header start none.
    return head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES


_IMAGES: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    ("JPEG", _starts_with(b"\xff\xd8\xff")),
    ("PNG", _starts_with(b"\x89PNG\r\n\x1a\n")),
    ("GIF", _starts_with(b"GIF87a", b"GIF89a")),
    ("WEBP", lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP"),
    ("BMP", _is_bmp),
    ("TIFF", _starts_with(b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")),
    ("AVIF", lambda head: head[4:8] == b"ftyp" and head[8:12] in _AVIF_BRANDS),
    ("JPEG 2000", _starts_with(b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")),
    ("PPM", lambda head: _PNM.match(head) is not None),
)
