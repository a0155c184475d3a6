"""The file of ReaL labels: the user's own, or the authors', fetched once and kept."""

from __future__ import annotations

from http.client import HTTPException
from pathlib import Path
from urllib.request import Request, urlopen

from imagenet_g.benchmark.errors import DataError, FetchError
from imagenet_g.benchmark.relabels.real_labels import MAX_BYTES, RealLabels, read_real_labels
from imagenet_g.benchmark.storage import replace_file

URL = "https://raw.githubusercontent.com/google-research/reassessed-imagenet/master/real.json"
FETCH = "fetch"
TIMEOUT_S = 60


def load_real_labels(requested: str, cache: Path) -> RealLabels:
    """The labels of a file, or the authors'.

    Args:
        requested: Path of a file, or "fetch".
        cache: Folder that keeps what is fetched.

    Raises:
        DataError: The file cannot be read, or is not the list that it must be.
        FetchError: The authors' file is not kept and cannot be fetched.
    """
    if requested != FETCH:
        return read_real_labels(_read(Path(requested)), Path(requested).name)
    kept = cache / "labels" / "real.json"
    if not kept.is_file():
        fetch_labels(kept)
    return read_real_labels(_read(kept), URL)


def fetch_labels(kept: Path) -> None:
    """Fetch the authors' file; one that is not what it must be is not kept.

    Raises:
        DataError: The server sent something else.
        FetchError: It cannot be reached.
    """
    try:
        with urlopen(Request(URL), timeout=TIMEOUT_S) as answer:
            # One byte more than allowed, so that a longer file is seen to be longer.
            data = answer.read(MAX_BYTES + 1)
    except (OSError, HTTPException) as error:
        raise FetchError(
            f"Cannot fetch the labels from {URL} ({error}), and they are not kept. Without a network: give "
            f"your own file with --real-labels FILE; or fetch it elsewhere and save it as '{kept}'."
        ) from error
    # Before it is kept: an error page in the cache would be read again each time.
    read_real_labels(data, URL)
    with replace_file(kept) as temporary:
        temporary.write_bytes(data)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror or error}.") from error
