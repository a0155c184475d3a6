"""What stands where a result file should be."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.predictions.result_files import RESULT_NAME, load_result


def make_socket(path: Path) -> None:
    """A socket nobody listens on."""
    # Its name may have a hundred letters: by a name relative to its folder.
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


@pytest.mark.parametrize(
    "make",
    [os.mkfifo, Path.mkdir, make_socket, lambda path: path.symlink_to("/dev/zero")],
    ids=["pipe", "folder", "socket", "device"],
)
@pytest.mark.timeout(20)
def test_what_is_no_file_is_refused_unread(make: Callable[[Path], object], tmp_path: Path) -> None:
    """A pipe has nobody who writes, and a device has no end."""
    make(tmp_path / RESULT_NAME)
    with pytest.raises(DataError, match="is a pipe, a device or a folder and no result file"):
        load_result(tmp_path)


@pytest.mark.parametrize("target", ["nowhere", RESULT_NAME], ids=["dangling", "loop"])
def test_a_link_that_leads_nowhere_is_one_message(target: str, tmp_path: Path) -> None:
    """To nothing, or to itself."""
    (tmp_path / RESULT_NAME).symlink_to(target)
    with pytest.raises(DataError, match=r"There is no result file|cannot be read"):
        load_result(tmp_path)
