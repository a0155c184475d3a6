"""How closely a release can be regenerated on this machine: R0, R1 or R2, with distances.

R0  same bytes          every image of the sample has the recorded pixels
R1  near                the mean absolute difference is at most `R1_MEAN_LEVELS` of 255
R2  statistically alike the accuracy of a judge on the remade sample lies in the 95 % interval of the original

An adopted split has no recipe to render: it "cannot be remade" on any machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.images.decoding import decode_image
from imagenet_g.benchmark.records import Count, FileModel, Fraction
from imagenet_g.benchmark.statistics.intervals import compute_wilson_interval

if TYPE_CHECKING:
    from PIL import Image

    from imagenet_g.generation.releases.reading import Row

R1_MEAN_LEVELS = 2.0
Level = Literal["R0", "R1", "R2", "none", "unknown", "cannot be remade"]


class Distance(FileModel):
    """Distance of remade images from the released ones, in levels of 0..255."""

    num_images: Count
    num_identical: Count
    max_levels: int
    mean_levels: float
    share_of_values_changed: Fraction


class JudgeComparison(FileModel):
    """Accuracy of a model on the released and on the remade sample."""

    model: str
    n: Count
    top1_released: Fraction
    top1_remade: Fraction
    low: Fraction
    """Wilson interval of the released sample's accuracy, 95 %."""
    high: Fraction
    feature_cosine: float | None
    """Mean cosine of CLIP features, image by image; null for judges that are not CLIP."""


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
    blocked: bool = False
    """Whether the user can change what kept the probe from being rendered: a missing package or folder."""


def compute_distance(released: Sequence[Row], remade: Sequence[Row]) -> Distance:
    """Pixel distances of two lists of rows with the same images.

    Raises:
        InputError: The lists differ in their images, or are empty.
    """
    if not released or [r["image_id"] for r in released] != [r["image_id"] for r in remade]:
        raise InputError("The released and the remade rows are not the same images.")
    differences = [_compare(a, b) for a, b in zip(released, remade, strict=True)]
    total = sum(difference.size for difference in differences)
    changed = sum(int((difference > 0).sum()) for difference in differences)
    return Distance(
        num_images=len(differences),
        num_identical=sum(not difference.any() for difference in differences),
        max_levels=max(int(difference.max()) for difference in differences),
        mean_levels=sum(float(difference.sum(dtype=np.float64)) for difference in differences) / total,
        share_of_values_changed=changed / total,
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
    far = f"mean difference {distance.mean_levels:.5f} levels, max {distance.max_levels}"
    if distance.mean_levels <= R1_MEAN_LEVELS:
        batch = "" if same_batch_size else ", with another batch size than the recipe's"
        return "R1", f"{far}: at most {R1_MEAN_LEVELS} on average{batch}"
    if judge is None:
        return "unknown", f"{far}: beyond R1, and R2 needs a judge (--judge MODEL)"
    interval = f"[{judge.low:.3f}, {judge.high:.3f}]"
    if judge.low <= judge.top1_remade <= judge.high:
        return "R2", f"{far}; {judge.model} scores {judge.top1_remade:.3f}, inside {interval}"
    return "none", f"{far}; {judge.model} scores {judge.top1_remade:.3f}, outside {interval}"


def compare_judgements(
    model: str,
    labels: Sequence[int],
    released: Sequence[int],
    remade: Sequence[int],
    cosine: float | None,
) -> JudgeComparison:
    """A judge's accuracy on both samples.

    Args:
        model: The judge's spec.
        labels: Class indices of the sample.
        released: Predicted classes of the released images.
        remade: Predicted classes of the remade images.
        cosine: Mean cosine of features, or None.
    """
    right = sum(a == b for a, b in zip(labels, released, strict=True))
    # Wilson's, because a probe is small and a judge may be right on nearly all or none of it.
    low, high = compute_wilson_interval(right, len(labels))
    return JudgeComparison(
        model=model,
        n=len(labels),
        top1_released=right / len(labels),
        top1_remade=sum(a == b for a, b in zip(labels, remade, strict=True)) / len(labels),
        low=low,
        high=high,
        feature_cosine=cosine,
    )


def list_runtime_differences(here: dict[str, str], there: Sequence[dict[str, str]]) -> tuple[str, ...]:
    """Versions and hardware that differ from those a release was made with.

    Example:
        >>> list_runtime_differences({"torch": "2.9"}, [{"torch": "2.15"}, {"torch": "2.14"}])
        ('torch: 2.9 here, 2.14 or 2.15 there',)
    """
    known = {key: sorted({runtime.get(key, "absent") for runtime in there}) for key in sorted(here)}
    return tuple(
        f"{key}: {here[key]} here, {' or '.join(values)} there"
        for key, values in known.items()
        if values != [here[key]]
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


def _compare(released: Row, remade: Row) -> npt.NDArray[np.int16]:
    # Signed, because a difference of bytes below zero wraps around.
    pixels = [np.asarray(open_image(row), dtype=np.int16) for row in (released, remade)]
    if pixels[0].shape != pixels[1].shape:
        raise InputError(f"Image '{released['image_id']}' was rendered with another size.")
    difference: npt.NDArray[np.int16] = np.abs(pixels[0] - pixels[1])
    return difference
