"""Where visitors' files lie from the upload to the report: limited in size, number and time.

Nothing else of the server writes there, so that an empty folder means that nothing was kept.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Lock, Thread
from typing import BinaryIO

from imagenet_g.leaderboard.submissions.untrusted import MAX_PREDICTIONS_BYTES

GRADIO_FOLDER = "GRADIO_TEMP_DIR"
"""The environment variable that says where Gradio puts files; else they lie among those of other programs."""
SWEEP_SECONDS = 10.0


class UploadRefusedError(Exception):
    """An upload that is not taken.

    Args:
        status: HTTP status of the answer.
        message: Why, and what to do.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadLimits:
    """What is held at most.

    Attributes:
        file_bytes: Of one file.
        visitor_bytes: Of one visitor, in all uploads that have no report yet.
        all_bytes: Of all visitors together.
        uploads: Uploads of one visitor.
        seconds: An upload without a report is deleted after this time.
    """

    file_bytes: int = MAX_PREDICTIONS_BYTES
    visitor_bytes: int = 400_000_000
    all_bytes: int = 2_000_000_000
    uploads: int = 10
    seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class _Held:
    visitor: str
    num_bytes: int
    since: float


class UploadStore:
    """Uploads of all visitors, each in a folder of its own until it is dropped.

    A visitor is an address of the network. Behind a proxy that was not named as trusted all have the proxy's,
    and share one visitor's limits.

    Args:
        folder: For uploads alone.
        limits: What is held at most.
        clock: Seconds that never go back.
    """

    def __init__(
        self, folder: Path, limits: UploadLimits | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder = folder
        self.limits = limits or UploadLimits()
        self._clock = clock
        self._held: dict[Path, _Held] = {}
        self._lock = Lock()

    def reserve(self, visitor: str, num_bytes: int) -> Path:
        """A folder for one upload, before a byte of it is read.

        Args:
            visitor: Who uploads.
            num_bytes: Of the whole request.

        Raises:
            UploadRefusedError: It would be too much for the visitor, or for all.
        """
        self.sweep()
        place = self.folder / secrets.token_hex(16)
        with self._lock:
            own = [one.num_bytes for one in self._held.values() if one.visitor == visitor]
            everyone = sum(one.num_bytes for one in self._held.values())
            limits = self.limits
            if num_bytes > limits.visitor_bytes:
                raise UploadRefusedError(413, f"At most {limits.visitor_bytes:,} bytes are taken at once.")
            if sum(own) + num_bytes > limits.visitor_bytes or len(own) >= limits.uploads:
                words = f"Check or wait: uploads are deleted after {limits.seconds:.0f} seconds."
                raise UploadRefusedError(
                    429, f"You have {len(own)} uploads here that were not checked. {words}"
                )
            if everyone + num_bytes > limits.all_bytes:
                raise UploadRefusedError(503, "Too many uploads at this moment. Try again in a few minutes.")
            self._held[place] = _Held(visitor, num_bytes, self._clock())
        place.mkdir(parents=True)
        return place

    def keep(self, place: Path, name: str, content: BinaryIO) -> Path:
        """Write one file of an upload.

        Args:
            place: From `reserve`.
            name: Of the file, without folders.
            content: At its beginning.

        Raises:
            UploadRefusedError: It is larger than a file may be, or the upload was dropped.
        """
        path = place / name
        if not self._renew([place]):
            raise UploadRefusedError(408, "The upload took too long; nothing of it was kept.")
        with path.open("xb") as file:
            while block := content.read(1_000_000):
                if file.tell() + len(block) > self.limits.file_bytes:
                    raise UploadRefusedError(413, f"'{name}' has more than {self.limits.file_bytes:,} bytes.")
                file.write(block)
        return path

    def find(self, paths: Sequence[object]) -> list[Path]:
        """The files that lie here, of paths that a visitor's browser sends; others are left out."""
        given = [Path(path) for path in paths if isinstance(path, str) and "\0" not in path]
        there = self._renew([path.parent for path in given])
        return [path for path in given if path.parent in there and path.is_file()]

    def _renew(self, places: Sequence[Path]) -> set[Path]:
        """Which of the folders are held; their time starts again."""
        with self._lock:
            there = {place for place in places if place in self._held}
            for place in there:
                self._held[place] = replace(self._held[place], since=self._clock())
        return there

    def drop(self, places: Sequence[Path]) -> None:
        """Delete uploads, by their folders; what does not lie here is left alone."""
        with self._lock:
            there = [place for place in places if self._held.pop(place, None) is not None]
        for place in there:
            shutil.rmtree(place, ignore_errors=True)

    def sweep(self) -> None:
        """Delete uploads for which nobody asked for a report in time."""
        with self._lock:
            latest = self._clock() - self.limits.seconds
            old = [place for place, held in self._held.items() if held.since <= latest]
        self.drop(old)


@contextmanager
def open_store(limits: UploadLimits | None = None) -> Iterator[UploadStore]:
    """A store in a temporary folder, swept from time to time; Gradio writes there too. Removed at the end."""
    before = os.environ.get(GRADIO_FOLDER)
    with TemporaryDirectory(prefix="imagenet-g-board-") as folder:
        os.environ[GRADIO_FOLDER] = folder
        store, done = UploadStore(Path(folder), limits), Event()
        sweeper = Thread(target=_sweep_until, args=(store, done), daemon=True)
        sweeper.start()
        try:
            yield store
        finally:
            done.set()
            sweeper.join()
            os.environ.pop(GRADIO_FOLDER)
            if before is not None:
                os.environ[GRADIO_FOLDER] = before


def _sweep_until(store: UploadStore, done: Event) -> None:
    while not done.wait(SWEEP_SECONDS):
        store.sweep()
