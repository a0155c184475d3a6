"""A file that was exchanged is noticed, whatever its size and date say."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from imagenet_g.benchmark.file_stamps import is_unchanged, make_stamp


def write(path: Path, text: str) -> Path:
    """A file dated 1970, as archives that are made reproducibly set it."""
    path.write_text(text)
    os.utime(path, (0, 0))
    return path


def test_an_untouched_file_is_unchanged(tmp_path: Path) -> None:
    """The other tests would pass if nothing ever were."""
    assert is_unchanged(make_stamp(write(tmp_path / "w", "good")))


@pytest.mark.parametrize("exchange", [shutil.copy2, os.replace], ids=["cp -p", "mv"])
def test_another_file_of_the_same_size_and_date_is_noticed(tmp_path: Path, exchange: object) -> None:
    """Both ways keep the size and the modification time."""
    stamp = make_stamp(write(tmp_path / "w", "good"))
    exchange(write(tmp_path / "other", "evil"), tmp_path / "w")  # type: ignore[operator]
    status = (tmp_path / "w").stat()
    assert (status.st_size, status.st_mtime) == (4, 0)
    assert not is_unchanged(stamp)


def test_a_file_that_is_gone_has_changed(tmp_path: Path) -> None:
    """Without an error."""
    stamp = make_stamp(write(tmp_path / "w", "good"))
    (tmp_path / "w").unlink()
    assert not is_unchanged(stamp)
