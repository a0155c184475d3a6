"""The art behind `mini/renditions`: the hand-checked tables, the npm packages, the icons inside them.

An *art set* is one set of drawings by one maker. Packages are pinned by version and by npm's own sha512, so
the files read here are byte for byte those for which the labels were checked.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import shutil
import subprocess
import tarfile
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from imagenet_g.benchmark.errors import DataError, FetchError
from imagenet_g.benchmark.records import FileModel

_DATA = "imagenet_g.generation.data"
_FETCH_SECONDS = 300


class ArtSetSpec(FileModel):
    """One art set: its npm package, its author and its licence."""

    name: str
    package: str
    version: str
    integrity: str
    """npm's "sha512-" and base64 of the tarball."""
    format: Literal["svg", "webp"]
    """"svg": icons.json of an Iconify package; "webp": one file per code point under assets/."""
    art: str
    author: str
    license: str
    """SPDX identifier of the drawings."""
    copyright: str
    home: str
    note: str

    @property
    def source(self) -> str:
        """The package as npm names it, `name@version`."""
        return f"{self.package}@{self.version}"

    @property
    def tarball_name(self) -> str:
        """The file name `npm pack` gives."""
        return f"{self.package.removeprefix('@').replace('/', '-')}-{self.version}.tgz"


class ArtSetList(FileModel):
    """`renditions_art_sets.toml`."""

    art_sets: tuple[ArtSetSpec, ...]


@dataclass(frozen=True, slots=True)
class EmojiSpec:
    """An emoji that shows one ImageNet class.

    Attributes:
        wnid: The class.
        index: Its class index.
        class_name: Its display name.
        emoji: Unicode code points, such as "U+1F43B U+200D U+2744".
        emoji_name: Short name, CLDR's in kebab case; unique in the table.
        why: Why the match is exact.
        also: Other class indices that are right for every drawing of it.
    """

    wnid: str
    index: int
    class_name: str
    emoji: str
    emoji_name: str
    why: str
    also: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ArtSpec:
    """One drawing: an emoji in one art set, and its name in the package."""

    emoji_name: str
    art_set: str
    icon: str


def load_art_sets() -> tuple[ArtSetSpec, ...]:
    """The art sets of `mini/renditions`, in the order their images take within a class."""
    text = (files(_DATA) / "renditions_art_sets.toml").read_text(encoding="utf-8")
    return ArtSetList.model_validate(tomllib.loads(text)).art_sets


def load_emoji() -> tuple[EmojiSpec, ...]:
    """The hand-checked map, by class index."""
    return tuple(
        EmojiSpec(
            wnid=row["wnid"],
            index=int(row["index"]),
            class_name=row["class_name"],
            emoji=row["emoji"],
            emoji_name=row["emoji_name"],
            why=row["why"],
            also=tuple(int(index) for index in row["also"].split()),
        )
        for row in _read_table("renditions.csv")
    )


def load_art() -> tuple[ArtSpec, ...]:
    """Every drawing of the split, in row order: by class, then emoji, then art set."""
    return tuple(
        ArtSpec(row["emoji_name"], row["art_set"], row["icon"]) for row in _read_table("renditions_art.csv")
    )


def load_licenses_text() -> str:
    """The licence text of the art, with fields `entries`, `art_px` and `canvas_px` to fill."""
    return (files(_DATA) / "renditions_licenses.txt").read_text(encoding="utf-8")


def fetch_package(art_set: ArtSetSpec, folder: Path) -> Path:
    """Path of the art set's tarball in `folder`, fetched by `npm pack` if it is missing.

    Raises:
        FetchError: npm is missing or could not fetch.
        DataError: The tarball is not the pinned one.
    """
    path = folder / art_set.tarball_name
    if not path.exists():
        _run_npm_pack(art_set, folder)
    validate_integrity(path, art_set.integrity)
    return path


def validate_integrity(path: Path, integrity: str) -> None:
    """Check a file against npm's integrity string.

    Raises:
        DataError: It is another file.
    """
    # A registry or a mirror can serve another file under the same version; the pinned hash detects it.
    found = "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    if found != integrity:
        raise DataError(
            f"'{path}' is not the pinned package: expected {integrity}, found {found}. Delete it."
        )


def load_icons(tarball: Path, art_set: ArtSetSpec, names: Iterable[str]) -> dict[str, bytes]:
    """Drawings by icon name: an SVG document each, or an encoded raster.

    Raises:
        DataError: The package lacks one of the names.
    """
    with tarfile.open(tarball) as archive:
        if art_set.format == "svg":
            icon_set = json.loads(_read_member(archive, "package/icons.json", art_set))
            return {name: make_svg(icon_set, name, art_set).encode() for name in names}
        return {name: _read_member(archive, f"package/assets/{name}.webp", art_set) for name in names}


def make_svg(icon_set: dict[str, Any], name: str, art_set: ArtSetSpec) -> str:
    """A whole SVG document from an Iconify icon, whose body comes without its frame.

    Glyphs in `currentColor` come out black.

    Raises:
        DataError: There is no such icon.

    Example:
        >>> art_set = load_art_sets()[0]
        >>> icon_set = {"width": 32, "height": 32, "icons": {"dot": {"body": '<circle r="4"/>'}}}
        >>> 'viewBox="0 0 32 32"' in make_svg(icon_set, "dot", art_set)
        True
    """
    if name not in icon_set["icons"]:
        raise DataError(f"{art_set.source} has no icon '{name}'.")
    # Source: the defaults of Iconify's JSON format; the set overrides them, and the icon the set.
    frame = {"left": 0, "top": 0, "width": 16, "height": 16, **icon_set, **icon_set["icons"][name]}
    box = f"{frame['left']} {frame['top']} {frame['width']} {frame['height']}"
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    size = f'width="{frame["width"]}" height="{frame["height"]}"'
    return f'<svg {names} viewBox="{box}" {size} color="#000">{frame["body"]}</svg>'


def _read_member(archive: tarfile.TarFile, name: str, art_set: ArtSetSpec) -> bytes:
    try:
        member = archive.extractfile(name)
    except KeyError as error:
        raise DataError(f"{art_set.source} has no file '{name}'.") from error
    if member is None:
        raise DataError(f"'{name}' of {art_set.source} is not a plain file.")
    return member.read()


def _run_npm_pack(art_set: ArtSetSpec, folder: Path) -> None:
    npm = shutil.which("npm")
    hint = (
        f"Install Node.js, or put {art_set.tarball_name} in '{folder}' yourself (npm pack {art_set.source})."
    )
    if npm is None:
        raise FetchError(f"npm is needed to fetch {art_set.source}, and is not installed. {hint}")
    folder.mkdir(parents=True, exist_ok=True)
    # `npm pack` downloads and runs nothing, unlike `npm install`.
    command = [npm, "pack", art_set.source, "--silent", "--pack-destination", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_FETCH_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise FetchError(f"npm could not fetch {art_set.source} in {_FETCH_SECONDS} s. {hint}") from error
    except subprocess.CalledProcessError as error:
        raise FetchError(
            f"npm could not fetch {art_set.source}: {error.stderr.strip()[-300:]} {hint}"
        ) from error


def _read_table(name: str) -> Iterator[dict[str, str]]:
    text = (files(_DATA) / name).read_text(encoding="utf-8")
    yield from csv.DictReader(text.splitlines())
