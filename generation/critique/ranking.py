"""The worst and the best images of a split by single measures. Pure functions on features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.critiques.critique import Extremes, RankedImage
from imagenet_g.generation.critique.materials import EmbeddedPair, EmbeddedSide

NUM_SHOWN = 8
MIN_MEAN_IMAGES = 3
"""Fewer reference images make no mean of a class."""
_PIECE = 2048
"""Images compared with all classes at a time: memory does not grow with a split."""
FloatArray = npt.NDArray[np.float64]


def rank_images(
    split: EmbeddedSide, values: FloatArray, *, measure: str, note: str, number: int = NUM_SHOWN
) -> Extremes:
    """The images at both ends of a measure.

    Args:
        split: The images.
        values: `(M,)` of each, high for good; NaN leaves an image out.
        measure: What the values are.
        note: How to read them.
        number: Images at each end, at most a half of all.
    """
    known = np.flatnonzero(np.isfinite(values))
    # Stable, so that equal values come in the order of the images on every machine.
    order = known[np.argsort(values[known], kind="stable")]
    # No image is among the worst and the best.
    number = min(number, len(order) // 2)
    worst, best = order[:number], order[::-1][:number]
    return Extremes(
        measure=measure,
        note=note,
        worst=_name_images(split, values, worst.tolist()),
        best=_name_images(split, values, best.tolist()),
    )


def compute_class_cosines(split: EmbeddedSide, reference: EmbeddedSide) -> FloatArray:
    """Cosine of each image to the mean of its class in the reference; NaN where that has too few images.

    Args:
        split: M images with features of length 1.
        reference: Real images with features by the same model.

    Returns:
        `(M,)` in [-1, 1].
    """
    values = np.full(len(split.labels), np.nan)
    for index in np.unique(split.labels):
        known = reference.vectors[reference.labels == index].astype(np.float64)
        if len(known) < MIN_MEAN_IMAGES:
            continue
        mean = known.mean(axis=0)
        length = float(np.linalg.norm(mean))
        if length > 0:
            mine = split.labels == index
            values[mine] = np.clip(split.vectors[mine].astype(np.float64) @ (mean / length), -1.0, 1.0)
    return values


def compute_class_margins(split: EmbeddedSide, reference: EmbeddedSide) -> FloatArray:
    """Cosine to the mean of the own class less that to the nearest other class; negative for another class.

    Args:
        split: M images with features of length 1.
        reference: Real images with features by the same model.

    Returns:
        `(M,)` in [-2, 2]; NaN where the own class has too few reference images, or no other class has enough.
    """
    classes, means = _list_means(reference)
    if len(classes) < 2:
        return np.full(len(split.labels), np.nan)
    found = [
        _compute_margins(
            split.vectors[start : start + _PIECE], split.labels[start : start + _PIECE], classes, means
        )
        for start in range(0, len(split.labels), _PIECE)
    ]
    return np.concatenate(found) if found else np.empty(0)


def _compute_margins(
    vectors: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
    classes: npt.NDArray[np.int64],
    means: FloatArray,
) -> FloatArray:
    cosines = vectors.astype(np.float64) @ means.T
    own = labels[:, None] == classes[None, :]
    # NaN, which leaves an image out; minus infinity would rank it as the worst.
    mine = np.where(own.any(axis=1), np.where(own, cosines, -np.inf).max(axis=1), np.nan)
    return np.asarray(mine - np.where(own, -np.inf, cosines).max(axis=1))


def rank_by_features(pair: EmbeddedPair) -> tuple[Extremes, ...]:
    """Both rankings that features give."""
    name = pair.record.name
    split, reference = pair.split.scale_to_length_1(), pair.reference.scale_to_length_1()
    return (
        rank_images(
            split,
            compute_class_cosines(split, reference),
            measure=f"likeness to the class, by {name}",
            note="Cosine of an image to the mean of the reference's images of its class. A low one is a "
            "reason to "
            "look: an unusual picture of the class has one as well.",
        ),
        rank_images(
            split,
            compute_class_margins(split, reference),
            measure=f"own class against all others, by {name}",
            note="Cosine to the mean of the image's own class less that to the nearest other class. Below 0 "
            "the "
            "image looks more like the reference's images of another class.",
        ),
    )


def _list_means(reference: EmbeddedSide) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Classes with enough images, and their means brought to length 1."""
    classes, means = [], []
    for index in np.unique(reference.labels):
        known = reference.vectors[reference.labels == index].astype(np.float64)
        length = float(np.linalg.norm(known.mean(axis=0)))
        if len(known) >= MIN_MEAN_IMAGES and length > 0:
            classes.append(int(index))
            means.append(known.mean(axis=0) / length)
    return np.array(classes, dtype=np.int64), np.array(means).reshape(len(classes), -1)


def _name_images(split: EmbeddedSide, values: FloatArray, chosen: Sequence[int]) -> tuple[RankedImage, ...]:
    return tuple(
        RankedImage(
            image_id=split.image_ids[number],
            wnid=load_classes()[int(split.labels[number])].wnid,
            value=float(values[number]),
        )
        for number in chosen
    )
