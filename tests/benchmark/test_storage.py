"""Files that are either whole or absent."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imagenet_g.benchmark.errors import StorageError
from imagenet_g.benchmark.storage import (
    name_temporary,
    replace_file,
    translate_storage_errors,
    write_bytes,
    write_text,
)


def test_text_is_written_as_utf8_with_its_folders(tmp_path: Path) -> None:
    """No folder needs to be there."""
    write_text(tmp_path / "a" / "b.txt", "é\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"\xc3\xa9\n"


def test_nothing_but_the_file_is_left(tmp_path: Path) -> None:
    """No temporary."""
    write_bytes(tmp_path / "f", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_failure_leaves_the_old_file_whole(tmp_path: Path) -> None:
    """And no half of the new one."""
    write_bytes(tmp_path / "f", b"old")
    with pytest.raises(ZeroDivisionError), replace_file(tmp_path / "f") as temporary:
        temporary.write_bytes(b"half")
        raise ZeroDivisionError
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("f", b"old")]


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    """Until the end the old file stands."""
    write_bytes(tmp_path / "f", b"old")
    with replace_file(tmp_path / "f") as temporary:
        temporary.write_bytes(b"new")
        assert (tmp_path / "f").read_bytes() == b"old"
    assert (tmp_path / "f").read_bytes() == b"new"


def test_a_file_where_a_folder_is_needed_is_a_storage_error(tmp_path: Path) -> None:
    """With a word on what to do."""
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(StorageError, match=r"a file stands where a folder is needed.*--out"):
        write_bytes(tmp_path / "f" / "g", b"x")


def test_threads_that_make_one_file_at_a_time_all_succeed(tmp_path: Path) -> None:
    """Each has the whole of it, and nothing else stays."""
    together = threading.Barrier(4)

    def write(letter: bytes) -> None:
        with replace_file(tmp_path / "f") as temporary:
            temporary.write_bytes(letter * 9)
            together.wait()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, (b"a", b"b", b"c", b"d")))
    assert (tmp_path / "f").read_bytes() in {letter * 9 for letter in (b"a", b"b", b"c", b"d")}
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def find_ended_process() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_a_killed_run_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    """Files and folders of processes that have ended; not those of one that runs, or of another machine."""
    name = name_temporary(tmp_path / "f").name
    ended = name.replace(f"-{os.getpid()}-", f"-{find_ended_process()}-")
    running = name.replace(f"-{os.getpid()}-", f"-{os.getppid()}-")
    machine = name.split(".")[1].partition("-")[0]
    elsewhere = ended.replace(machine, "0" * 6)
    for one in (ended, running, elsewhere, "notes.tmp"):
        (tmp_path / one).write_bytes(b"half")
    (tmp_path / f".{ended}" / "release").mkdir(parents=True)
    write_bytes(tmp_path / "g", b"new")
    assert {path.name for path in tmp_path.iterdir()} == {running, elsewhere, "notes.tmp", "g"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_a_storage_error(tmp_path: Path) -> None:
    """For a person without the right to write."""
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="No permission"):
        write_bytes(tmp_path / "f", b"x")


def test_a_closed_pipe_is_no_storage_error(tmp_path: Path) -> None:
    """Training that prints into `head` ends as every command does, with nothing said of a file."""
    with pytest.raises(BrokenPipeError), translate_storage_errors(tmp_path):
        raise BrokenPipeError


def test_a_full_disk_is_a_storage_error() -> None:
    """A real one: /dev/full takes nothing."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    path = Path("/dev/full")
    with pytest.raises(StorageError, match="No space left"), translate_storage_errors(path):
        path.write_bytes(b"x")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "No permission"),
        (errno.EROFS, "No permission"),
        (errno.EDQUOT, "No space left"),
        (errno.EIO, "Cannot write"),
    ],
)
def test_every_refusal_names_the_file(number: int, words: str) -> None:
    """Whatever the system's reason."""
    with pytest.raises(StorageError, match=f"{words}.*'out/f'"), translate_storage_errors(Path("out/f")):
        raise OSError(number, os.strerror(number))
