"""From the answers to batches to stored predictions of a stretch of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock

import numpy as np
import numpy.typing as npt
import torch

from imagenet_g.benchmark.answers.softmax import compute_top_five
from imagenet_g.benchmark.answers.top_five import TopFive, blank_rows
from imagenet_g.benchmark.classes import ClassSet
from imagenet_g.benchmark.feeding.batches import Batch
from imagenet_g.benchmark.predictions.predictions import Predictions
from imagenet_g.benchmark.splits.splits import Split

NOT_FINITE = "the model's output is not finite"
_SETTING = Lock()


class PartBuilder:
    """Collects answers until a part is whole.

    Args:
        split: The images.
        class_sets: Class sets to store restricted outputs for, by stored name.
    """

    def __init__(self, split: Split, class_sets: Mapping[str, ClassSet]) -> None:
        self._split = split
        self._class_sets = class_sets
        self._batches: list[Batch] = []
        self._logits: list[torch.Tensor] = []
        self.num_rows = 0

    def add(self, batch: Batch, logits: torch.Tensor | None) -> None:
        """Add the answers to a batch.

        Args:
            batch: The batch.
            logits: `(K, 1000)` float32 for its K readable images; None where there is not one.
        """
        self._batches.append(batch)
        self._logits.append(_spread(batch, logits))
        self.num_rows += len(batch)

    def take(self) -> Callable[[], Predictions]:
        """What makes the predictions of what was added, on any thread; the next part begins empty."""
        batches, logits = self._batches, self._logits
        self._batches, self._logits, self.num_rows = [], [], 0
        return lambda: self._make(batches, logits)

    def _make(self, batches: Sequence[Batch], logits: Sequence[torch.Tensor]) -> Predictions:
        rows = [row for batch in batches for row in batch.rows]
        errors = [error for batch in batches for error in batch.errors]
        with use_one_thread():
            joined = torch.cat([torch.zeros(0, 1000), *logits])
            return make_predictions(self._split, rows, joined, errors, self._class_sets)


@contextmanager
def use_one_thread() -> Iterator[None]:
    """Keep torch's operations in the calling thread.

    The sums over a part take 0.1 ms an image so. Threads that wait for one another take ten times that from
    a machine whose cores are at work on images and models.
    """
    # A thread starts with the number that was set last: two at once would leave that at one.
    with _SETTING:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def make_predictions(
    split: Split,
    rows: Sequence[int],
    logits: torch.Tensor,
    errors: Sequence[str | None],
    class_sets: Mapping[str, ClassSet],
) -> Predictions:
    """Predictions of some rows of a split.

    Args:
        split: The images.
        rows: N row numbers.
        logits: `(N, 1000)` float32; NaN for a row that was not predicted.
        errors: N reasons why there is no answer, or None.
        class_sets: Class sets to store restricted outputs for, by stored name.
    """
    labels = split.rows.labels[np.asarray(rows, dtype=np.intp)]
    sets: dict[str, ClassSet | None] = {"all": None, **class_sets}
    top5 = {name: compute_top_five(logits, one, labels=labels) for name, one in sets.items()}
    return Predictions(
        image_ids=tuple(split.rows.image_ids[row] for row in rows),
        labels=labels,
        source_image_ids=tuple(split.rows.source_image_ids[row] for row in rows),
        strengths=None if split.rows.strengths is None else split.rows.strengths.take(rows),
        top5=top5.pop("all"),
        errors=tuple(_name_broken(logits, errors)),
        restricted={name: _blank_outside(t, labels, class_sets[name]) for name, t in top5.items()},
    )


def _spread(batch: Batch, logits: torch.Tensor | None) -> torch.Tensor:
    # NaN marks what was not predicted; a row of zeros would pass for an answer. By NumPy, whose copies wait
    # for no other core.
    spread = np.full((len(batch), 1000), np.nan, dtype=np.float32)
    if logits is not None:
        spread[[error is None for error in batch.errors]] = logits.numpy()
    return torch.from_numpy(spread)


def _name_broken(logits: torch.Tensor, errors: Sequence[str | None]) -> list[str | None]:
    # -inf for some classes is legitimate (`MappedOutputs` gives it to classes without an output); for all
    # of them it is a failure.
    broken = torch.isnan(logits).any(1) | torch.isposinf(logits).any(1) | torch.isneginf(logits).all(1)
    named = list(errors)
    for number in torch.nonzero(broken).flatten().tolist():
        named[number] = named[number] or NOT_FINITE
    return named


def _blank_outside(top5: TopFive, labels: npt.NDArray[np.int16], class_set: ClassSet) -> TopFive:
    # Nothing is stored where no label lies in the set: the question does not arise there, and no score may
    # count it.
    return blank_rows(top5, np.asarray(np.isin(labels, class_set.indices).any(axis=1)))
