"""Images inside tar and zip files, read in place.

Nothing is ever unpacked under a name from inside an archive: members are found once, and read by offset.
"""

from __future__ import annotations

import itertools
import lzma
import os
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.file_stamps import read_content_signs
from imagenet_g.benchmark.images.file_names import OtherFiles, find_left_out_kind, is_hidden
from imagenet_g.benchmark.images.found import MAX_IMAGE_BYTES
from imagenet_g.benchmark.images.kinds import HEAD_BYTES
from imagenet_g.benchmark.images.whole_files import find_stand_in, validate_tar_end
from imagenet_g.benchmark.images.zip_members import read_zip_member

# A class is a number or a wnid; whatever is longer is no label and may be an attack.
_MAX_LABEL_BYTES = 64


# zipfile raises RuntimeError for an encrypted member and NotImplementedError for a compression that this
# Python lacks.
_READ_ERRORS = (
    OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError,
)  # fmt: skip


class ReadBytes(Protocol):
    """Reads a member of an archive."""

    def __call__(self, limit: int | None = None) -> bytes:
        """Its bytes, or the first `limit` of them."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file inside an archive.

    Attributes:
        name: Its path inside, as written there; never used as a path on disk.
        num_bytes: Its size, as the archive claims.
        read: Gives its bytes.
    """

    name: str
    num_bytes: int
    read: ReadBytes


class ChosenMembers(NamedTuple):
    """The images of an archive.

    Attributes:
        images: Image id, class as text, and member, in order of the id.
        left_out: The other files beside them.
    """

    images: list[tuple[str, str, Member]]
    left_out: OtherFiles


class ArchiveImages:
    """Reads members by row.

    Args:
        members: In row order.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = tuple(members)

    def read_image(self, row: int) -> bytes:
        """Encoded bytes of one image.

        Raises:
            DataError: The archive cannot be read there.
        """
        return read_member(self._members[row], None)

    def read_column(self, name: str) -> Sequence[object]:
        """Always an error: an archive has no columns.

        Raises:
            DataError: Always.
        """
        raise DataError(f"There is no column '{name}': these images come from an archive.")


def list_tar(path: Path, *, source: Path | None = None) -> list[Member]:
    """Regular files of an uncompressed tar, in its order; links and devices are left out.

    Args:
        path: The tar.
        source: The archive it was unpacked from, which messages name; None for the tar itself.

    Raises:
        DataError: It is not a tar, or is damaged.
    """
    try:
        # "r:" and not "r": a compressed tar cannot be read in place.
        with tarfile.open(path, "r:") as archive:
            # Members are read by their place: in another archive of this name they would be other bytes.
            read = partial(_read_tar_member, path, read_content_signs(path.stat()))
            members = [
                Member(info.name, info.size, partial(read, info.offset_data, info.size))
                for info in archive
                # A link may name a file outside the archive, and a sparse member does not lie in one piece at
                # its offset.
                if info.isreg() and not info.issparse()
            ]
            validate_tar_end(path, archive.offset)
            return members
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        problem = find_stand_in(path) or error
        raise DataError(f"'{source or path}' is not a whole tar file: {problem}") from error


def list_zip(path: Path) -> list[Member]:
    """Files of a zip, in its order.

    Raises:
        DataError: It is not a zip, or is damaged.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        problem = find_stand_in(path) or error
        raise DataError(f"'{path}' is not a whole zip file: {problem}") from error
    # Python does not promise that one ZipFile may be read from several threads.
    lock = threading.Lock()
    return [
        Member(info.filename, info.file_size, partial(read_zip_member, archive, info, lock))
        for info in archive.infolist()
        if not info.is_dir()
    ]


def make_member(name: str, data: bytes) -> Member:
    """A member whose bytes are in memory."""
    return Member(name, len(data), lambda limit=None: data[:limit])


def choose_class_members(members: Sequence[Member]) -> ChosenMembers:
    r"""Images of an archive laid out as `.../<class>/<image>`.

    Raises:
        DataError: One image comes twice.

    Example:
        >>> names = ["set/n01440764/b.JPEG", "set/n01440764/a", "__MACOSX/n01440764/a.JPEG"]
        >>> chosen = choose_class_members([make_member(name, b"\xff\xd8\xff\xe0") for name in names])
        >>> [(image_id, label) for image_id, label, _ in chosen.images]
        [('n01440764/a', 'n01440764'), ('n01440764/b.JPEG', 'n01440764')]
    """
    chosen, left_out = [], []
    for member in members:
        # Only the last two parts count: archives are packed below any number of further folders.
        parts = [part for part in member.name.split("/") if part not in ("", ".")]
        # What a system adds as a folder of its own, or beside the class folders, is not among the images.
        if len(parts) < 2 or any(map(is_hidden, parts[:-1])):
            continue
        if kind := find_member_kind(parts[-1], member):
            left_out.append((kind, parts[-1]))
        else:
            chosen.append((f"{parts[-2]}/{parts[-1]}", parts[-2], member))
    return ChosenMembers(_sort_unique(chosen), OtherFiles.from_names(left_out))


