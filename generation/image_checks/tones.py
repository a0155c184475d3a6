"""Colour and brightness against the reference, class by class, and images that show next to nothing."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.critiques.image_checks import MAX_LISTED, ClassTone, PlainImages, ToneDifference
from imagenet_g.benchmark.distances.measures import compute_mean
from imagenet_g.benchmark.statistics.intervals import find_student_quantile
from imagenet_g.generation.image_checks.images import CheckedImages
from imagenet_g.generation.image_checks.looks import FloatArray, ImageLooks
from imagenet_g.generation.near_duplicates.reference import FLAT_STD

Tone = Literal["brightness", "contrast", "saturation", "hue_entropy"]
TONES: dict[Tone, str] = {
    "brightness": "mean grey value, 0 to 1",
    "contrast": "standard deviation of the grey values, 0 to 0.5",
    "saturation": "mean saturation of HSV, 0 to 1",
    "hue_entropy": "entropy of the hues in 36 bins, in bits",
}
NUM_FURTHEST = 8
BLACK_MAX_GREY = 25.0
"""A tenth of the range."""
WHITE_MIN_GREY = 230.0
LOW_CONTRAST_RANGE = 0.05
"""The default of `skimage.exposure.is_low_contrast`."""


def compare_tones(images: CheckedImages, reference: CheckedImages) -> tuple[ToneDifference, ...]:
    """Each tone of the split less that of the reference, over the classes that both have."""
    found = (_compare_tone(tone, images, reference) for tone in TONES)
    return tuple(one for one in found if one is not None)


def _compare_tone(tone: Tone, images: CheckedImages, reference: CheckedImages) -> ToneDifference | None:
    mine, theirs = (group_by_class(side.looks.get(tone), side.labels) for side in (images, reference))
    shared = [label for label in mine if label in theirs]
    if not shared:
        return None
    classes = [_compare_class(label, mine[label], theirs[label]) for label in shared]
    furthest = sorted(classes, key=lambda one: (-abs(one.value), one.wnid))
    return ToneDifference(
        tone=tone,
        unit=TONES[tone],
        split=compute_mean([float(mine[label].mean()) for label in shared]),
        reference=compute_mean([float(theirs[label].mean()) for label in shared]),
        difference=compute_mean([one.value for one in classes]),
        furthest=tuple(furthest[:NUM_FURTHEST]),
    )


def group_by_class(values: FloatArray, labels: npt.NDArray[np.int64]) -> dict[int, FloatArray]:
    """The values of each class that are known; classes without one are left out.

    Example:
        >>> group_by_class(np.array([1.0, np.nan, 3.0]), np.array([7, 5, 7]))
        {7: array([1., 3.])}
    """
    known = np.isfinite(values)
    return {int(label): values[known & (labels == label)] for label in np.unique(labels[known])}


def compute_welch_interval(first: FloatArray, second: FloatArray) -> tuple[float, float] | None:
    """95 % interval of the mean of `first` less that of `second`; None where it is unknown.

    It is unknown where one side has fewer than two values, and where nothing varies.

    Source: Welch 1947; the degrees of freedom are those of Satterthwaite 1946.

    Args:
        first: `(N,)`.
        second: `(M,)`, independent of the first.

    Example:
        >>> [round(bound, 3) for bound in compute_welch_interval(np.array([1.0, 3.0]), np.array([0.0, 2.0]))]
        [-5.085, 7.085]
        >>> compute_welch_interval(np.array([1.0]), np.array([0.0, 2.0])) is None
        True
        >>> compute_welch_interval(np.array([1.0, 1.0]), np.array([0.0, 0.0])) is None
        True
    """
    if min(len(first), len(second)) < 2:
        return None
    parts = [float(side.var(ddof=1)) / len(side) for side in (first, second)]
    total = sum(parts)
    # Values that are all equal say nothing of how others would vary.
    if total == 0:
        return None
    sizes = (len(first), len(second))
    freedom = total**2 / sum(part**2 / (size - 1) for part, size in zip(parts, sizes, strict=True))
    half = find_student_quantile(freedom) * total**0.5
    value = float(first.mean() - second.mean())
    return value - half, value + half


def _compare_class(label: int, mine: FloatArray, theirs: FloatArray) -> ClassTone:
    bounds = compute_welch_interval(mine, theirs)
    return ClassTone(
        wnid=load_classes()[label].wnid,
        n_split=len(mine),
        n_reference=len(theirs),
        value=float(mine.mean() - theirs.mean()),
        low=None if bounds is None else bounds[0],
        high=None if bounds is None else bounds[1],
    )


def find_plain(looks: ImageLooks) -> dict[str, npt.NDArray[np.bool_]]:
    """`(N,)` masks of images that show next to nothing, by what makes them so; an unreadable one is in none.

    Flat: no channel varies by more than the limit of builds. Near-black and near-white: 99 % of the pixels
    are. Low contrast: the middle 98 % of the grey values span less than a twentieth of the range, as
    `skimage.exposure.is_low_contrast` has it.
    """
    low, high = looks.get("grey_low"), looks.get("grey_high")
    # NaN of an unreadable image is beyond no limit.
    with np.errstate(invalid="ignore"):
        return {
            "flat": looks.get("spread") <= FLAT_STD,
            "near_black": high <= BLACK_MAX_GREY,
            "near_white": low >= WHITE_MIN_GREY,
            "low_contrast": (high - low) / 255 < LOW_CONTRAST_RANGE,
        }


def count_plain(images: CheckedImages) -> PlainImages:
    """How many images show next to nothing, and which."""
    masks = find_plain(images.looks)
    plain = np.flatnonzero(np.logical_or.reduce(list(masks.values())))
    names = [images.name(int(number)) for number in plain]
    return PlainImages(
        num_images=len(images),
        num_flat=int(masks["flat"].sum()),
        flat_max_std=FLAT_STD,
        num_near_black=int(masks["near_black"].sum()),
        black_max_grey=BLACK_MAX_GREY,
        num_near_white=int(masks["near_white"].sum()),
        white_min_grey=WHITE_MIN_GREY,
        num_low_contrast=int(masks["low_contrast"].sum()),
        low_contrast_range=LOW_CONTRAST_RANGE,
        num_any=len(plain),
        any_by_class=dict(sorted(Counter(wnid for _, wnid in names).items())),
        listed=tuple(image_id for image_id, _ in names[:MAX_LISTED]),
    )
