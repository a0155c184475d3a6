"""Progress of a build as plain lines, which are readable in a log file too."""

from __future__ import annotations

import time

from imagenet_g.benchmark.terminal.text import print_line, print_message
from imagenet_g.generation.costs.report import format_duration
from imagenet_g.generation.rendering.tasks import TaskReport


class PrintingListener:
    """Prints one line per shard: images done, images/s, time left."""

    def __init__(self) -> None:
        self._what = ""
        self._total = self._done = self._shards = self._images = 0
        self._started = 0.0

    def start(self, what: str, total: int, done: int) -> None:
        """Begin a pass over `total` shards, of which `done` exist already."""
        self._what, self._total, self._done, self._shards, self._images = what, total, done, 0, 0
        self._started = time.perf_counter()
        if done == total:
            print_line(f"{what}: all {total} shards are done already")
        elif done:
            print_line(f"{what}: {done} of {total} shards are done already")

    def report(self, report: TaskReport) -> None:
        """Print the state of the pass."""
        self._done += 1
        if report.skipped:
            print_line(f"{self._what}: shard {self._done} of {self._total}, done by another process")
            return
        self._shards += 1
        self._images += report.num_rows
        elapsed = max(time.perf_counter() - self._started, 1e-9)
        # Only shards of this run: existing ones took no time now.
        left = elapsed / self._shards * (self._total - self._done)
        notes = [f"{report.num_failed} failed"] * bool(report.num_failed)
        notes += [f"{report.num_flat} flat"] * bool(report.num_flat)
        print_line(
            f"{self._what}: shard {self._done} of {self._total}, {self._images / elapsed:.2f} images/s, "
            f"{format_duration(left)} left" + (f" ({', '.join(notes)})" if notes else "")
        )

    def note(self, text: str) -> None:
        """Print a sentence."""
        print_message(text, error=False)
