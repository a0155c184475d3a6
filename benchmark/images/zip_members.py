"""One member of a zip file, unpacked to no more than the size it claims.

Python's zipfile bounds what it unpacks for deflate alone: of bzip2 and LZMA it unpacks whatever comes out of
the packed bytes, which for a decompression bomb is thousands of times their size. So the two are unpacked
here.
"""

from __future__ import annotations

import bz2
import copy
import lzma
import struct
import threading
import zipfile
import zlib

from imagenet_g.benchmark.images.found import MAX_IMAGE_BYTES

# An ending by the marker of the stream instead of a known size.
_UNKNOWN_SIZE = b"\xff" * 8
_LZMA_PROPERTIES = 5


def read_zip_member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, lock: threading.Lock, limit: int | None = None
) -> bytes:
    """The bytes of one member, or the first `limit` of them.

    Args:
        archive: The open archive.
        info: The member.
        lock: Held while the archive is read.
        limit: How many bytes are wanted at most; None for all, which are then compared with their checksum.

    Raises:
        OSError: It claims too many bytes, or the file cannot be read.
        zipfile.BadZipFile: It is damaged, or is not of the size that it claims.
        lzma.LZMAError: It is damaged.
        RuntimeError: It is encrypted.
        NotImplementedError: It is packed by a method that is not read.
    """
    if max(info.file_size, info.compress_size) > MAX_IMAGE_BYTES:
        raise OSError(f"{max(info.file_size, info.compress_size)} bytes are more than {MAX_IMAGE_BYTES}")
    wanted = info.file_size if limit is None else min(limit, info.file_size)
    if info.compress_type in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        data = _unpack(_read_packed(archive, info, lock), info.compress_type, wanted)
        if limit is None:
            _validate_checksum(data, info)
        return data
    # Up to the claimed size: `archive.read` unpacks a member whole first, however large it really is.
    with lock, archive.open(info) as stream:
        return stream.read(wanted)


def _read_packed(archive: zipfile.ZipFile, info: zipfile.ZipInfo, lock: threading.Lock) -> bytes:
    # As though it were stored: zipfile finds the place, checks the local header, and unpacks nothing.
    stored = copy.copy(info)
    stored.compress_type, stored.file_size = zipfile.ZIP_STORED, info.compress_size
    # The checksum is of the unpacked bytes.
    del stored.CRC
    with lock, archive.open(stored) as stream:
        return stream.read(info.compress_size)


def _unpack(packed: bytes, method: int, max_bytes: int) -> bytes:
    try:
        if method == zipfile.ZIP_BZIP2:
            return bz2.BZ2Decompressor().decompress(packed, max_bytes)
        # The stream also claims the size of its dictionary, up to 4 GiB.
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=MAX_IMAGE_BYTES)
        return unpacker.decompress(_make_alone(packed), max_bytes)
    except (EOFError, ValueError) as error:
        raise zipfile.BadZipFile(f"damaged member: {error}") from error


def _make_alone(packed: bytes) -> bytes:
    """A zip's LZMA stream as a file of the older format `.lzma`.

    Source: APPNOTE 5.8.8: two bytes of version, two with the length of the properties, the properties.
    """
    if len(packed) < 4 + _LZMA_PROPERTIES or struct.unpack_from("<H", packed, 2)[0] != _LZMA_PROPERTIES:
        raise zipfile.BadZipFile("damaged header of an LZMA member")
    properties, stream = packed[4 : 4 + _LZMA_PROPERTIES], packed[4 + _LZMA_PROPERTIES :]
    return properties + _UNKNOWN_SIZE + stream


def _validate_checksum(data: bytes, info: zipfile.ZipInfo) -> None:
    if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
        raise zipfile.BadZipFile(f"Bad CRC-32 for file {info.filename!r}")
