"""Images decoded and transformed by threads, a bounded number ahead.

PIL releases the interpreter lock, so threads suffice; the bound keeps memory from growing with the split.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Self

from imagenet_g.benchmark.errors import DataError, ModelError
from imagenet_g.benchmark.feeding.ahead import map_ahead
from imagenet_g.benchmark.feeding.batches import Batch, PreparedImage, make_batch
from imagenet_g.benchmark.feeding.preparation import Preparation
from imagenet_g.benchmark.feeding.resampling import prepare_kernel
from imagenet_g.benchmark.models.classifiers import Transform
from imagenet_g.benchmark.splits.readable import load_image
from imagenet_g.benchmark.splits.splits import Split

AHEAD = 64
"""Fewest images that are prepared ahead: batches for OpenVINO are small, and while the models of a pass are
opened and checked, which keeps one core busy, another one would have nothing to do."""


class ThreadFeeder:
    """Prepares images in threads of this process.

    Args:
        split: The images.
        preparation: How each one becomes an input.
        workers: Threads.
    """

    def __init__(self, split: Split, preparation: Preparation, *, workers: int) -> None:
        self._split = split
        self._prepare = preparation.prepare
        self._pool = ThreadPoolExecutor(max(1, workers))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        # Otherwise, Ctrl-C would wait for every image in the queue.
        self._pool.shutdown(wait=False, cancel_futures=True)

    def feed(self, rows: Sequence[int], batch_size: int) -> Iterator[Batch]:
        """Batches in the order of the rows; two batches or `AHEAD` images, the more, are prepared ahead.

        Raises:
            ModelError: The transform fails, or gives inputs of several shapes.
        """
        prepare_kernel(len(rows))
        window = max(2 * batch_size, AHEAD)
        prepared = prepare_ahead(self._pool, self._split, rows, transform=self._prepare, window=window)
        while images := list(islice(prepared, batch_size)):
            yield make_batch(images)


def prepare_ahead(
    pool: ThreadPoolExecutor, split: Split, rows: Sequence[int], *, transform: Transform, window: int
) -> Iterator[PreparedImage]:
    """Images of a split's rows in order, at most `window` of them prepared before they are taken.

    Raises:
        ModelError: The transform fails.
    """
    # In order and not as they finish: predictions are stored in the order of the rows.
    return map_ahead(pool, lambda row: prepare_image(split, row, transform), rows, window=window)


def prepare_image(split: Split, row: int, transform: Transform) -> PreparedImage:
    """One image, read, decoded and transformed; for an unreadable one, the reason.

    Raises:
        ModelError: The transform fails.
    """
    try:
        image = load_image(split, row)
    except DataError as error:
        return PreparedImage(row, None, str(error))
    try:
        return PreparedImage(row, transform(image), None)
    except Exception as error:
        # The transform may be the user's own and raise anything.
        raise ModelError(
            f"The model's transform fails on image '{split.rows.image_ids[row]}': "
            f"{type(error).__name__}: {error}"
        ) from error
