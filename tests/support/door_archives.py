"""Zip and tar files as people and attackers pack them."""

from __future__ import annotations

import io
import tarfile
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st
from toy_models import make_colour_png

from imagenet_g.benchmark.classes import load_classes

WNIDS = tuple(info.wnid for info in load_classes()[:6])
FOLDERS = (
    *WNIDS,
    *(f"set/{wnid}" for wnid in WNIDS[:3]),
    f"./{WNIDS[0]}",
    f"../{WNIDS[0]}",
    f"/etc/{WNIDS[1]}",
    f"../../../../tmp/{WNIDS[2]}",
    f"a//{WNIDS[3]}/.",
    f"__MACOSX/{WNIDS[0]}",
    f"C:\\{WNIDS[0]}",
    "n00000000",
    "tench",
    "",
)
NAMES = (
    "a.png",
    "b.JPEG",
    "c.png",
    "\u706b.png",
    "new\nline.png",
    ".hidden.png",
    "readme.txt",
    "a.cls",
    "a",
    "..",
)


@dataclass(frozen=True, slots=True)
class Packed:
    """One member of an archive.

    Attributes:
        name: Its path inside.
        data: Its content.
        kind: "file", or what only a tar holds: a link to a name, or a folder.
    """

    name: str
    data: bytes
    kind: str = "file"


@st.composite
def members(draw: st.DrawFn) -> list[Packed]:
    """Up to eight members; a name may come twice."""
    packed = []
    for _ in range(draw(st.integers(0, 8))):
        folder, name = draw(st.sampled_from(FOLDERS)), draw(st.sampled_from(NAMES))
        data = draw(
            st.one_of(st.integers(0, 9).map(make_colour_png), st.sampled_from([b"", b"7", b"no image"]))
        )
        kind = draw(
            st.sampled_from(["file", "file", "file", "file", "symlink", "hardlink", "folder", "pipe"])
        )
        packed.append(Packed(f"{folder}/{name}" if folder else name, data, kind))
    return packed


def write_zip(packed: Sequence[Packed], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip; links and pipes are files there."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compression) as archive:
        # Python warns that a name comes twice; that is what is wanted.
        warnings.simplefilter("ignore")
        for member in packed:
            archive.writestr(f"{member.name}/" if member.kind == "folder" else member.name, member.data)
    return buffer.getvalue()


TAR_KINDS = {
    "symlink": tarfile.SYMTYPE,
    "hardlink": tarfile.LNKTYPE,
    "folder": tarfile.DIRTYPE,
    "pipe": tarfile.FIFOTYPE,
}


def write_tar(packed: Sequence[Packed], *, mode: str = "w") -> bytes:
    """A tar; links lead to a file of the system."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for member in packed:
            info = tarfile.TarInfo(member.name)
            if member.kind == "file":
                info.size = len(member.data)
            else:
                info.type, info.linkname = TAR_KINDS[member.kind], "/etc/passwd"
            archive.addfile(info, io.BytesIO(member.data))
    return buffer.getvalue()


def write_bomb() -> bytes:
    """A small zip whose one picture claims to unpack to 300 MB."""
    data = bytearray(write_zip([Packed(f"{WNIDS[0]}/a.png", bytes(1000))]))
    claimed = data.find(b"PK\x01\x02") + 24
    data[claimed : claimed + 4] = (300_000_000).to_bytes(4, "little")
    return bytes(data)
