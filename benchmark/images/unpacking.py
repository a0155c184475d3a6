"""A compressed tar, unpacked once: members of a `.tar.gz` cannot be read in place."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.file_stamps import FileStamp, is_unchanged, make_stamp
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.images.whole_files import find_stand_in
from imagenet_g.benchmark.storage import replace_file, write_text

_COPY_BYTES = 1 << 20
# Images are compressed already. gzip itself shrinks zeros to a thousandth, so that a small download could
# fill a disk.
_MAX_RATIO, _ALWAYS_BYTES = 50, 1 << 30


def unpack_gzip(path: Path, *, cache: Path | None) -> Path:
    """The tar inside a `.tar.gz`, kept in the cache under the hash of the archive.

    Raises:
        InputError: There is no cache to put it in.
        DataError: The archive is damaged, or unpacks to far more than images could.
        StorageError: The cache cannot be written.
    """
    if cache is None:
        raise InputError(f"'{path}' is compressed and must be unpacked once; give a folder with --cache.")
    # Named by content: a renamed archive is not unpacked again, and another one at the same path is.
    name = hash_file(path)
    target, record = cache.resolve() / "archives" / f"{name}.tar", cache / "unpacked" / f"{name}.json"
    # The split's hash is that of the archive. A kept tar that was changed since would be read under it.
    if _is_whole(target, record):
        return target
    limit = max(_ALWAYS_BYTES, _MAX_RATIO * path.stat().st_size)
    with replace_file(target) as temporary, temporary.open("wb") as sink:
        for piece in _read_gzip(path):
            if sink.tell() + len(piece) > limit:
                raise DataError(_format_bomb(path, limit))
            sink.write(piece)
    write_text(record, make_stamp(target).model_dump_json() + "\n")
    return target


def _format_bomb(path: Path, limit: int) -> str:
    return (
        f"'{path}' has {path.stat().st_size:,} bytes and unpacks to more than {limit:,}, which no archive of "
        "images does. If it is what you expect, unpack it yourself and give the folder."
    )


def _is_whole(target: Path, record: Path) -> bool:
    try:
        stamp = FileStamp.model_validate_json(record.read_bytes())
    except (OSError, ValidationError):
        return False
    return stamp.path == str(target) and is_unchanged(stamp)


def _read_gzip(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path) as stream:
            while piece := stream.read(_COPY_BYTES):
                yield piece
    except (OSError, EOFError, zlib.error) as error:
        problem = find_stand_in(path) or error
        raise DataError(f"'{path}' is not a whole gzip file: {problem}") from error
