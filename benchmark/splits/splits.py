"""A split in memory: ids and acceptable labels of the images, and how to read one.

Rows are light (ids and labels); image bytes are read one at a time, so memory does not grow with the images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.classes import ClassSet, make_class_set
from imagenet_g.benchmark.images.found import ImageReader
from imagenet_g.benchmark.records import Outputs, SplitRecord
from imagenet_g.benchmark.splits.manifests import ScorerRecord, ViewSpec
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS
from imagenet_g.benchmark.strengths.axis import Strengths


@dataclass(frozen=True, slots=True)
class SplitRows:
    """Identity and labels of the images, in the split's own order.

    Attributes:
        image_ids: N identities, unique within the split.
        labels: `(N, L)` int16 acceptable class indices, padded with -1.
        source_image_ids: N identities of the real images they were made from, or None each.
        strengths: How strongly each is shifted; None where the split does not say.
    """

    image_ids: tuple[str, ...]
    labels: npt.NDArray[np.int16]
    source_image_ids: tuple[str | None, ...]
    strengths: Strengths | None = None

    def __len__(self) -> int:
        return len(self.image_ids)


@dataclass(frozen=True, slots=True)
class Split:
    """A whole split, before any view.

    Attributes:
        record: What goes into results.
        rows: Ids and labels.
        reader: Where the images are.
        class_set: Classes the images cover, named "split-classes" (or "all").
        outputs: "split-classes" where the set is defined over those classes (ImageNet-R, -A, ObjectNet, a
            release of fewer than 1000), "all" where a missing class is no choice of the set (a folder).
        views: Row filters defined by the release.
        scorers: The models behind columns of scores, by the name that ends the column.
        likes: For scores that are kept apart from the images, the release whose filter they follow.
        border_px: Pixels to cut from each side before anything else (ObjectNet's red border).
        precropped: Whether images are already at 224 x 224 and must not be resized and cropped again (-C).
    """

    record: SplitRecord
    rows: SplitRows
    reader: ImageReader
    class_set: ClassSet
    outputs: Outputs
    views: dict[str, ViewSpec] = field(default_factory=dict)
    scorers: dict[str, ScorerRecord] = field(default_factory=dict)
    likes: dict[str, str] = field(default_factory=dict)
    border_px: int = 0
    precropped: bool = False


def make_labels(labels: Sequence[Sequence[int]]) -> npt.NDArray[np.int16]:
    """`(N, L)` int16 labels from ragged lists, padded with -1.

    Example:
        >>> make_labels([[3], [7, 9]]).tolist()
        [[3, -1], [7, 9]]
    """
    width = max((len(row) for row in labels), default=1)
    padded = np.full((len(labels), width), NO_CLASS, dtype=np.int16)
    for number, row in enumerate(labels):
        padded[number, : len(row)] = row
    return padded


def make_split_class_set(labels: npt.NDArray[np.int16]) -> ClassSet:
    """Every class that some image may be called; named "all" when that is all 1000.

    Example:
        >>> make_split_class_set(make_labels([[3], [7, 9], [3]]))
        ClassSet(name='split-classes', indices=(3, 7, 9))
    """
    indices = sorted({int(index) for index in np.unique(labels) if index != NO_CLASS})
    return make_class_set("all" if len(indices) == 1000 else "split-classes", indices)
