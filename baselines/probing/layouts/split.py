"""A split of this project, or views of it, as a data set of a probe: other classes, or a held-out style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagenet_g.baselines.probing.layouts.listing import (
    ColumnlessReader,
    ListedImage,
    SetListing,
    hash_images,
)
from imagenet_g.baselines.probing.specs import Part, ProbeSetSpec, SplitLayout
from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.classes import load_class_set, load_classes
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.images.found import ImageReader
from imagenet_g.benchmark.splits.references import SplitRef, parse_split_ref
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.splits.views import apply_view
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS

NO_FOLDER = Path()
"""Stands for a set that needs no folder."""


def read_split(root: Path, layout: SplitLayout) -> SetListing:
    """The images of a split by part, in the order of the parts and of the split.

    Args:
        root: Local copy of the version or real set; `NO_FOLDER` to find it as `evaluate` does without --data.
        layout: Which views, and which classes are left out.

    Raises:
        InputError: A view has no image, an image is in two parts, or the split's images have a border.
        ImagenetGError: As opening the split does.
    """
    refs = {part: [parse_split_ref(ref) for ref in names] for part, names in layout.parts.items()}
    first = next(iter(refs.values()))[0]
    data = {} if root == NO_FOLDER else {_name_data(first): root}
    split = load_split(first, data=data, cache=None)
    # A probe decodes the file as it is: a border that tells the split would be part of the image.
    if split.border_px:
        raise InputError(f"The images of '{first.base}' have a border of {split.border_px} pixels: no probe.")
    left_out = set(load_class_set(layout.without_classes).indices) if layout.without_classes else set()
    chosen = [
        (row, part)
        for part, views in refs.items()
        for row in _list_rows(split, views)
        if split.rows.labels[row, 0] not in left_out
    ]
    rows = [row for row, _ in chosen]
    reader = ChosenReader(split.reader, rows)
    images = tuple(_list_image(split, row, part) for row, part in chosen)
    return SetListing(images, reader, hash_images(reader, len(rows)))


@dataclass(frozen=True, slots=True)
class ChosenReader(ColumnlessReader):
    """Some images of a reader.

    Attributes:
        reader: Of all.
        rows: Which, in order.
    """

    reader: ImageReader
    rows: Sequence[int]

    def read_image(self, row: int) -> bytes:
        """Encoded bytes of one image."""
        return self.reader.read_image(self.rows[row])


def find_copy(spec: ProbeSetSpec, data: Mapping[str, Path]) -> Path | None:
    """The folder of a set: by its own name, or, of one that is a split, by that of the version or real set.

    Args:
        spec: The set.
        data: Local copies by name.
    """
    views = [place.layout.parts for place in spec.places if isinstance(place.layout, SplitLayout)]
    names = (spec.name, *(_name_data(parse_split_ref(next(iter(parts.values()))[0])) for parts in views))
    return next((data[name] for name in names if name in data), None)


def _name_data(ref: SplitRef) -> str:
    return ref.version or ref.name.partition("/")[0]


def _list_rows(split: Split, refs: Sequence[SplitRef]) -> list[int]:
    rows = [
        np.arange(len(split.rows)) if ref.view is None else apply_view(split, ref.view)[0] for ref in refs
    ]
    # Two views may share images, and each is listed once.
    found = np.unique(np.concatenate(rows))
    # An image without a class of ImageNet has no label here.
    return [int(row) for row in found if split.rows.labels[row, 0] != NO_CLASS]


def _list_image(split: Split, row: int, part: Part) -> ListedImage:
    label = load_classes()[int(split.rows.labels[row, 0])].wnid
    return ListedImage(split.rows.image_ids[row], label, part)
