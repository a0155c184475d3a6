"""PixMix: an image mixed several times with pictures of rich structure (Hendrycks et al., arXiv 2112.05135).

As pixmix f867e87 has it. Its mixing set, fractals and visualised features, is not used: fractals are drawn by
seed, or a folder is named. Theirs stays in floating point; here a view is an image of 8 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol

import numpy as np
from PIL import Image
from pydantic import Field

from imagenet_g.baselines.augmenting.crops import Maker
from imagenet_g.baselines.augmenting.pixmix_operations import (
    OPERATIONS,
    OVERLAPPING,
    Operation,
    Pixels,
    Severity,
    add,
    draw_shares,
    multiply,
)
from imagenet_g.baselines.fractals.pictures import FractalPictures, find_cache, open_folder
from imagenet_g.benchmark.records import FileModel

FRACTALS = "fractals"
_FOLDER = "folder:"
_MARGIN = 256 / 224
"""A picture's short side against the part that is mixed in, which is cut from it at random."""


class PixMixSpec(FileModel):
    """Mixed zero to `rounds` times with a picture or with a changed copy of itself."""

    rounds: Annotated[int, Field(ge=0, le=32)] = 4
    """k in the paper: at most so many; how many is drawn evenly."""
    beta: Annotated[float, Field(gt=0, le=1000)] = 4.0
    """The larger, the less is mixed in."""
    severity: Severity = 1.0
    """Of the operations."""
    all_operations: bool = True
    """Also colour, contrast, brightness and sharpness, which overlap with ImageNet-C. The paper's own command
    has them."""
    pictures: Annotated[str, Field(pattern=r"^(fractals|folder:.+)$")] = FRACTALS
    """ "fractals" draws them as they are needed, into the cache; or `folder:PATH`."""
    number: Annotated[int, Field(ge=1, le=10**6)] = 10_000
    """Of fractals; how many pictures the authors mix in was not looked up."""
    picture_px: Annotated[int, Field(ge=8, le=1024)] = 256
    """Side of a fractal."""
    picture_seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0


class MixingSet(Protocol):
    """Pictures by number."""

    def __len__(self) -> int: ...

    def read(self, number: int) -> Image.Image:
        """One picture, RGB."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """What is drawn for an image before it is mixed.

    Attributes:
        operations: That it may draw from.
        rounds: Most rounds.
        beta: How little is mixed in.
        severity: Of operations.
    """

    operations: tuple[Operation, ...]
    rounds: int
    beta: float
    severity: float


def make_pixmix(options: PixMixSpec, cache: Path | None) -> Maker:
    """One view of the image's own size.

    Raises:
        DataError: A folder of pictures has none.
    """
    pictures = open_pictures(options, cache)
    operations = OPERATIONS + OVERLAPPING if options.all_operations else OPERATIONS
    mixture = Mixture(operations, options.rounds, options.beta, options.severity)

    def mix(image: Image.Image, chance: np.random.Generator, side: int) -> Sequence[Image.Image]:
        # One picture for all rounds of an image, as theirs: rounds differ in what else is drawn.
        picture = cut_picture(pictures.read(int(chance.integers(len(pictures)))), image.size, chance)
        return (mix_image(image, picture, chance, mixture),)

    return mix


def open_pictures(options: PixMixSpec, cache: Path | None) -> MixingSet:
    """The mixing set.

    Raises:
        DataError: The folder has no picture.
    """
    if options.pictures != FRACTALS:
        return open_folder(Path(options.pictures.removeprefix(_FOLDER)).expanduser())
    seed, size = options.picture_seed, options.picture_px
    folder = None if cache is None else find_cache(cache, seed=seed, size_px=size)
    return FractalPictures(options.number, size, seed, folder)


def list_files(options: PixMixSpec) -> tuple[Path, ...]:
    """The files that decide what it does, besides its options; drawn fractals follow from their seed."""
    if options.pictures == FRACTALS:
        return ()
    return open_folder(Path(options.pictures.removeprefix(_FOLDER)).expanduser()).paths


def cut_picture(picture: Image.Image, size: tuple[int, int], chance: np.random.Generator) -> Image.Image:
    """A random part of a picture, of a given size.

    The picture is resized first, so that the part is 7/8 of its short side (theirs: 224 of 256 pixels).

    Example:
        >>> cut_picture(Image.new("RGB", (64, 48)), (32, 32), np.random.default_rng(0)).size
        (32, 32)
    """
    scale = max(size[0] * _MARGIN / picture.width, size[1] * _MARGIN / picture.height)
    width, height = (max(least, round(side * scale)) for side, least in zip(picture.size, size, strict=True))
    large = picture.resize((width, height), Image.Resampling.BILINEAR)
    left = int(chance.integers(width - size[0] + 1))
    upper = int(chance.integers(height - size[1] + 1))
    return large.crop((left, upper, left + size[0], upper + size[1]))


def mix_image(
    image: Image.Image, picture: Image.Image, chance: np.random.Generator, mixture: Mixture
) -> Image.Image:
    """An image mixed with a picture and with itself.

    Args:
        image: RGB.
        picture: RGB, of the same size.
        chance: Of this image.
        mixture: What may be drawn.
    """

    def change(source: Image.Image) -> Pixels:
        operation = mixture.operations[int(chance.integers(len(mixture.operations)))]
        return to_pixels(operation(source, chance, mixture.severity))

    mixed = change(image) if chance.random() < 0.5 else to_pixels(image)
    for _ in range(int(chance.integers(mixture.rounds + 1))):
        # A copy of the image and not of the mixture: it is changed once, whatever round it is.
        other = change(image) if chance.random() < 0.5 else to_pixels(picture)
        join = add if chance.random() < 0.5 else multiply
        a, b = draw_shares(chance, mixture.beta)
        mixed = np.clip(join(mixed, other, a, b), 0, 1)
    return Image.fromarray(np.round(mixed * 255).astype(np.uint8))


def to_pixels(image: Image.Image) -> Pixels:
    """`(H, W, 3)` values in [0, 1]."""
    return np.asarray(image, np.float32) / np.float32(255)
