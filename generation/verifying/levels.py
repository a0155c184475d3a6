"""How closely a release can be regenerated on this machine: R0, R1 or R2, with distances.

R0  same bytes          every image of the sample has the recorded pixels
R1  near                the mean absolute difference of every image is at most `R1_MEAN_LEVELS` of 255
R2  statistically alike a judge that reads the images better than by chance is as accurate on the remade
                        sample, and a test of its features cannot tell the two samples apart

An adopted split has no recipe to render: it "cannot be remade" on any machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.images.decoding import decode_image
from imagenet_g.benchmark.records import Count, FileModel, Fraction
from imagenet_g.generation.generators.machine import CHOICES
from imagenet_g.generation.verifying.judging import JudgeComparison, judge_likeness

if TYPE_CHECKING:
    from PIL import Image

    from imagenet_g.generation.releases.reading import Row

R1_MEAN_LEVELS = 2.0
Level = Literal["R0", "R1", "R2", "none", "unknown", "cannot be remade"]
LEVELS: tuple[Level, ...] = ("R0", "R1", "R2")
"""From the strictest."""


class Distance(FileModel):
    """Distance of remade images from the released ones, in levels of 0..255."""

    num_images: Count
    num_identical: Count
    max_levels: int
    mean_levels: float
    worst_levels: float
    """Mean difference of the image that differs most: one wrong image moves the mean of all by little."""
    worst_image: str
    """Its id."""
    share_of_values_changed: Fraction


@dataclass(frozen=True, slots=True)
class ImageDifference:
    """Absolute differences of one image's values, in levels of 0..255.

    Attributes:
        image_id: The image.
        largest: Of all values.
        total: Sum over all values.
        num_changed: Values that differ.
        num_values: Values of the image.
    """

    image_id: str
    largest: int
    total: float
    num_changed: int
    num_values: int


class Chances(FileModel):
    """How many images were rendered again, and how likely a change elsewhere escapes."""

    num_released: Count
    num_rendered: Count
    num_drawn: Count
    """Of these, the images of batches that were drawn outside the probe."""
    draw_seed: int | None
    """Null where nothing was drawn."""
    missed: Fraction
    """Chance that one changed image outside the rendered part of the probe is in no batch that was drawn."""


class SplitVerification(FileModel):
    """The verdict on one split."""

    split: str
    level: Level
    distance: Distance | None
    judge: JudgeComparison | None
    runtime_differs: tuple[str, ...]
    """What differs between this machine and the one that built the release: "torch: 2.9 here, 2.15 there"."""
    reason: str
    """Reason for the level, in one sentence."""
    expected: Level | None = None
    """The level asked for, or claimed by the manifest; null where it claims none."""
    reached: bool = True
    """Whether the level is at least the expected one."""
    chances: Chances | None = None
    """Null where nothing was rendered."""
    notes: tuple[str, ...] = ()
    """What could not be checked here, and why."""
    blocked: bool = False
    """Whether the user can change what kept the probe from being rendered: a missing package or folder."""


def compute_distance(released: Sequence[Row], remade: Sequence[Row]) -> Distance:
    """Pixel distances of two lists of rows with the same images.

    Raises:
        InputError: The lists differ in their images, or are empty.
    """
    if not released or [r["image_id"] for r in released] != [r["image_id"] for r in remade]:
        raise InputError("The released and the remade rows are not the same images.")
    return summarize_differences([measure_difference(a, b) for a, b in zip(released, remade, strict=True)])


def summarize_differences(differences: Sequence[ImageDifference]) -> Distance:
    """The distance of two samples from the differences of their images, at least one."""
    total = sum(one.num_values for one in differences)
    worst = max(differences, key=lambda one: one.total / one.num_values)
    return Distance(
        num_images=len(differences),
        num_identical=sum(one.num_changed == 0 for one in differences),
        max_levels=max(one.largest for one in differences),
        mean_levels=sum(one.total for one in differences) / total,
        worst_levels=worst.total / worst.num_values,
        worst_image=worst.image_id,
        share_of_values_changed=sum(one.num_changed for one in differences) / total,
    )


def decide_level(
    distance: Distance, judge: JudgeComparison | None, *, same_batch_size: bool
) -> tuple[Level, str]:
    """The best level that the distances allow, and the reason.

    Another batch size is another recipe: it is R1 at best, even where rounding to 8 bits hides the
    difference in every image of the sample.
    """
    if distance.num_identical == distance.num_images and same_batch_size:
        return "R0", f"all {distance.num_images} images have the same pixels"
    far = (
        f"mean difference {distance.mean_levels:.5f} levels, of the worst image "
        f"{distance.worst_levels:.5f}, max {distance.max_levels}"
    )
    if distance.worst_levels <= R1_MEAN_LEVELS:
        batch = "" if same_batch_size else ", with another batch size than the recipe's"
        return "R1", f"{far}: at most {R1_MEAN_LEVELS} on average in every image{batch}"
    beyond = f"{far} (image '{distance.worst_image}'): beyond R1"
    if judge is None:
        return "unknown", f"{beyond}, and R2 needs a judge (--judge MODEL)"
    level, reason = judge_likeness(judge)
    return level, f"{beyond}; {reason}"


def compute_chances(
    *, num_released: int, num_rendered: int, num_drawn: int, batches: tuple[int, int], seed: int | None
) -> Chances:
    """The chance that a changed image is missed.

    Args:
        num_released: Images of the split.
        num_rendered: Images that were rendered again.
        num_drawn: Of these, images of drawn batches.
        batches: Batches that were drawn, and all batches that could have been.
        seed: Seed of the draw.

    Example:
        >>> compute_chances(num_released=40, num_rendered=16, num_drawn=8, batches=(1, 4), seed=7).missed
        0.75
    """
    drawn, drawable = batches
    return Chances(
        num_released=num_released,
        num_rendered=num_rendered,
        num_drawn=num_drawn,
        draw_seed=seed,
        missed=1 - drawn / drawable if drawable else 0.0,
    )


def list_runtime_differences(here: dict[str, str], there: Sequence[dict[str, str]]) -> tuple[str, ...]:
    """Versions and hardware that differ from those a release was made with.

    Example:
        >>> list_runtime_differences({"torch": "2.9"}, [{"torch": "2.15"}, {"torch": "2.14"}])
        ('torch: 2.9 here, 2.14 or 2.15 there',)
    """
    # A choice of a run is recorded only where one was made, so that it may be missing on either side.
    chosen = {key for runtime in there for key in runtime if key.startswith(CHOICES)}
    ours = dict.fromkeys(chosen, "none") | here
    known = {
        key: sorted(
            {runtime.get(key, "none" if key.startswith(CHOICES) else "not recorded") for runtime in there}
        )
        for key in sorted(ours)
    }
    return tuple(
        f"{key}: {ours[key]} here, {' or '.join(values)} there"
        for key, values in known.items()
        if values != [ours[key]]
    )


def open_image(row: Row) -> Image.Image:
    """The image of a row.

    Raises:
        InputError: The row has no image, because it could not be rendered.
    """
    data = row["image"]
    if not isinstance(data, bytes):
        raise InputError(f"Image '{row['image_id']}' could not be rendered: {row.get('error')}.")
    return decode_image(data)


def measure_difference(released: Row, remade: Row) -> ImageDifference:
    """Differences of one image from its remade one.

    Raises:
        InputError: One of them was not rendered.
        DataError: They differ in size.
    """
    # Signed, because a difference of bytes below zero wraps around.
    pixels = [np.asarray(open_image(row), dtype=np.int16) for row in (released, remade)]
    if pixels[0].shape != pixels[1].shape:
        raise DataError(f"Image '{released['image_id']}' is rendered with another size.")
    difference = np.abs(pixels[0] - pixels[1])
    return ImageDifference(
        image_id=str(released["image_id"]),
        largest=int(difference.max()),
        total=float(difference.sum(dtype=np.float64)),
        num_changed=int((difference > 0).sum()),
        num_values=difference.size,
    )
