"""Hashes that are remembered, and only as long as they are true."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.identity import hash_bytes, hash_file
from imagenet_g.benchmark.images import hashes as file_hashes
from imagenet_g.benchmark.images.hashes import hash_files, make_memo_path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six hundred small files."""
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(600):
        (folder / f"{number:03d}").write_bytes(b"%d" % number)
    return folder


NAMES = [f"{number:03d}" for number in range(600)]


def test_hashes_come_in_the_order_of_names(root: Path) -> None:
    """Whatever thread was first."""
    expected = tuple(hash_bytes(b"%d" % number) for number in range(600))
    assert hash_files(root, NAMES, cache=None) == expected
    assert hash_files(root, NAMES[::-1], cache=None) == expected[::-1]


def test_the_second_time_no_file_is_read(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also from another process: memory is a file."""
    first = hash_files(root, NAMES, cache=tmp_path / "cache")
    monkeypatch.setattr(file_hashes, "hash_file", None)
    assert hash_files(root, NAMES, cache=tmp_path / "cache") == first


@pytest.mark.parametrize("keep_time", [True, False])
def test_a_changed_file_is_read_again(root: Path, tmp_path: Path, keep_time: bool) -> None:
    """Even of the same size, and with its time set back."""
    hash_files(root, NAMES, cache=tmp_path / "cache")
    before = (root / "007").stat()
    (root / "007").write_bytes(b"8")
    if keep_time:
        os.utime(root / "007", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert hash_files(root, NAMES, cache=tmp_path / "cache")[7] == hash_bytes(b"8")


@pytest.mark.parametrize(
    "text", ["", "{}", '{"schema_version": 2, "root": "x", "files": {"000": [1, 2, 3, 4, "z"]}}']
)
def test_a_damaged_memory_is_forgotten(root: Path, tmp_path: Path, text: str) -> None:
    """And made anew."""
    memo = make_memo_path(tmp_path / "cache", root)
    memo.parent.mkdir(parents=True)
    memo.write_text(text)
    assert hash_files(root, NAMES[:1], cache=tmp_path / "cache") == (hash_bytes(b"0"),)
    assert hash_bytes(b"0") in memo.read_text()


def test_a_cache_that_cannot_be_written_costs_only_time(root: Path, tmp_path: Path) -> None:
    """The hashes are right all the same."""
    (tmp_path / "cache").write_bytes(b"a file, not a folder")
    assert hash_files(root, NAMES[:1], cache=tmp_path / "cache") == (hash_bytes(b"0"),)


def test_what_was_hashed_before_an_error_is_remembered(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupted first run is no loss."""
    (root / "500").unlink()
    with pytest.raises(DataError, match="500' cannot be read"):
        hash_files(root, NAMES, cache=tmp_path / "cache")
    monkeypatch.setattr(file_hashes, "hash_file", None)
    assert len(hash_files(root, NAMES[:500], cache=tmp_path / "cache")) == 500


def test_progress_ends_at_the_end(root: Path) -> None:
    """And only grows."""
    seen: list[tuple[int, int]] = []
    hash_files(root, NAMES, cache=None, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (600, 600)


def test_a_write_within_one_tick_of_the_clock_is_noticed(root: Path, tmp_path: Path) -> None:
    """The kernel's clock moves every few milliseconds: two writes at once would have one time."""
    for number in range(5):
        (root / "007").write_bytes(b"a%02d" % number)
        hash_files(root, ["007"], cache=tmp_path / "cache")
        (root / "007").write_bytes(b"b%02d" % number)
        assert hash_files(root, ["007"], cache=tmp_path / "cache") == (hash_bytes(b"b%02d" % number),)


def test_another_file_of_one_size_and_time_is_read(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder moved to this place: both times as they were, another number on the disk."""
    real = file_hashes._stamp
    monkeypatch.setattr(file_hashes, "_stamp", lambda status: (1, 2, 3, real(status)[-1]))
    hash_files(root, ["007"], cache=tmp_path / "cache")
    (root / "new").write_bytes(b"8")
    (root / "new").replace(root / "007")
    assert hash_files(root, ["007"], cache=tmp_path / "cache") == (hash_bytes(b"8"),)


def test_folders_do_not_share_memory(root: Path, tmp_path: Path) -> None:
    """The same name in two folders is two files."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "000").write_bytes(b"other")
    hash_files(root, NAMES, cache=tmp_path / "cache")
    assert hash_files(other, ["000"], cache=tmp_path / "cache") == (hash_file(other / "000"),)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    """Nobody may ever write to it."""
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png' is a pipe or a device"):
        hash_files(tmp_path, ["a.png"], cache=None)
