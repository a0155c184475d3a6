"""Files of a release written while later shards are rendered, so that little is left after the last image."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from imagenet_g.benchmark.errors import ImagenetGError
from imagenet_g.benchmark.file_stamps import FileStamp, make_stamp
from imagenet_g.generation.releases.files import place_file, write_data
from imagenet_g.generation.rendering.tasks import BuildJob, TaskReport

MAX_WAITING = 4
"""Shards that may wait for their scores; those before them are left to the release."""


class FilesAhead:
    """Writes files in a thread, each once its shard is reported and scored; never one that is there already.

    Whatever goes wrong is left to the release, which writes what is missing and says why it cannot.

    Attributes:
        stamps: Of the files as they were written, by path.
    """

    def __init__(self) -> None:
        self.stamps: dict[Path, FileStamp] = {}
        self._thread = ThreadPoolExecutor(1)

    def follow(self, job: BuildJob, scorers: tuple[str, ...], total: int) -> Callable[[TaskReport], None]:
        """What receives the reports of a split.

        Args:
            job: The split.
            scorers: Those whose columns the release has.
            total: How many shards there are.
        """
        waiting: deque[int] = deque(maxlen=MAX_WAITING)

        def receive(report: TaskReport) -> None:
            # Rows that failed may be rendered in a later run, and one that was left to others is theirs.
            if report.task.kind == "render" and not report.skipped and not report.num_failed:
                self._thread.submit(add, report.task.shard)

        def add(shard: int) -> None:
            waiting.append(shard)
            # A shard is reported before its scores are written.
            for number in [*waiting]:
                if self._write(job, scorers, number, total):
                    waiting.remove(number)

        return receive

    def close(self) -> None:
        """Wait for the files of all shards that were reported."""
        self._thread.shutdown(wait=True)

    def _write(self, job: BuildJob, scorers: tuple[str, ...], shard: int, total: int) -> bool:
        path = place_file(job, shard, total)
        # A file of a release that is whole must not change before its manifest does.
        if path.exists():
            return True
        try:
            write_data(job, scorers, shard, total)
            self.stamps[path] = make_stamp(path)
        except (ImagenetGError, OSError):
            return False
        return True
