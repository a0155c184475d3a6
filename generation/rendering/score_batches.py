"""Scores of the rows of a shard: images decoded ahead of the models, each model's batches passed once.

Last bits depend on how batches are put together: `BATCH_SIZE` consecutive rows, in the order of the shard.
Whatever is shared here is shared between batches of the very same images in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from imagenet_g.benchmark.feeding.ahead import map_ahead
from imagenet_g.benchmark.images.decoding import decode_image
from imagenet_g.generation.plans.sources import Sources
from imagenet_g.generation.rendering.renderer import WorkRow
from imagenet_g.generation.rendering.scorer import BATCH_SIZE, Columns, ImageModel, Scorer

if TYPE_CHECKING:
    import torch
    from PIL import Image

Load = Callable[[], "Image.Image"]
Inputs = Sequence["torch.Tensor"]
"""One image, transformed for each of some models."""


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
    """

    def __init__(self, stacks: Sequence[Stack], pool: Executor) -> None:
        # The same sources in the same places come again where half a shard is a multiple of a batch.
        first = {stack.key: stack for stack in reversed(stacks)}
        self._known: dict[tuple[str, ...], dict[ImageModel, torch.Tensor]] = {}
        steps = (
            (load, stack.models) for stack in stacks if first[stack.key] is stack for load in stack.loads
        )
        # One batch passes the models while the next one is decoded.
        self._inputs = map_ahead(pool, _prepare, steps, window=2 * BATCH_SIZE)

    def encode(self, stack: Stack) -> Mapping[ImageModel, torch.Tensor]:
        """`(N, D)` outputs of each model."""
        if stack.key not in self._known:
            inputs = list(islice(self._inputs, len(stack.loads)))
            self._known[stack.key] = {
                model: model.encode([image[place] for image in inputs])
                for place, model in enumerate(stack.models)
            }
        return self._known[stack.key]


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
    batches = list(_list_stacks(rows, list(scorers.values()), sources))
    encoder = Encoder([stack for batch in batches for stack in batch], pool)
    columns: dict[str, Columns] = {name: {} for name in scorers}
    for number, (images, *others) in enumerate(batches):
        first = number * BATCH_SIZE
        labels = [int(str(row["label"])) for row in rows[first : first + BATCH_SIZE]]
        outputs, theirs = encoder.encode(images), [encoder.encode(stack) for stack in others]
        for name, scorer in scorers.items():
            known = [found[scorer.model] for found in theirs] if scorer.compares_sources else []
            for column, values in scorer.rate(outputs[scorer.model], labels, known).items():
                columns[name].setdefault(column, []).extend(values)
    return columns


def _list_stacks(
    rows: Sequence[WorkRow], scorers: Sequence[Scorer], sources: Sources | None
) -> Iterator[tuple[Stack, ...]]:
    """For each batch its images, and where something compares them, their sources and other sources."""
    # A dict, because scorers share models and the order must not change from run to run.
    models = tuple(dict.fromkeys(scorer.model for scorer in scorers))
    comparing = tuple(dict.fromkeys(scorer.model for scorer in scorers if scorer.compares_sources))
    for first in range(0, len(rows), BATCH_SIZE):
        numbers = range(first, min(first + BATCH_SIZE, len(rows)))
        ids = tuple(str(rows[n]["image_id"]) for n in numbers)
        images = Stack(("image", *ids), tuple(_load_row(rows[n]) for n in numbers), models)
        if sources is None or not comparing:
            yield (images,)
            continue
        # Rows go by class, so half a shard away is nearly always another class.
        shifts = (0, len(rows) // 2)
        theirs = [[str(rows[(n + by) % len(rows)]["source_image_id"]) for n in numbers] for by in shifts]
        pairs = [
            Stack(("source", *one), tuple(_load_source(sources, image_id) for image_id in one), comparing)
            for one in theirs
        ]
        yield (images, *pairs)


def _load_row(row: WorkRow) -> Load:
    return lambda: decode_image(row["image"])  # type: ignore[arg-type]


def _load_source(sources: Sources, image_id: str) -> Load:
    return lambda: sources.load_image(image_id)


def _prepare(step: tuple[Load, tuple[ImageModel, ...]]) -> Inputs:
    load, models = step
    image = load()
    return [model.transform(image) for model in models]
