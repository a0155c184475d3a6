"""The images of each step, read, augmented and put together ahead of the model."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from imagenet_g.baselines.augmenting.registry import Step, StepSpec, make_image_steps, make_views
from imagenet_g.baselines.recipes.mixing import PlannedMix, list_positions
from imagenet_g.baselines.recipes.resolutions import ResolutionSpec, find_side
from imagenet_g.benchmark.errors import DataError, ImagenetGError, ModelError
from imagenet_g.benchmark.feeding.ahead import map_ahead
from imagenet_g.benchmark.feeding.processes import hide_script
from imagenet_g.benchmark.splits.readable import load_image
from imagenet_g.benchmark.splits.splits import Split

_VIEWS = 3
"""First word of the seeds of views; mixing has the ones before it."""
_AHEAD = 3
"""Steps that are prepared before they are taken."""


class ImageSource(Protocol):
    """Images by row."""

    def read(self, row: int) -> Image.Image:
        """One image, RGB.

        Raises:
            DataError: It cannot be read.
        """


@dataclass(frozen=True, slots=True)
class DecodedSource:
    """Images of a split, decoded each time they are asked for."""

    split: Split

    def read(self, row: int) -> Image.Image:
        """One image, RGB.

        Raises:
            DataError: It cannot be decoded.
        """
        try:
            return load_image(self.split, row)
        except DataError as error:
            named = f"Image '{self.split.rows.image_ids[row]}' of '{self.split.record.ref}'"
            raise DataError(
                f"{named}: {error}. Every image is needed here; repair it or take it out."
            ) from error


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """This process's share of a step.

    Attributes:
        views: For each size of views `(V * B, 3, S, S)` uint8: the first view of each image, then the second.
        outputs: `(B,)` int64.
        step_outputs: `(N,)` int64 outputs of the whole step, all processes' images together, for the log.
        step_sources: `(N,)` int64 number of each one's source.
    """

    views: tuple[torch.Tensor, ...]
    outputs: torch.Tensor
    step_outputs: torch.Tensor
    step_sources: torch.Tensor

    def pin_memory(self) -> TrainingBatch:
        """The same in memory that a GPU reads by itself."""
        return TrainingBatch(
            tuple(view.pin_memory() for view in self.views),
            self.outputs.pin_memory(),
            self.step_outputs,
            self.step_sources,
        )


@dataclass(frozen=True)
class StepImages(Dataset[TrainingBatch]):
    """Steps by number; pure, and the same in every process.

    Attributes:
        planned: The images of an epoch.
        sources: Where they are read.
        augment: What is done to each.
        resolution: The side of an input.
        batch_size: Images of a step, over all processes.
        seed: Of order and views.
        share: Number of this process, and of all.
        cache: Folder in which augmentations may keep what they draw; None keeps nothing.
    """

    planned: PlannedMix
    sources: Sequence[ImageSource]
    augment: Sequence[StepSpec]
    resolution: ResolutionSpec
    batch_size: int
    seed: int
    share: tuple[int, int] = (0, 1)
    cache: Path | None = None

    @cached_property
    def _steps(self) -> list[list[Step]]:
        # Made in each process: a step may hold what cannot be sent, such as a network or pictures to mix in.
        made = make_image_steps(self.augment, cache=self.cache)
        return [[step for only, step in made if only is None or name in only] for name in self.planned.names]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_steps"}

    def __getitem__(self, step: int) -> TrainingBatch:
        """This process's share of a step, every `count`-th image of it."""
        index, count = self.share
        # Of all processes: the log counts the images of the whole step.
        whole = list_positions(len(self.planned), self.batch_size, step, seed=self.seed)
        epoch = step * self.batch_size // len(self.planned)
        side = find_side(self.resolution, epoch)
        own = range(index, self.batch_size, count)
        views = [self._make_views(int(whole[place]), step, place, side) for place in own]
        positions = whole[index::count]
        return TrainingBatch(
            stack_views(views),
            torch.from_numpy(self.planned.outputs[positions]),
            torch.from_numpy(self.planned.outputs[whole]),
            torch.from_numpy(self.planned.sources[whole]),
        )

    def _make_views(self, position: int, step: int, place: int, side: int) -> list[Image.Image]:
        source = int(self.planned.sources[position])
        image = self.sources[source].read(int(self.planned.rows[position]))
        # By step and place in the batch, and not by image: one that comes again has other views.
        chance = np.random.default_rng([_VIEWS, self.seed, step, place])
        return make_views(image, self._steps[source], chance, side)


def stack_views(views: Sequence[Sequence[Image.Image]]) -> tuple[torch.Tensor, ...]:
    """Views of several images by size, the first view of each before the second.

    Raises:
        ModelError: Images have views of different numbers or sizes.

    Example:
        >>> two = [Image.new("RGB", (8, 8)), Image.new("RGB", (4, 4))]
        >>> [tuple(part.shape) for part in stack_views([two, two, two])]
        [(3, 3, 8, 8), (3, 3, 4, 4)]
    """
    sizes = [view.size for view in views[0]]
    # Stacking would fail too, but without a word on the recipe.
    if any([view.size for view in own] != sizes for own in views):
        raise ModelError(
            "The augmentation gives images of several sizes. End it with a crop, such as inception-crop."
        )
    stacked = []
    # A network takes one size at a time: large and small crops are batches of their own.
    for _, group in itertools.groupby(range(len(sizes)), key=lambda number: sizes[number]):
        numbers = list(group)
        pixels = np.stack([np.asarray(own[number]) for number in numbers for own in views])
        stacked.append(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    return tuple(stacked)


def feed_steps(
    images: StepImages, steps: range, *, workers: int, device: str
) -> Generator[TrainingBatch, None, None]:
    """The batches of steps in order, some of them prepared ahead.

    Threads prepare on a CPU, where the model is the slower side; processes on a GPU, because a part of each
    augmentation holds Python's lock. What a step holds is the same.

    Args:
        images: The steps.
        steps: Which of them.
        workers: Threads or processes.
        device: Where the model learns.
    """
    if device.startswith("cuda") and workers > 0:
        yield from _feed_by_processes(images, steps, workers=workers)
        return
    with ThreadPoolExecutor(max(1, workers)) as pool:
        prepared = map_ahead(pool, images.__getitem__, steps, window=max(1, workers) + _AHEAD)
        with closing(prepared):
            yield from prepared


def _feed_by_processes(
    images: StepImages, steps: Iterable[int], *, workers: int
) -> Generator[TrainingBatch, None, None]:
    loader: DataLoader[TrainingBatch | str] = DataLoader(
        _Spoken(images),
        batch_size=None,
        sampler=list(steps),
        num_workers=workers,
        prefetch_factor=_AHEAD,
        multiprocessing_context="spawn",
        pin_memory=torch.cuda.is_available(),
    )
    with hide_script():
        batches = iter(loader)
    try:
        for batch in batches:
            if isinstance(batch, str):
                raise DataError(batch)
            yield batch
    except RuntimeError as error:
        # The loader's words for a worker that has gone.
        raise ModelError(
            f"A process that prepares images was ended, perhaps for want of memory ({error}). Use fewer "
            "--workers; the same command goes on from the last checkpoint."
        ) from error


@dataclass(frozen=True)
class _Spoken(Dataset[TrainingBatch | str]):
    """Steps in a worker: an error comes as its message, and not with the worker's traceback."""

    images: StepImages

    def __getitem__(self, step: int) -> TrainingBatch | str:
        try:
            return self.images[step]
        except ImagenetGError as error:
            return str(error)
