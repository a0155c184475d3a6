"""The two sides of a comparison: images of a split, of some classes, and the CLIPs that influenced them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.catalogue.catalogue import find_release, load_split
from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.distances.lineage import list_clip_uses
from imagenet_g.benchmark.distances.measures import list_shared_classes
from imagenet_g.benchmark.distances.results import ClipUse
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.records import SplitRecord
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.benchmark.splits.references import SplitRef
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.splits.views import apply_view, find_view
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS, IntArray

if TYPE_CHECKING:
    from pydantic import JsonValue

Part = Literal["split", "reference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Images on one side of a comparison.

    Attributes:
        part: Which side.
        split: The whole split.
        record: The split with its view.
        rows: `(N,)` rows of the split.
        labels: `(N,)` class of each; an image with several acceptable labels counts for its first.
        clip_uses: CLIPs that influenced which images there are.
    """

    part: Part
    split: Split
    record: SplitRecord
    rows: npt.NDArray[np.intp]
    labels: IntArray
    clip_uses: tuple[ClipUse, ...]


def open_side(
    part: Part,
    ref: SplitRef,
    *,
    data: Mapping[str, Path],
    cache: Path | None,
    note: Callable[[str], None] | None = None,
) -> Side:
    """Open a split, through its view if it has one.

    Raises:
        ImagenetGError: As `catalogue.load_split` and `views.apply_view`.
    """
    split = load_split(ref, data=data, cache=cache, note=note)
    rows, record, view = np.arange(len(split.rows)), split.record, None
    if ref.view is not None:
        rows, _, record = apply_view(split, ref.view)
        view = find_view(split, ref.view)
    # An image without a class of ImageNet has no class mean that it could be far from.
    rows = rows[split.rows.labels[rows, 0] != NO_CLASS]
    return Side(
        part=part,
        split=split,
        record=record,
        rows=rows,
        labels=split.rows.labels[rows, 0],
        clip_uses=list_clip_uses(load_recipe(ref, data=data, cache=cache), part=part, view=view),
    )


def load_recipe(ref: SplitRef, *, data: Mapping[str, Path], cache: Path | None) -> JsonValue:
    """A release's record of how a split was made; None for real sets and folders, which have no recipe."""
    if ref.kind != "version":
        return None
    return load_manifest(find_release(ref, data, cache=cache)).splits[ref.name].recipe


def choose_classes(split: Side, reference: Side, wanted: Sequence[int] | None) -> tuple[int, ...]:
    """Classes to compare: all that both sides have, or the requested ones.

    Raises:
        InputError: A requested class has no image on one side, or there is no class that both have.
    """
    for side in (split, reference):
        for index in wanted or ():
            if index not in side.labels:
                info = load_classes()[index]
                raise InputError(
                    f"Class {info.wnid} ({info.name}) has no image in '{side.record.ref}'. Leave it out, or "
                    f"choose another {side.part}."
                )
    shared = list_shared_classes(split.labels, reference.labels)
    if not shared:
        raise InputError(
            f"'{split.record.ref}' ({len(np.unique(split.labels))} classes) and '{reference.record.ref}' "
            f"({len(np.unique(reference.labels))} classes) share no class: there is nothing to compare."
        )
    return shared if wanted is None else tuple(sorted(set(wanted)))


def restrict_side(side: Side, classes: Sequence[int], *, per_class: int | None) -> Side:
    """Only the given classes, and of each at most so many images, spread evenly over it.

    Raises:
        InputError: The number of images is not positive.
    """
    if per_class is not None and per_class < 1:
        raise InputError(f"The number of images a class must be at least 1, not {per_class}.")
    groups = [np.flatnonzero(side.labels == index) for index in classes]
    # In the order of the rows: neighbours lie in one row group, which is then read once.
    chosen = np.sort(np.concatenate([_spread(group, per_class) for group in groups]))
    return replace(side, rows=side.rows[chosen], labels=side.labels[chosen])


def _spread(positions: npt.NDArray[np.intp], limit: int | None) -> npt.NDArray[np.intp]:
    if limit is None or limit >= len(positions):
        return positions
    # Evenly over the class and not the first ones: neighbours are often of one source.
    return positions[np.arange(limit) * len(positions) // limit]
