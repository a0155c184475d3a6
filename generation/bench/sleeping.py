"""A stand-in for a generator on a GPU, for whole builds: it sleeps, and keeps when it did."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagenet_g.generation.generators.generator import Rendering, RenderRow

MARKS = "IMAGENET_G_BENCH_MARKS"
"""Variable of the environment: a folder where every process that renders keeps when it did."""
_SIZE_PX = 64


class SleepingGenerator:
    """Sleeps for each image, as a process does that waits for a GPU, then draws a small one from its seed.

    Args:
        wait_ms: How long it sleeps for an image.
    """

    def __init__(self, wait_ms: float) -> None:
        self._wait_ms = wait_ms
        folder = os.environ.get(MARKS)
        self._marks = None if folder is None else Path(folder) / f"{os.getpid()}.txt"

    def load(self, device: str) -> None:
        """Nothing to load."""

    def describe(self) -> dict[str, Any]:
        """Its name, and that an image depends on its seed alone."""
        return {"kind": "sleeping", "exact_in_batches": True}

    def render(self, rows: Sequence[RenderRow]) -> list[Rendering]:
        """Noise of 8 x 8 colours for each row, enlarged."""
        import numpy as np
        from PIL import Image

        from imagenet_g.generation.generators.generator import Rendering

        begun, spent = time.time(), time.process_time()
        draws = (np.random.default_rng(row.seed).integers(0, 256, (8, 8, 3), np.uint8) for row in rows)
        made = [Image.fromarray(pixels).resize((_SIZE_PX, _SIZE_PX)) for pixels in draws]
        # The drawing is part of the time that a GPU would take.
        time.sleep(max(0.0, begun + self._wait_ms * len(rows) / 1000 - time.time()))
        if self._marks is not None:
            with self._marks.open("a", encoding="utf-8") as file:
                file.write(f"{begun} {time.time()} {spent} {time.process_time()}\n")
        return [Rendering(image) for image in made]


@dataclass(frozen=True, slots=True)
class RenderTimes:
    """When the processes of a build rendered, in seconds as `time.time` gives them.

    Attributes:
        first: Begin of the first batch.
        last: End of the last batch.
        rendering: Seconds of rendering, of all processes.
        num_batches: Batches rendered, of all processes; those of the check before a build among them.
        cpu_before: Seconds of processor time that those processes spent before their first batches.
        cpu_until: The same until the ends of their last batches.
    """

    first: float
    last: float
    rendering: float
    num_batches: int
    cpu_before: float
    cpu_until: float


def read_marks(folder: Path) -> RenderTimes:
    """What the processes of a build kept.

    Args:
        folder: What the variable of the environment named.
    """
    marks = [
        [[float(word) for word in line.split()] for line in path.read_text(encoding="utf-8").splitlines()]
        for path in folder.iterdir()
    ]
    lines = [line for process in marks for line in process]
    return RenderTimes(
        first=min(line[0] for line in lines),
        last=max(line[1] for line in lines),
        rendering=sum(line[1] - line[0] for line in lines),
        num_batches=len(lines),
        cpu_before=sum(process[0][2] for process in marks),
        cpu_until=sum(process[-1][3] for process in marks),
    )
