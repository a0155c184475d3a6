"""Validation of strangers' files in a process of its own, with limits of memory and time.

A file that exhausts either costs its own report alone: the process is started again behind it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from pydantic import ValidationError

from imagenet_g.leaderboard.submissions.problems import ValidationReport, error
from imagenet_g.leaderboard.validation.validate import make_report
from imagenet_g.leaderboard.validation.worker import Request

# The interpreter of this process, so that the same release validates; no shell, so that names stay words; and
# never the current folder on the import path (-P): it may hold a stranger's files, named like ours.
WORKER = (sys.executable, "-P", "-m", "imagenet_g.leaderboard.validation.worker")
# The limit counts addresses, of which every thread reserves many: on a machine with many cores an honest
# file would be refused. Arrow's own allocator reserves a gigabyte at once.
ENVIRONMENT = {
    "ARROW_DEFAULT_MEMORY_POOL": "system", "ARROW_IO_THREADS": "1", "MALLOC_ARENA_MAX": "2",
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
}  # fmt: skip
SECONDS = 120
"""For one file; the first one of a process has the start of the process beside it."""


def validate_bounded(
    files: Sequence[Path],
    against: Path,
    *,
    data: Mapping[str, Path] | None = None,
    baselines: Sequence[Path] = (),
    seconds: float = SECONDS,
) -> Iterator[ValidationReport]:
    """A report on each file, in order, whatever the files do.

    Args:
        files: Submission files.
        against: Folder of submissions and baselines to compare with.
        data: Local copies of splits by name.
        baselines: More measured baselines.
        seconds: Time for one file.

    """
    left = list(files)
    while left:
        request = Request(
            files=tuple(left),
            beside=tuple(files),
            against=against,
            data=dict(data or {}),
            baselines=tuple(baselines),
        )
        with _Worker(request) as worker:
            for file in tuple(left):
                report = worker.take(file, seconds)
                yield report
                left.pop(0)
                if worker.ended:
                    break


class _Worker:
    """One process, and its reports as they come."""

    def __init__(self, request: Request) -> None:
        self._process = subprocess.Popen(
            WORKER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # What a library prints when memory ends is no report.
            stderr=subprocess.DEVNULL,
            env=os.environ | ENVIRONMENT,
        )
        self._lines: Queue[bytes] = Queue()
        self.ended = False
        Thread(target=self._talk, args=(request.model_dump_json().encode(),), daemon=True).start()

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()

    def take(self, file: Path, seconds: float) -> ValidationReport:
        """The next report; where none comes, one that says why."""
        try:
            return ValidationReport.model_validate_json(self._lines.get(timeout=seconds))
        except Empty:
            problem = error("too-slow", file.name, f"took more than {seconds:g} seconds to check")
        except ValidationError:
            problem = error(
                "crashed", file.name, "ended the process that checked it, perhaps for want of memory"
            )
        self.ended = True
        return make_report(file, None, None, [problem])

    def _talk(self, request: bytes) -> None:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the process has no pipes")
        with stdin:
            stdin.write(request)
        with stdout:
            for line in stdout:
                self._lines.put(line)
        # An empty line is no report: whoever waits learns that the process has ended.
        self._lines.put(b"")
