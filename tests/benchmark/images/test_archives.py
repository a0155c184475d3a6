"""Members of archives that lie about themselves."""

from __future__ import annotations

import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from imagenet_g.benchmark.images.archives import list_zip

LOCAL_SIZE_AT, CENTRAL_SIZE_AT = 22, 24
"""Where a header of a zip file gives the size of a member after unpacking (APPNOTE 4.3.7 and 4.3.12)."""


def write_zip_with_claim(path: Path, num_bytes: int, *, claimed: int) -> None:
    """A zip of one member of zeros whose two headers claim another size."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("n01440764/a.jpg", bytes(num_bytes))
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, LOCAL_SIZE_AT, claimed)
    struct.pack_into("<I", data, data.rfind(b"PK\x01\x02") + CENTRAL_SIZE_AT, claimed)
    path.write_bytes(data)


def test_a_zip_member_that_is_larger_than_it_claims_is_not_unpacked(tmp_path: Path) -> None:
    """Neither its bytes nor the memory for them: 64 MB behind a claim of 1000 bytes."""
    write_zip_with_claim(tmp_path / "a.zip", 64_000_000, claimed=1000)
    [member] = list_zip(tmp_path / "a.zip")
    tracemalloc.start()
    try:
        with pytest.raises(zipfile.BadZipFile, match="CRC"):
            member.read()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_a_zip_member_is_read_whole(tmp_path: Path) -> None:
    """What is as large as it claims comes back unchanged."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("n01440764/a.jpg", bytes(range(256)) * 1000)
    [member] = list_zip(tmp_path / "a.zip")
    assert member.read() == bytes(range(256)) * 1000
