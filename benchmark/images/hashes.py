"""Hashes of many files, remembered, so that a set of 50,000 images is read whole only once.

A remembered hash counts only while the file's size, times and number on the disk are what they were.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from imagenet_g.benchmark.environment import choose_workers
from imagenet_g.benchmark.errors import DataError, StorageError
from imagenet_g.benchmark.file_stamps import read_settled_status
from imagenet_g.benchmark.identity import hash_bytes, hash_file
from imagenet_g.benchmark.records import FileModel, Sha256
from imagenet_g.benchmark.storage import write_text

ProgressCallback = Callable[[int, int], None]
"""Called with the number of files done and the number of all files."""
Entry = tuple[int, int, int, int, str]
_PROGRESS_EVERY = 256


class HashMemo(FileModel):
    """What is remembered about the files of one folder."""

    schema_version: Literal[2] = 2
    root: str
    files: dict[str, tuple[int, int, int, int, Sha256]]
    """Size in bytes, modification and change time in ns, inode, hash; by name relative to the root."""


def hash_files(
    root: Path, names: Sequence[str], *, cache: Path | None, progress: ProgressCallback | None = None
) -> tuple[str, ...]:
    """sha256 of each of `root/name`, from memory where the file has not changed since.

    Args:
        root: Folder the names are relative to.
        names: File names with forward slashes.
        cache: Where hashes are remembered; None remembers nothing.
        progress: Called now and then with the number of files hashed and of all files.

    Raises:
        DataError: A file is missing or cannot be read.
    """
    memo_path = None if cache is None else make_memo_path(cache, root)
    known = {} if memo_path is None else _load_memo(memo_path)
    found = {name: entry for name in names if (entry := _recall(root, name, known)) is not None}
    missing = [name for name in names if name not in found]
    try:
        for name, entry in _hash_many(root, missing):
            found[name] = entry
            if progress is not None and len(found) % _PROGRESS_EVERY == 0:
                progress(len(found), len(names))
    finally:
        # Also after Ctrl-C: hashing 50,000 files takes minutes, and what is done is done.
        if memo_path is not None and missing:
            # With the old entries: a listing of one part of a folder must not forget the rest.
            _write_memo(memo_path, root, known | found)
    if progress is not None:
        progress(len(names), len(names))
    return tuple(found[name][-1] for name in names)


def make_memo_path(cache: Path, root: Path) -> Path:
    """The file that remembers the hashes of one folder."""
    # Resolved: the same folder named through a link or relatively shares one memo.
    return cache / "hashes" / f"{hash_bytes(str(root.resolve()).encode())[:16]}.json"


def _hash_many(root: Path, names: Sequence[str]) -> Iterator[tuple[str, Entry]]:
    # Threads are enough: hashlib releases the interpreter's lock while it hashes.
    with ThreadPoolExecutor(choose_workers()) as pool:
        futures = [(name, pool.submit(_hash_one, root, name)) for name in names]
        try:
            for name, future in futures:
                yield name, future.result()
        finally:
            # Without this, Ctrl-C would wait for every file in the queue.
            pool.shutdown(wait=False, cancel_futures=True)


def _recall(root: Path, name: str, known: dict[str, Entry]) -> Entry | None:
    if (entry := known.get(name)) is None:
        return None
    with contextlib.suppress(OSError):
        return entry if entry[:-1] == _stamp((root / name).stat()) else None
    return None


def _hash_one(root: Path, name: str) -> Entry:
    path = root / name
    try:
        # Stamped before reading: a file that changes meanwhile is hashed again next time.
        status = read_settled_status(path)
        # Reading a pipe that nobody writes to would wait for ever.
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"'{path}' is a pipe or a device and no file of an image; take it out.")
        stamp = _stamp(status)
        return (*stamp, hash_file(path))
    except OSError as error:
        raise DataError(
            f"'{path}' cannot be read: {error.strerror or error}.{_explain_link(path)}"
        ) from error


def _explain_link(path: Path) -> str:
    """What to do about a link to nothing; empty for any other file."""
    if not path.is_symlink() or path.exists():
        return ""
    return (
        f" It is a link to '{path.readlink()}', which is not there: restore that file, or take the link out."
    )


def _stamp(status: os.stat_result) -> tuple[int, int, int, int]:
    # The change time also moves when a program sets the modification time back, and a folder that is moved
    # here brings files of other numbers.
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _load_memo(path: Path) -> dict[str, Entry]:
    try:
        return HashMemo.model_validate_json(path.read_bytes()).files
    except (OSError, ValidationError):
        return {}


def _write_memo(path: Path, root: Path, entries: dict[str, Entry]) -> None:
    # A cache that cannot be written costs time on the next run and nothing else.
    with contextlib.suppress(StorageError):
        write_text(path, HashMemo(root=str(root.resolve()), files=entries).model_dump_json())
