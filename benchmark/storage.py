"""Files that are either whole or absent.

Every file is written under a temporary name in its own folder and then renamed, so that a reader never sees
half of one and a killed run leaves at most a `.tmp` behind.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from imagenet_g.benchmark.errors import StorageError


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; on success it becomes `path`, on failure it is removed.

    Raises:
        StorageError: The disk is full, or the folder cannot be written.
    """
    temporary = name_temporary(path)
    with translate_storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(path)
        finally:
            # Where its folder is gone there is nothing to remove, and the first error must be reported.
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def name_temporary(path: Path) -> Path:
    """Where this process writes what is to become `path`."""
    # Jobs of an array share folders, and on two machines two processes may have one number.
    machine = hashlib.sha256(platform.node().encode()).hexdigest()[:6]
    # A rename is atomic only within one file system, so the temporary lies beside its target and not in /tmp.
    return path.with_name(f"{path.name}.{machine}-{os.getpid()}.tmp")


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
