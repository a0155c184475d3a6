"""The augmentations there are: a row each, with its options and what makes it.

A recipe lists steps by name. A step turns one image into one or more views, and draws from the generator it
is given, so that an image in an epoch has the same views wherever and whenever they are made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, model_validator

from imagenet_g.baselines.augmenting import crops, multi_crop
from imagenet_g.benchmark.errors import UnknownNameError
from imagenet_g.benchmark.records import FileModel

Step = Callable[[Image.Image, np.random.Generator, int], Sequence[Image.Image]]
"""From an RGB image, the source of chance, and the side of the model's input in pixels to views."""


@dataclass(frozen=True, slots=True)
class StepKind:
    """A kind of augmentation.

    Attributes:
        name: In recipes.
        options: Its keys, strictly checked.
        make: A step from its options; called once in each process.
    """

    name: str
    options: type[FileModel]
    make: Callable[[Any], Step]


KINDS = (
    StepKind("inception-crop", crops.InceptionCropSpec, crops.make_inception_crop),
    StepKind("centre-crop", crops.CentreCropSpec, crops.make_centre_crop),
    StepKind("flip", crops.FlipSpec, crops.make_flip),
    StepKind("dino-multi-crop", multi_crop.MultiCropSpec, multi_crop.make_multi_crop),
)


def find_kind(name: str) -> StepKind:
    """A kind by its name.

    Raises:
        UnknownNameError: There is no such augmentation.
    """
    found = next((kind for kind in KINDS if kind.name == name), None)
    if found is None:
        raise UnknownNameError("augmentation", name, [kind.name for kind in KINDS])
    return found


class StepSpec(BaseModel):
    """A step of a recipe: the name of a kind, and the kind's own keys."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str

    @model_validator(mode="after")
    def _validate_options(self) -> StepSpec:
        try:
            kind = find_kind(self.name)
        except UnknownNameError as error:
            raise ValueError(str(error)) from error
        kind.options.model_validate(self.model_extra or {})
        return self

    def make(self) -> Step:
        """What does it."""
        kind = find_kind(self.name)
        return kind.make(kind.options.model_validate(self.model_extra or {}))


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
