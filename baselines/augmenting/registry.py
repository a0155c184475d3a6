"""The augmentations there are: a row each, with its options and what makes it.

A recipe lists steps by name. A step turns one image into one or more views, and draws from the generator it
is given, so that an image in an epoch has the same views wherever and whenever they are made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, JsonValue, model_validator

from imagenet_g.baselines.augmenting import crops, multi_crop, noise2net, pixmix
from imagenet_g.baselines.augmenting.batches import BatchStep, ChosenBatchStep
from imagenet_g.benchmark.errors import UnknownNameError
from imagenet_g.benchmark.identity import hash_file, hash_lines
from imagenet_g.benchmark.records import FileModel

Step = Callable[[Image.Image, np.random.Generator, int], Sequence[Image.Image]]
"""From an RGB image, the source of chance, and the side of the model's input in pixels to views."""


@dataclass(frozen=True, slots=True)
class StepKind:
    """A kind of augmentation of one image.

    Attributes:
        name: In recipes.
        options: Its keys, strictly checked.
        make: A step from its options and a cache folder, which may be None; called once in each process.
        list_files: Files of its options that decide what it does; None where there can be none.
    """

    name: str
    options: type[FileModel]
    make: Callable[[Any, Path | None], Step]
    list_files: Callable[[Any], Sequence[Path]] | None = None


@dataclass(frozen=True, slots=True)
class BatchKind:
    """A kind of augmentation of a whole step at once, on the device of the model, after all others.

    Attributes:
        name: In recipes.
        options: Its keys, strictly checked.
        make: A batch step from its options.
    """

    name: str
    options: type[FileModel]
    make: Callable[[Any], BatchStep]


def ignore_cache(make: Callable[[Any], Step]) -> Callable[[Any, Path | None], Step]:
    """The maker of a step that keeps nothing."""
    return lambda options, cache: make(options)


KINDS: tuple[StepKind | BatchKind, ...] = (
    StepKind("inception-crop", crops.InceptionCropSpec, ignore_cache(crops.make_inception_crop)),
    StepKind("centre-crop", crops.CentreCropSpec, ignore_cache(crops.make_centre_crop)),
    StepKind("flip", crops.FlipSpec, ignore_cache(crops.make_flip)),
    StepKind("dino-multi-crop", multi_crop.MultiCropSpec, ignore_cache(multi_crop.make_multi_crop)),
    StepKind("pixmix", pixmix.PixMixSpec, pixmix.make_pixmix, pixmix.list_files),
    BatchKind("noise2net", noise2net.Noise2NetSpec, noise2net.make_noise2net),
)


def find_kind(name: str) -> StepKind | BatchKind:
    """A kind by its name.

    Raises:
        UnknownNameError: There is no such augmentation.
    """
    found = next((kind for kind in KINDS if kind.name == name), None)
    if found is None:
        raise UnknownNameError("augmentation", name, [kind.name for kind in KINDS])
    return found


class StepSpec(BaseModel):
    """A step of a recipe: the name of a kind, the sources it is for, and the kind's own keys."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str
    only: tuple[str, ...] | None = None
    """Sources whose images it changes; absent for all. A source may stand twice in a recipe under two names,
    to be learnt from as it is and changed."""

    @model_validator(mode="after")
    def _validate_options(self) -> StepSpec:
        try:
            kind = find_kind(self.name)
        except UnknownNameError as error:
            raise ValueError(str(error)) from error
        kind.options.model_validate(self.model_extra or {})
        return self

    @property
    def is_batch(self) -> bool:
        """Whether it changes a whole step at once."""
        return isinstance(find_kind(self.name), BatchKind)

    def read_options(self) -> FileModel:
        """The kind's own keys."""
        return find_kind(self.name).options.model_validate(self.model_extra or {})

    def describe(self) -> dict[str, JsonValue]:
        """What decides its effect: its keys as they were given, and the contents of files that they name.

        Raises:
            DataError: They name a folder that has nothing.
        """
        # Without `only` where it is absent: recipes of runs that began before it existed have no such key.
        described = self.model_dump(mode="json", exclude_none=True)
        kind = find_kind(self.name)
        list_files = kind.list_files if isinstance(kind, StepKind) else None
        if list_files is not None and (files := list_files(self.read_options())):
            # By content: a folder of the same name may hold other pictures tomorrow.
            described["files_sha256"] = hash_lines(hash_file(path) for path in files)
        return described


def make_image_steps(
    specs: Sequence[StepSpec], *, cache: Path | None
) -> tuple[tuple[tuple[str, ...] | None, Step], ...]:
    """What changes single images, in order, each with the sources that it is for."""
    made = []
    for spec in specs:
        kind = find_kind(spec.name)
        if isinstance(kind, StepKind):
            made.append((spec.only, kind.make(spec.read_options(), cache)))
    return tuple(made)


def make_batch_steps(specs: Sequence[StepSpec]) -> tuple[ChosenBatchStep, ...]:
    """What changes whole steps, in order."""
    made = []
    for spec in specs:
        kind = find_kind(spec.name)
        if isinstance(kind, BatchKind):
            made.append(ChosenBatchStep(kind.make(spec.read_options()), spec.only))
    return tuple(made)


def make_views(
    image: Image.Image, steps: Sequence[Step], chance: np.random.Generator, side: int
) -> list[Image.Image]:
    """All views of an image: each step is given every view that the one before it made.

    Args:
        image: RGB.
        steps: In order.
        chance: Of this image in this epoch.
        side: Of the model's input, in pixels.
    """
    views = [image]
    for step in steps:
        views = [made for view in views for made in step(view, chance, side)]
    return views
