"""A feeder: rows of a split in, batches out, prepared ahead of the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, Self

from imagenet_g.benchmark.feeding.batches import Batch
from imagenet_g.benchmark.feeding.kinds import FeedingKind
from imagenet_g.benchmark.feeding.preparation import Preparation
from imagenet_g.benchmark.splits.splits import Split


class Feeder(Protocol):
    """Prepares images ahead; use it as a context manager, so that nothing it started is left behind."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def feed(self, rows: Sequence[int], batch_size: int) -> Iterator[Batch]:
        """Batches of `batch_size` rows in the order of the rows; the last one may be smaller.

        Raises:
            ModelError: The transform fails, or gives inputs of several shapes.
        """


def open_feeder(
    split: Split, preparation: Preparation, *, workers: int, device: str = "cpu", kind: FeedingKind = "auto"
) -> Feeder:
    """The feeder for a split.

    Processes feed a GPU, which takes more images than threads of one process can prepare: a part of each
    transform holds Python's lock. On a CPU the model is the slower side, and threads start at once.

    Args:
        split: The images.
        preparation: How each one becomes an input.
        workers: How many images are prepared at a time.
        device: Where the model runs, such as "cuda:1".
        kind: What the workers are; "auto" decides by the device. Threads, where processes cannot be given
            the images or the preparation.
    """
    on_cuda = device.startswith("cuda")
    if kind == "processes" or (kind == "auto" and on_cuda):
        from imagenet_g.benchmark.feeding.processes import ProcessFeeder, pack

        content = pack(split, preparation)
        if content is not None:
            return ProcessFeeder(content, workers=workers, pinned=on_cuda)
    from imagenet_g.benchmark.feeding.threads import ThreadFeeder

    return ThreadFeeder(split, preparation, workers=workers)
