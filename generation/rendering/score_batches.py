"""Scores of the rows of a shard as they come: each image decoded once for all models, each batch passed once.

Last bits depend on how batches are put together: `BATCH_SIZE` consecutive rows, in the order of the shard.
Whatever is shared here is shared between batches of the very same images in the same order, so that scores
taken while a shard is rendered are those of its file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from imagenet_g.benchmark.feeding.ahead import map_ahead
from imagenet_g.benchmark.images.decoding import decode_image
from imagenet_g.generation.plans.sources import Sources
from imagenet_g.generation.rendering.scorer import BATCH_SIZE, Columns, ImageModel, Scorer

if TYPE_CHECKING:
    import torch
    from PIL import Image

WorkRow = dict[str, object]
"""A rendered row by column, its image as encoded bytes."""
Load = Callable[[], "Image.Image"]
Inputs = Sequence["torch.Tensor"]
"""One image, transformed for each of some models."""
Outputs = Mapping[ImageModel, "torch.Tensor"]
"""`(N, D)` outputs of each model."""


@dataclass(frozen=True, slots=True)
class PreparedRow:
    """An image, and the source it was made from, where that was read, as models take them."""

    inputs: Inputs
    source: Inputs | None = None


@dataclass(frozen=True, slots=True)
class Stack:
    """Images that pass some models in one batch.

    Attributes:
        key: What the images are; equal keys are equal images in an equal order.
        loads: Functions that decode them.
        models: The models.
    """

    key: tuple[str, ...]
    loads: tuple[Load, ...]
    models: tuple[ImageModel, ...]


class Encoder:
    """Outputs of stacks, which are decoded and transformed ahead by threads.

    Args:
        stacks: All stacks, in the order in which `encode` is called with them.
        pool: Threads that decode.
        known: Outputs of stacks that have passed the models already, by key.
    """

    def __init__(
        self,
        stacks: Sequence[Stack],
        pool: Executor,
        *,
        known: Mapping[tuple[str, ...], Outputs] | None = None,
    ) -> None:
        self._known = dict(known or {})
        # The same sources in the same places come again where half a shard is a multiple of a batch.
        first = {stack.key: stack for stack in reversed(stacks) if stack.key not in self._known}
        steps = (
            (load, stack.models) for stack in stacks if first.get(stack.key) is stack for load in stack.loads
        )
        self._inputs = map_ahead(pool, _prepare, steps, window=2 * BATCH_SIZE)

    def encode(self, stack: Stack) -> Outputs:
        """`(N, D)` outputs of each model."""
        if stack.key not in self._known:
            self._known[stack.key] = _encode(stack.models, list(islice(self._inputs, len(stack.loads))))
        return self._known[stack.key]


class RowScorer:
    """Scores rows in the order of a shard; the models run whenever a batch is full.

    Args:
        scorers: The scorers, by name.
        sources: The sources of the split; None for a split without.
        pool: Threads that decode.
    """

    def __init__(self, scorers: Mapping[str, Scorer], sources: Sources | None, pool: Executor) -> None:
        self._scorers, self._pool = scorers, pool
        # A dict, because scorers share models and the order must not change from run to run.
        self._models = tuple(dict.fromkeys(scorer.model for scorer in scorers.values()))
        comparing = [scorer.model for scorer in scorers.values() if scorer.compares_sources]
        self._comparing = () if sources is None else tuple(dict.fromkeys(comparing))
        self._sources = sources
        self._rows: list[WorkRow] = []
        self._waiting: list[PreparedRow] = []
        self._outputs: list[Outputs] = []
        self._known: dict[tuple[str, ...], Outputs] = {}

    def prepare(self, image: Image.Image, source: Image.Image | None = None) -> PreparedRow:
        """An image as the models take it, and its source where it is in memory; from any thread.

        Args:
            image: As it is stored: after JPEG the pixels differ from the generator's.
            source: The source it was made from; None to read it when it is needed.
        """
        inputs = [model.transform(image) for model in self._models]
        theirs = None if source is None else [model.transform(source) for model in self._comparing]
        return PreparedRow(inputs, theirs)

    def add(self, row: WorkRow, prepared: PreparedRow) -> None:
        """Take the next row, whose image was rendered."""
        self._rows.append(row)
        self._waiting.append(prepared)
        if len(self._waiting) == BATCH_SIZE:
            self._pass_batch()

    def finish(self) -> dict[str, Columns]:
        """Columns of each scorer, a number per row.

        Raises:
            DataError: A source cannot be read.
        """
        if self._waiting:
            self._pass_batch()
        pairs = [self._list_pair(first) for first in range(0, len(self._rows), BATCH_SIZE)]
        encoder = Encoder([stack for pair in pairs for stack in pair], self._pool, known=self._known)
        columns: dict[str, Columns] = {name: {} for name in self._scorers}
        for number, (outputs, pair) in enumerate(zip(self._outputs, pairs, strict=True)):
            first = number * BATCH_SIZE
            labels = [int(str(row["label"])) for row in self._rows[first : first + BATCH_SIZE]]
            theirs = [encoder.encode(stack) for stack in pair]
            for name, scorer in self._scorers.items():
                known = [found[scorer.model] for found in theirs] if scorer.compares_sources else []
                for column, values in scorer.rate(outputs[scorer.model], labels, known).items():
                    columns[name].setdefault(column, []).extend(values)
        return columns

    def _pass_batch(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._outputs.append(_encode(self._models, [one.inputs for one in waiting]))
        theirs = [one.source for one in waiting if one.source is not None]
        if self._comparing and len(theirs) == len(waiting):
            ids = [str(row["source_image_id"]) for row in self._rows[-len(waiting) :]]
            self._known[tuple(ids)] = _encode(self._comparing, theirs)

    def _list_pair(self, first: int) -> tuple[Stack, ...]:
        """The sources of a batch and other sources; nothing where none are compared."""
        if self._sources is None or not self._comparing:
            return ()
        rows, numbers = self._rows, range(first, min(first + BATCH_SIZE, len(self._rows)))
        # Rows go by class, so half a shard away is nearly always another class.
        shifts = (0, len(rows) // 2)
        theirs = [[str(rows[(n + by) % len(rows)]["source_image_id"]) for n in numbers] for by in shifts]
        return tuple(
            Stack(tuple(ids), tuple(_load_source(self._sources, one) for one in ids), self._comparing)
            for ids in theirs
        )


def score_rows(
    rows: Sequence[WorkRow], scorers: Mapping[str, Scorer], sources: Sources | None, pool: Executor
) -> dict[str, Columns]:
    """Columns of each scorer, a number per row.

    Args:
        rows: Rows of a shard whose images were rendered, in its order.
        scorers: The scorers, by name.
        sources: The sources of the split; None for a split without.
        pool: Threads that decode.

    Raises:
        DataError: An image or a source cannot be read.
    """
    scoring = RowScorer(scorers, sources, pool)

    def prepare(row: WorkRow) -> PreparedRow:
        return scoring.prepare(decode_image(row["image"]))  # type: ignore[arg-type]

    # One batch passes the models while the next one is decoded.
    prepared = map_ahead(pool, prepare, rows, window=2 * BATCH_SIZE)
    for row, one in zip(rows, prepared, strict=True):
        scoring.add(row, one)
    return scoring.finish()


def _encode(models: Sequence[ImageModel], inputs: Sequence[Inputs]) -> Outputs:
    return {model: model.encode([one[place] for one in inputs]) for place, model in enumerate(models)}


def _load_source(sources: Sources, image_id: str) -> Load:
    return lambda: sources.load_image(image_id)


def _prepare(step: tuple[Load, tuple[ImageModel, ...]]) -> Inputs:
    load, models = step
    image = load()
    return [model.transform(image) for model in models]
