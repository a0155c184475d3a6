"""Files of a source as members, of a folder as of an archive; nothing is ever unpacked under its name."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.images.archives import Member, list_tar, list_zip
from imagenet_g.benchmark.images.file_names import is_hidden
from imagenet_g.benchmark.images.found import MAX_IMAGE_BYTES
from imagenet_g.benchmark.images.unpacking import unpack_gzip

TAR_SUFFIXES = (".tar",)
GZIP_SUFFIXES = (".tar.gz", ".tgz")
ARCHIVE_SUFFIXES = (*TAR_SUFFIXES, *GZIP_SUFFIXES, ".zip")
_MAX_DEPTH = 32


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """Files below a folder.

    Attributes:
        members: Their names are relative to the folder, with forward slashes.
        folders: Every folder below it, empty ones too.
    """

    members: list[Member]
    folders: list[str]


def list_folder(root: Path) -> FolderFiles:
    """Files below a folder, hidden ones left out; links to files and folders are followed.

    Raises:
        InputError: There is no such folder, it cannot be read, links lead in a circle, or a name is not
            UTF-8.
    """
    if not root.is_dir():
        raise InputError(f"There is no folder '{root}'." if not root.exists() else f"'{root}' is no folder.")
    folders: list[str] = []
    members = list(_walk(root, "", (), folders))
    return FolderFiles(sorted(members, key=lambda one: one.name), sorted(folders))


def list_archive(path: Path, *, cache: Path | None) -> list[Member]:
    """Files of a tar, tar.gz or zip, under the names that they have inside.

    Raises:
        DataError: It is damaged.
        InputError: It is compressed and there is no cache.
    """
    lower = path.name.lower()
    if lower.endswith(".zip"):
        return list_zip(path)
    if lower.endswith(GZIP_SUFFIXES):
        return list_tar(unpack_gzip(path, cache=cache), source=path)
    return list_tar(path)


def put_into_folders(members: Iterable[Member], folder: str) -> Iterator[Member]:
    """Files of an archive, those that lie in no folder in one of a name.

    ILSVRC's own training set is one tar a class, named by the wnid.

    Example:
        >>> from imagenet_g.benchmark.images.archives import make_member
        >>> [one.name for one in put_into_folders([make_member("a.png", b""), make_member("x/b", b"")], "t")]
        ['t/a.png', 'x/b']
    """
    for one in members:
        inside = len(split_path(one.name)) > 1
        yield one if inside else Member(f"{folder}/{one.name}", one.num_bytes, one.read)


def strip_suffix(name: str) -> str:
    """A file's name without the ending of an archive.

    Example:
        >>> strip_suffix("n01440764.tar"), strip_suffix("val.TAR.gz"), strip_suffix("a.b")
        ('n01440764', 'val', 'a.b')
    """
    ending = next((suffix for suffix in ARCHIVE_SUFFIXES if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(ending)]


def split_path(name: str) -> list[str]:
    """The parts of a name inside a source, without empty ones and ".".

    Example:
        >>> split_path("./set//n01440764/a.png")
        ['set', 'n01440764', 'a.png']
    """
    return [part for part in name.split("/") if part not in ("", ".")]


def keep_inside(members: Sequence[Member], inside: str) -> list[Member]:
    """Files below a folder of the source, their names relative to it.

    Raises:
        InputError: No file lies there.
    """
    prefix = "/".join(split_path(inside)) + "/"
    if prefix == "/":
        return list(members)
    named = [("/".join(split_path(one.name)), one) for one in members]
    found = [
        Member(name[len(prefix) :], one.num_bytes, one.read) for name, one in named if name.startswith(prefix)
    ]
    if not found:
        tops = sorted({name.split("/")[0] for name, _ in named})[:8]
        raise InputError(f"There is nothing in '{inside}' of the source. It has: {', '.join(tops)}.")
    return found


def _walk(folder: Path, prefix: str, above: tuple[str, ...], folders: list[str]) -> Iterator[Member]:
    # A link to a folder above would be walked without end, under names that grow.
    real = os.path.realpath(folder)
    if real in above or len(above) >= _MAX_DEPTH:
        raise InputError(f"'{folder}' is a link back to a folder around it, or lies too deep; take it out.")
    try:
        with os.scandir(folder) as entries:
            listed = sorted((one for one in entries if not is_hidden(one.name)), key=lambda one: one.name)
    except OSError as error:
        raise InputError(f"Folder '{folder}' cannot be read: {error.strerror or error}.") from error
    if prefix:
        folders.append(prefix)
    for entry in listed:
        name = f"{prefix}/{entry.name}" if prefix else entry.name
        _require_utf8(name, folder)
        if entry.is_dir():
            yield from _walk(folder / entry.name, name, (*above, real), folders)
        else:
            yield Member(name, 0, partial(_read_file, folder / entry.name))


def _require_utf8(name: str, folder: Path) -> None:
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"A file name in '{folder}' is not UTF-8: {name!r}. Rename it.") from error


def _read_file(path: Path, limit: int | None = None) -> bytes:
    try:
        status = path.stat()
        # Reading a pipe that nobody writes to would wait for ever.
        if not stat.S_ISREG(status.st_mode):
            raise DataError("a pipe or a device and no file of an image")
        if limit is None and status.st_size > MAX_IMAGE_BYTES:
            raise DataError(f"{status.st_size} bytes are more than {MAX_IMAGE_BYTES}")
        with path.open("rb") as stream:
            return stream.read(MAX_IMAGE_BYTES if limit is None else limit)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}") from error
