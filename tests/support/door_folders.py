"""Image folders as people have them: layouts, names and kinds of file that a listing meets."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import strategies as st
from odd_images import ODD_FILES, make_odd_image
from PIL import Image
from toy_models import make_colour_png

from imagenet_g.benchmark.classes import load_classes

WNIDS = tuple(info.wnid for info in load_classes())
FILE_NAMES = (
    "a.png",
    "b.PNG",
    "c.JPEG",
    "d.jpeg",
    "e.jpg",
    "f.webp",
    "a b.png",
    "[x].png",
    "(1).png",
    "\u00e9.png",
    "e\u0301.png",
    "\u706b.png",
    "new\nline.png",
    "tab\t.png",
    "back\\slash.png",
    "quote'\".png",
    "\x1b[2J.png",
    "*.png",
    "#.png",
    "%41.png",
    ".hidden.png",
    "._a.png",
    "Thumbs.db",
    "readme.txt",
    "no_suffix",
    "a.png.txt",
    "a.jfif",
    "a.jpe",
    "a.tar",
    "-rf.png",
    "w" * 240 + ".png",
    "a.png ",
    "con.png",
    "\u202egnp.a.png",
)
CLASS_NAMES = (
    *WNIDS[:6],
    "n00000000",
    "N01440764",
    " n01440764",
    "n01440764 ",
    "0",
    "1",
    "00",
    "tench",
    ".git",
    "__MACOSX",
    "\u706b",
    "[x]",
    "a\nb",
)
KINDS = (
    "picture",
    "picture",
    "picture",
    "odd",
    "rubbish",
    "empty",
    "folder",
    "empty folder",
    "link",
    "loop",
    "dangling",
    "outside",
    "pipe",
)


@dataclass(frozen=True, slots=True)
class Planned:
    """A folder that is to be made.

    Attributes:
        files: What lies where, by the path inside: a kind of `KINDS`.
        contents: Bytes of those that are files.
    """

    files: Mapping[str, str]
    contents: Mapping[str, bytes] = field(default_factory=dict)


@st.composite
def folders(
    draw: st.DrawFn, *, classes: tuple[str, ...] = CLASS_NAMES, kinds: tuple[str, ...] = KINDS
) -> Planned:
    """Up to five class folders of up to four things each, and sometimes a thing beside them."""
    files: dict[str, str] = {}
    contents: dict[str, bytes] = {}
    for name in draw(st.lists(st.sampled_from(classes), unique=True, max_size=5)):
        for file in draw(st.lists(st.sampled_from(FILE_NAMES), unique=True, max_size=4)):
            files[f"{name}/{file}"] = draw(st.sampled_from(kinds))
    if draw(st.integers(0, 5)) == 0:
        files[draw(st.sampled_from(FILE_NAMES))] = draw(st.sampled_from(kinds))
    for path, kind in files.items():
        contents[path] = make_content(kind, draw(st.integers(0, 9)), draw(st.sampled_from(sorted(ODD_FILES))))
    return Planned(files, contents)


def make_content(kind: str, colour: int, odd: str) -> bytes:
    """Bytes of a file of a kind."""
    match kind:
        case "picture":
            return make_colour_png(colour)
        case "odd":
            return make_odd_image(odd)
        case "rubbish":
            return b"version https://git-lfs.github.com/spec/v1\n"
        case _:
            return b""


def make_folder(root: Path, plan: Planned) -> Path:
    """The folder on the disk."""
    root.mkdir()
    for name, kind in plan.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        match kind:
            case "folder":
                path.mkdir()
                (path / "deep.png").write_bytes(make_colour_png(1))
            case "empty folder":
                path.mkdir()
            case "link":
                (root.parent / "elsewhere.png").write_bytes(make_colour_png(2))
                path.symlink_to(root.parent / "elsewhere.png")
            case "loop":
                path.symlink_to(path.parent)
            case "dangling":
                path.symlink_to(path.parent / "not there")
            case "outside":
                path.symlink_to("/")
            case "pipe":
                os.mkfifo(path)
            case _:
                path.write_bytes(plan.contents[name])
    return root


def is_picture(data: bytes) -> bool:
    """Whether Pillow reads the bytes."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
    except Exception:
        return False
    return True
