"""Whether a file is still the one that was read, without reading it again."""

from __future__ import annotations

from pathlib import Path

from imagenet_g.benchmark.records import FileModel


class FileStamp(FileModel):
    """A file as it was: all alike means unchanged."""

    path: str
    num_bytes: int
    modified_ns: int
    changed_ns: int
    """When the system last changed the entry; no copying tool sets it back, as `cp -p` does the one above."""
    inode: int
    """Number of the file on its disk: another file moved to this path has another one."""


def make_stamp(path: Path) -> FileStamp:
    """How a file looks now.

    Raises:
        OSError: There is no such file.
    """
    status = path.stat()
    return FileStamp(
        path=str(path),
        num_bytes=status.st_size,
        modified_ns=status.st_mtime_ns,
        changed_ns=status.st_ctime_ns,
        inode=status.st_ino,
    )


def is_unchanged(stamp: FileStamp) -> bool:
    """Whether a file still looks as it did; False where it is gone."""
    try:
        return make_stamp(Path(stamp.path)) == stamp
    except OSError:
        return False
