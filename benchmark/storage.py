"""Files that are either whole or absent.

Every file is written under a temporary name in its own folder and then renamed, so that a reader never sees
half of one and a killed run leaves at most a `.tmp` behind, which the next run on that machine removes.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from imagenet_g.benchmark.errors import StorageError

_TEMPORARY = re.compile(r".+\.(?P<machine>[0-9a-f]{6})-(?P<process>[1-9][0-9]{0,9})-[1-9][0-9]*\.tmp")
_CLEARED: set[Path] = set()
"""Folders that this process has cleared."""


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; on success it becomes `path`, on failure it is removed.

    Raises:
        StorageError: The disk is full, or the folder cannot be written.
    """
    temporary = name_temporary(path)
    with translate_storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear_once(path.parent)
        try:
            yield temporary
            temporary.replace(path)
        finally:
            # Where its folder is gone there is nothing to remove, and the first error must be reported.
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def name_temporary(path: Path) -> Path:
    """Where this thread writes what is to become `path`."""
    # A rename is atomic only within one file system, so the temporary lies beside its target and not in /tmp.
    # With the thread in it: two that make one file at a time would take the half of it from each other.
    return path.with_name(f"{path.name}.{name_machine()}-{os.getpid()}-{threading.get_native_id()}.tmp")


def clear_leftovers(folder: Path) -> None:
    """Remove what processes of this machine began in a folder and did not finish before they were killed.

    What belongs to a process that runs, or to another machine, is left.
    """
    # What cannot be listed or removed costs space and nothing else.
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _TEMPORARY.fullmatch(entry.name)
            if match is None or match["machine"] != name_machine() or is_process_here(int(match["process"])):
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                Path(entry.path).unlink(missing_ok=True)


def sweep_leftovers(root: Path, *, everybodys: bool) -> None:
    """Remove what killed processes began and did not finish, in a folder and all below it.

    Args:
        root: The folder.
        everybodys: Whether no other process works there: then what other machines left is removed as well,
            whose processes cannot be asked.
    """
    for folder, _, names in os.walk(root):
        clear_leftovers(Path(folder))
        for name in names if everybodys else ():
            match = _TEMPORARY.fullmatch(name)
            if match is not None and match["machine"] != name_machine():
                with suppress(OSError):
                    (Path(folder) / name).unlink(missing_ok=True)


def _clear_once(folder: Path) -> None:
    """Clear a folder when this process first writes to it; listing it for each file would take long."""
    place = folder.absolute()
    if place not in _CLEARED:
        _CLEARED.add(place)
        clear_leftovers(place)


@cache
def name_machine() -> str:
    """Six hexadecimal digits that stand for this machine, or for one container of it."""
    # Jobs of an array share folders, and on two machines two processes may have one number. So may those of
    # two containers, which may share a machine's name.
    processes = Path("/proc/self/ns/pid")
    space = processes.readlink() if processes.is_symlink() else ""
    return hashlib.sha256(f"{platform.node()}{space}".encode()).hexdigest()[:6]


def is_process_here(process: int) -> bool:
    """Whether a process of this number runs on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes to `path` in one step.

    Raises:
        StorageError: As `replace_file`.
    """
    with replace_file(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8 to `path` in one step.

    Raises:
        StorageError: As `replace_file`.
    """
    write_bytes(path, text.encode())


def validate_writable(folder: Path) -> None:
    """Check, before hours of work, that files can be written below a folder; creates nothing.

    Raises:
        StorageError: They cannot.
    """
    # The folder itself is made later; whether that will work is decided by the nearest folder that exists.
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    with translate_storage_errors(folder):
        if not existing.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "not a folder", str(existing))
        # X_OK as well: a folder that may be written but not entered takes no new file.
        if not os.access(existing, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "no permission", str(existing))


@contextmanager
def translate_storage_errors(path: Path) -> Iterator[None]:
    """Turn system errors from writing `path` into a StorageError with the next step.

    Raises:
        StorageError: Instead of the OSError.
    """
    try:
        yield
    except BrokenPipeError:
        # Not of a file: whoever read what is printed has closed the pipe, as `head` does.
        raise
    except OSError as error:
        raise StorageError(_format_storage_error(path, error)) from error


def _format_storage_error(path: Path, error: OSError) -> str:
    # EDQUOT: shared homes report it when the user's own share is used up while the disk is not.
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"No space left to write '{path}'. Free some, or choose another place with --out or --cache."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"No permission to write '{path}'. Choose another place with --out or --cache."
    # mkdir reports EEXIST where a file has the folder's name, and ENOTDIR where one has a parent's name.
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return (
            f"Cannot write '{path}': a file stands where a folder is needed. Choose another place with --out."
        )
    return f"Cannot write '{path}': {error.strerror or error}."
