"""Batches of one size to batches of another, the rows in their order."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from imagenet_g.benchmark.feeding.batches import Batch


class Rebatcher:
    """Forms batches of one model's own size from whatever comes.

    A batch of the right size passes as it is, and one of several times the size is cut without a copy.

    Args:
        batch_size: Rows of each batch that comes out.

    Example:
        >>> rebatcher = Rebatcher(2)
        >>> [batch.rows for batch in rebatcher.add(Batch((0, 1, 2), None, ("lost",) * 3))]
        [(0, 1)]
        >>> [batch.rows for batch in rebatcher.take_rest()]
        [(2,)]
    """

    def __init__(self, batch_size: int) -> None:
        self._batch_size = batch_size
        self._held: list[Batch] = []

    def add(self, batch: Batch) -> Iterator[Batch]:
        """The whole batches that there are now."""
        start = 0
        while start < len(batch):
            missing = self._batch_size - sum(map(len, self._held))
            piece = slice_batch(batch, start, start + missing)
            start += len(piece)
            self._held.append(piece)
            if len(piece) == missing:
                yield from self.take_rest()

    def take_rest(self) -> Iterator[Batch]:
        """What is left over, as one batch; nothing where nothing is."""
        held, self._held = self._held, []
        if held:
            yield join_batches(held)


def slice_batch(batch: Batch, start: int, stop: int) -> Batch:
    """Rows `start` to `stop` of a batch, without a copy.

    Example:
        >>> whole = Batch((5, 6, 7), torch.tensor([[5.0], [7.0]]), (None, "lost", None))
        >>> slice_batch(whole, 1, 3)
        Batch(rows=(6, 7), inputs=tensor([[7.]]), errors=('lost', None))
    """
    if start == 0 and stop >= len(batch):
        return batch
    before = sum(error is None for error in batch.errors[:start])
    errors = batch.errors[start:stop]
    readable = sum(error is None for error in errors)
    inputs = batch.inputs[before : before + readable] if batch.inputs is not None and readable else None
    return Batch(batch.rows[start:stop], inputs, errors)


def join_batches(batches: list[Batch]) -> Batch:
    """One batch of several.

    Example:
        >>> lost = Batch((6,), None, ("lost",))
        >>> join_batches([Batch((5,), torch.tensor([[5.0]]), (None,)), lost])
        Batch(rows=(5, 6), inputs=tensor([[5.]]), errors=(None, 'lost'))
    """
    if len(batches) == 1:
        return batches[0]
    inputs = [batch.inputs for batch in batches if batch.inputs is not None]
    return Batch(
        rows=tuple(row for batch in batches for row in batch.rows),
        inputs=torch.cat(inputs) if inputs else None,
        errors=tuple(error for batch in batches for error in batch.errors),
    )
