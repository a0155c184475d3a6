"""Whether a file is still the one that was read, without reading it again."""

from __future__ import annotations

import os
import time
from pathlib import Path

from imagenet_g.benchmark.records import FileModel

# Kernels stamp files by a clock that moves every 1 to 10 ms.
_CLOCK_TICK_NS = 20_000_000


class FileStamp(FileModel):
    """A file as it was: all alike means unchanged."""

    path: str
    num_bytes: int
    modified_ns: int
    changed_ns: int
    """When the system last changed the entry; `cp -p` sets the modification time back and not this one."""
    inode: int
    """Number of the file on its disk: another file moved to this path has another one."""


def make_stamp(path: Path) -> FileStamp:
    """How a file looks now.

    Raises:
        OSError: There is no such file.
    """
    status = read_settled_status(path)
    return FileStamp(
        path=str(path),
        num_bytes=status.st_size,
        modified_ns=status.st_mtime_ns,
        changed_ns=status.st_ctime_ns,
        inode=status.st_ino,
    )


def read_settled_status(path: Path) -> os.stat_result:
    """A file's size, times and number, at a moment after which every further write changes them.

    Take it before the file is read: a file written within one tick of the clock keeps its times through a
    second write of the same length.

    Raises:
        OSError: There is no such file.
    """
    status = path.stat()
    # Only for a file written just now; one dated in the future, by the clock of a server, is not waited for.
    if 0 <= (age := time.time_ns() - status.st_ctime_ns) < _CLOCK_TICK_NS:
        time.sleep((_CLOCK_TICK_NS - age) / 1e9)
        return path.stat()
    return status


def is_unchanged(stamp: FileStamp) -> bool:
    """Whether a file still looks as it did; False where it is gone."""
    try:
        return make_stamp(Path(stamp.path)) == stamp
    except OSError:
        return False


def read_content_signs(status: os.stat_result) -> tuple[int, int, int]:
    """What shows, between two looks in one run, that a file holds other bytes: size, time of writing, number.

    Without the change time: a new link to the file, as a backup makes, moves it and no byte.
    """
    return status.st_size, status.st_mtime_ns, status.st_ino
