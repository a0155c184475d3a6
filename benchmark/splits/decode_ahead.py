"""Images on their way to a model: decoded and transformed by threads, a bounded number ahead.

PIL releases the interpreter lock, so threads suffice; the bound keeps memory from growing with the split.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from imagenet_g.benchmark.errors import DataError, ModelError
from imagenet_g.benchmark.splits.readable import load_image
from imagenet_g.benchmark.splits.splits import Split

if TYPE_CHECKING:
    from PIL import Image

Transform = Callable[["Image.Image"], torch.Tensor]


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """An image on its way to the model: a tensor, or the reason for its absence."""

    row: int
    tensor: torch.Tensor | None
    error: str | None


def prepare_ahead(
    pool: ThreadPoolExecutor, split: Split, rows: Sequence[int], *, transform: Transform, window: int
) -> Iterator[PreparedImage]:
    """Images of a split's rows in order, at most `window` of them prepared before they are taken.

    Raises:
        ModelError: The transform fails.
    """
    queue: deque[Future[PreparedImage]] = deque()
    for row in rows:
        queue.append(pool.submit(prepare_image, split, row, transform))
        # Bounded here and not by the pool, which would take in the whole split at once.
        if len(queue) >= window:
            # In order and not as they finish: predictions are stored in the order of the rows.
            yield queue.popleft().result()
    while queue:
        yield queue.popleft().result()


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


def stack_inputs(tensors: list[torch.Tensor]) -> torch.Tensor:
    """`(N, 3, H, W)` from images of one shape.

    Raises:
        ModelError: Their shapes differ.
    """
    shapes = {tuple(tensor.shape) for tensor in tensors}
    if len(shapes) > 1:
        raise ModelError(
            f"The model's transform gives inputs of {len(shapes)} shapes, such as {min(shapes)} and "
            f"{max(shapes)}; let it resize and crop to one size."
        )
    return torch.stack(tensors)
