"""Images inside tar and zip files, read in place.

Nothing is ever unpacked under a name from inside an archive: members are found once, and read by offset.
"""

from __future__ import annotations

import gzip
import itertools
import os
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.images.found import MAX_IMAGE_BYTES, is_hidden, is_image_name
from imagenet_g.benchmark.storage import replace_file

# A class is a number or a wnid; whatever is longer is no label and may be an attack.
_MAX_LABEL_BYTES = 64
_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """One file inside an archive.

    Attributes:
        name: Its path inside, as written there; never used as a path on disk.
        read: Gives its bytes.
    """

    name: str
    read: Callable[[], bytes]


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
        member = self._members[row]
        try:
            return member.read()
        # zipfile raises RuntimeError for an encrypted member and NotImplementedError for a compression that
        # this Python lacks.
        except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
            raise DataError(f"cannot be read from its archive: {error}") from error

    def read_column(self, name: str) -> Sequence[object]:
        """Always an error: an archive has no columns.

        Raises:
            DataError: Always.
        """
        raise DataError(f"There is no column '{name}': these images come from an archive.")


def list_tar(path: Path) -> list[Member]:
    """Regular files of an uncompressed tar, in its order; links and devices are left out.

    Raises:
        DataError: It is not a tar, or is damaged.
    """
    try:
        # "r:" and not "r": a compressed tar cannot be read in place.
        with tarfile.open(path, "r:") as archive:
            return [
                Member(info.name, _make_tar_read(path, info.offset_data, info.size))
                for info in archive
                # A link may name a file outside the archive, and a sparse member does not lie in one piece at
                # its offset.
                if info.isreg() and not info.issparse()
            ]
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise DataError(f"'{path}' is not a whole tar file: {error}") from error


def list_zip(path: Path) -> list[Member]:
    """Files of a zip, in its order.

    Raises:
        DataError: It is not a zip, or is damaged.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DataError(f"'{path}' is not a whole zip file: {error}") from error
    # Python does not promise that one ZipFile may be read from several threads.
    lock = threading.Lock()
    return [
        Member(info.filename, _make_zip_read(archive, info, lock))
        for info in archive.infolist()
        if not info.is_dir()
    ]


def unpack_gzip(path: Path, *, cache: Path | None) -> Path:
    """The tar inside a `.tar.gz`, kept in the cache under the hash of the archive.

    Raises:
        InputError: There is no cache to put it in.
        DataError: The archive is damaged.
        StorageError: The cache cannot be written.
    """
    if cache is None:
        raise InputError(f"'{path}' is compressed and must be unpacked once; give a folder with --cache.")
    # Named by content: a renamed archive is not unpacked again, and another one at the same path is.
    target = cache / "archives" / f"{hash_file(path)}.tar"
    if target.exists():
        return target
    with replace_file(target) as temporary, temporary.open("wb") as sink:
        for piece in _read_gzip(path):
            sink.write(piece)
    return target


def choose_class_members(members: Sequence[Member]) -> list[tuple[str, str, Member]]:
    """Images of an archive laid out as `.../<class>/<image>`: image id, class, member, in order of the id.

    Raises:
        DataError: One image comes twice.

    Example:
        >>> names = ["set/n01440764/b.JPEG", "set/n01440764/a.JPEG", "__MACOSX/n01440764/a.JPEG"]
        >>> chosen = choose_class_members([Member(name, bytes) for name in names])
        >>> [(image_id, label) for image_id, label, _ in chosen]
        [('n01440764/a.JPEG', 'n01440764'), ('n01440764/b.JPEG', 'n01440764')]
    """
    chosen = []
    for member in members:
        # Only the last two parts count: archives are packed below any number of further folders.
        parts = [part for part in member.name.split("/") if part not in ("", ".")]
        if len(parts) >= 2 and is_image_name(parts[-1]) and not any(map(is_hidden, parts)):
            chosen.append((f"{parts[-2]}/{parts[-1]}", parts[-2], member))
    return _sort_unique(chosen)


def choose_sample_members(members: Sequence[Member]) -> list[tuple[str, str, Member]]:
    """Images of webdataset tars: `<key>.jpg` with its class in `<key>.cls`; id, class text, member.

    Raises:
        DataError: An image has no class, a class file is too long, or one image comes twice.

    Example:
        >>> members = [Member("0.jpg", lambda: b"..."), Member("0.cls", lambda: b"207")]
        >>> [(key, label) for key, label, _ in choose_sample_members(members)]
        [('0', '207')]
    """
    classes = {member.name.removesuffix(".cls"): member for member in members if member.name.endswith(".cls")}
    chosen = []
    for member in members:
        if not is_image_name(member.name.rsplit("/", 1)[-1]):
            continue
        key = member.name.rsplit(".", 1)[0]
        if key not in classes:
            raise DataError(f"Image '{member.name}' has no class file '{key}.cls' beside it.")
        chosen.append((key, _read_class(classes[key]), member))
    return _sort_unique(chosen)


def _sort_unique(chosen: list[tuple[str, str, Member]]) -> list[tuple[str, str, Member]]:
    # Rows follow the ids and not the archive: the same images packed in another order are the same rows.
    chosen.sort(key=lambda item: item[0])
    for first, second in itertools.pairwise(chosen):
        if first[0] == second[0]:
            raise DataError(f"Image '{first[0]}' comes twice.")
    return chosen


def _read_class(member: Member) -> str:
    try:
        data = member.read()
        if len(data) > _MAX_LABEL_BYTES:
            raise DataError(f"Class file '{member.name}' has {len(data)} bytes; a number was expected.")
        return data.decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"Class file '{member.name}' cannot be read: {error}") from error


def _make_tar_read(path: Path, offset: int, size: int) -> Callable[[], bytes]:
    def read() -> bytes:
        # The size is what the archive claims; it is checked before any memory is taken.
        if size > MAX_IMAGE_BYTES:
            raise OSError(f"{size} bytes are more than {MAX_IMAGE_BYTES}")
        # Opened anew for each image: threads that share a file would move each other's position.
        with path.open("rb") as stream:
            stream.seek(offset, os.SEEK_SET)
            data = stream.read(size)
        if len(data) != size:
            raise OSError(f"the archive ends after {len(data)} of {size} bytes")
        return data

    return read


def _make_zip_read(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, lock: threading.Lock
) -> Callable[[], bytes]:
    def read() -> bytes:
        if info.file_size > MAX_IMAGE_BYTES:
            raise OSError(f"{info.file_size} bytes are more than {MAX_IMAGE_BYTES}")
        # Up to the claimed size: `archive.read` unpacks a member whole first, however large it really is.
        with lock, archive.open(info) as stream:
            return stream.read(info.file_size)

    return read


def _read_gzip(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path) as stream:
            while piece := stream.read(_COPY_BYTES):
                yield piece
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"'{path}' is not a whole gzip file: {error}") from error