def choose_sample_members(members: Sequence[Member]) -> ChosenMembers:
    r"""Images of webdataset tars: `<key>.jpg` with its class in `<key>.cls`.

    The key ends before the first dot of the file's name, as webdataset has it.

    Raises:
        DataError: An image has no class, a class has no image, a class file is too long, or one image comes
            twice.

    Example:
        >>> members = [make_member("a/0.seg.jpg", b"..."), make_member("a/0.cls", b"207")]
        >>> [(key, label) for key, label, _ in choose_sample_members(members).images]
        [('a/0', '207')]
    """
    parts = [(split_sample_name(member.name), member) for member in members]
    classes = {key: member for (key, ending), member in parts if ending == "cls"}
    chosen, left_out = [], []
    for (key, ending), member in parts:
        name = member.name.rsplit("/", 1)[-1]
        if ending == "cls":
            continue
        if kind := find_member_kind(name, member):
            left_out.append((kind, name))
        elif key not in classes:
            raise DataError(f"Image '{member.name}' has no class file '{key}.cls' beside it.")
        else:
            chosen.append((key, _read_class(classes[key]), member))
    # A sample whose image is left out by its name is counted there.
    if lost := sorted(classes.keys() - {key for (key, ending), _ in parts if ending != "cls"}):
        raise DataError(f"Class file '{classes[lost[0]].name}' has no image beside it.")
    return ChosenMembers(_sort_unique(chosen), OtherFiles.from_names(left_out))


def split_sample_name(name: str) -> tuple[str, str]:
    """Key and ending of a file in a webdataset tar: split at the first dot of its last part.

    Source: webdataset, tariterators.py, `base_plus_ext`; endings count in lower case.

    Example:
        >>> split_sample_name("v1.0/000.left.JPG"), split_sample_name("v1.0/README")
        (('v1.0/000', 'left.jpg'), ('v1.0/README', ''))
    """
    folder, slash, last = name.rpartition("/")
    key, _, ending = last.partition(".")
    return f"{folder}{slash}{key}", ending.lower()


def _sort_unique(chosen: list[tuple[str, str, Member]]) -> list[tuple[str, str, Member]]:
    # Rows follow the ids and not the archive: the same images packed in another order are the same rows.
    chosen.sort(key=lambda item: item[0])
    for first, second in itertools.pairwise(chosen):
        if first[0] == second[0]:
            raise DataError(f"Image '{first[0]}' comes twice: '{first[2].name}' and '{second[2].name}'.")
    return chosen


def _read_class(member: Member) -> str:
    # Before a byte is read: the member may be of any size, or unpack to one.
    if member.num_bytes > _MAX_LABEL_BYTES:
        raise DataError(f"Class file '{member.name}' has {member.num_bytes} bytes; a number was expected.")
    try:
        return read_member(member, None).decode("ascii").strip()
    except (UnicodeDecodeError, DataError) as error:
        raise DataError(f"Class file '{member.name}' cannot be read: {error}") from error


def find_member_kind(name: str, member: Member) -> str | None:
    """As what kind of file a member is left out; None for an image, and for what cannot be read."""
    try:
        return find_left_out_kind(name, partial(read_member, member, HEAD_BYTES))
    except DataError:
        # Taken for an image, so that it is counted among the unreadable ones and its reason is stated.
        return None


def read_member(member: Member, limit: int | None = None) -> bytes:
    """Bytes of a member, or the first `limit` of them.

    Raises:
        DataError: It cannot be read.
    """
    try:
        return member.read(limit)
    except _READ_ERRORS as error:
        raise DataError(f"cannot be read from its archive: {error}") from error


def _read_tar_member(
    path: Path, signs: tuple[int, int, int], offset: int, size: int, limit: int | None = None
) -> bytes:
    # The size is what the archive claims; it is checked before any memory is taken.
    if size > MAX_IMAGE_BYTES:
        raise OSError(f"{size} bytes are more than {MAX_IMAGE_BYTES}")
    wanted = size if limit is None else min(size, limit)
    # Opened anew for each image: threads that share a file would move each other's position.
    with path.open("rb") as stream:
        if read_content_signs(os.fstat(stream.fileno())) != signs:
            raise OSError("the archive has changed since it was listed")
        stream.seek(offset, os.SEEK_SET)
        data = stream.read(wanted)
    if len(data) != wanted:
        raise OSError(f"the archive ends after {len(data)} of {size} bytes")
    return data
