"""How many images of each source and class were learnt from, epoch by epoch, for the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from imagenet_g.baselines.recipes.mixing import PlannedMix, list_positions
from imagenet_g.benchmark.statistics.accuracy import IntArray

if TYPE_CHECKING:
    from pydantic import JsonValue


class EpochCounter:
    """Counts the images of steps as they are learnt from.

    Args:
        names: Of the sources.
        num_outputs: K.
        num_images: Of an epoch.
    """

    def __init__(self, names: tuple[str, ...], *, num_outputs: int, num_images: int) -> None:
        self._names = names
        self._num_images = num_images
        self._counts = np.zeros((len(names), num_outputs), np.int64)
        self._seen = 0
        self._finished: list[JsonValue] = []

    def skip(self, images: int) -> None:
        """Begin at a number of images, at the start of an epoch."""
        self._seen = images

    def add(self, sources: IntArray, outputs: IntArray) -> None:
        """Count the images of a step, of all processes; a step may end one epoch and begin the next."""
        start = 0
        while start < len(sources):
            left = self._num_images - self._seen % self._num_images
            part = slice(start, start + left)
            np.add.at(self._counts, (sources[part], outputs[part]), 1)
            counted = len(sources[part])
            self._seen += counted
            start += counted
            if self._seen % self._num_images == 0:
                self._finish()

    def _finish(self) -> None:
        counts = {name: row.tolist() for name, row in zip(self._names, self._counts, strict=True)}
        images: dict[str, JsonValue] = {name: sum(row) for name, row in counts.items()}
        epoch = self._seen // self._num_images - 1
        self._finished.append({"epoch": epoch, "images": images, "classes": dict(counts)})
        self._counts[:] = 0

    def drop_finished(self) -> None:
        """Forget the epochs that are in the log already."""
        self._finished = []

    def take(self) -> dict[str, JsonValue]:
        """For a line of the log: epochs behind, and the epochs that ended since the last line.

        Of each its number from 0, images of each source, and of each class in the order of the outputs.
        """
        line: dict[str, JsonValue] = {"epochs_done": round(self._seen / self._num_images, 4)}
        if self._finished:
            line["epochs"] = self._finished
        self._finished = []
        return line


def recount(
    counter: EpochCounter, planned: PlannedMix, *, batch_size: int, step: int, log_every: int, seed: int
) -> None:
    """Bring a new counter to where a run stopped: what a step holds follows from its number.

    Args:
        counter: New.
        planned: The images of an epoch.
        batch_size: Images of a step.
        step: The one that comes next.
        log_every: Steps between two lines of the log; what ended after the last one is not in it yet.
        seed: Of the order.
    """
    logged = step // log_every * log_every
    # From the start of the epoch that the last line of the log lies in, at the end of a step or not.
    begun = logged * batch_size // len(planned) * len(planned)
    counter.skip(begun)
    for number in range(begun // batch_size, step):
        positions = list_positions(len(planned), batch_size, number, seed=seed)
        skipped = max(0, begun - number * batch_size)
        counter.add(planned.sources[positions[skipped:]], planned.outputs[positions[skipped:]])
        if number + 1 == logged:
            counter.drop_finished()
