"""Images of a split that are nearly the same as others, and images that may be copies of training images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.critiques.image_checks import MemorySearch, NearDuplicatesSection, PairSearch
from imagenet_g.generation.image_checks.images import CheckedImages
from imagenet_g.generation.image_checks.memory import search_memory
from imagenet_g.generation.image_checks.near_pairs import (
    NUM_CLOSEST,
    FoundPair,
    Kind,
    describe_search,
    search_pairs,
)
from imagenet_g.generation.image_checks.nearest import find_class_level
from imagenet_g.generation.image_checks.sheet import SheetPart, ShownPair, write_sheet

MAX_BITS = 4
"""Bits in which the hashes of two images may differ, as in `imagenet-g adopt`."""
MOST_ALIKE = 0.99
"""No pair of images needs a higher cosine than this to be confirmed."""
_LEVEL_SHARE = 0.99
_TITLES: dict[Kind, str] = {
    "within": "inside {ref}",
    "split": "left: {mine}, right: {ref}",
    "reference": "left: {mine}, right: the reference {ref}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedImages:
    """What the images of a split are compared with, besides one another.

    Attributes:
        splits: Other splits of the same release.
        reference: The real images; None without.
        training: Sets that the generator was trained on, as far as they were given.
        unseen: Real images that it was not trained on, for the level; None for the reference.
    """

    splits: Sequence[CheckedImages] = ()
    reference: CheckedImages | None = None
    training: Sequence[CheckedImages] = ()
    unseen: CheckedImages | None = None


def measure_near_duplicates(
    images: CheckedImages,
    compared: ComparedImages,
    *,
    max_distance: int = MAX_BITS,
    sheet: Path | None = None,
) -> NearDuplicatesSection:
    """Search for images that are nearly the same as others.

    Args:
        images: The split's.
        compared: The other sets; embeddings, where there are any, are of one model on all sides.
        max_distance: Bits in which two hashes may differ, 0 to 16.
        sheet: Where the contact sheet of the closest pairs is written; None for none. Without a pair there is
            no file, and one from before is removed.

    Raises:
        StorageError: The sheet cannot be written.
    """
    level = _find_level(images, compared.reference)
    searches, parts = _search_all(images, compared, max_distance, level)
    memory, memory_parts = _search_training(images, compared)
    shown = [part for part in (*parts, *memory_parts) if part.pairs]
    if sheet is not None:
        sheet.unlink(missing_ok=True)
        if shown:
            write_sheet(sheet, images, shown)
    me = images.describe()
    return NearDuplicatesSection(
        max_distance=max_distance,
        features=images.features if images.vectors is not None else None,
        min_cosine=level,
        min_cosine_rule=None if level is None else _explain_level(compared.reference),
        num_images=me.num_images,
        num_unreadable=me.num_unreadable,
        num_flat=me.num_flat,
        searches=tuple(searches),
        memory=memory,
        memory_reason=None if memory else _explain_memory(images, compared),
        sheet=sheet.name if sheet is not None and shown else None,
    )


def _find_level(images: CheckedImages, reference: CheckedImages | None) -> float | None:
    """Cosine from which a pair is confirmed: the reference's own level, else the highest that is asked."""
    if images.vectors is None:
        return None
    if reference is None or reference.vectors is None:
        return MOST_ALIKE
    present = np.isfinite(reference.vectors).all(axis=1)
    level = find_class_level(reference.vectors[present], reference.labels[present], _LEVEL_SHARE)
    # Copies among the real images would put their level at 1, which no other pair reaches.
    return MOST_ALIKE if level is None else min(level, MOST_ALIKE)


def _explain_level(reference: CheckedImages | None) -> str:
    if reference is None or reference.vectors is None:
        return f"{MOST_ALIKE}, as there are no embeddings of real images that could give a level"
    return (
        f"what 1 % of the images of '{reference.ref}' pass with the nearest other image of their class, at "
        f"most {MOST_ALIKE}"
    )


def _search_all(
    images: CheckedImages, compared: ComparedImages, max_distance: int, level: float | None
) -> tuple[list[PairSearch], list[SheetPart]]:
    sides: list[tuple[Kind, CheckedImages | None]] = [("within", None)]
    sides += [("split", split) for split in compared.splits]
    sides += [("reference", compared.reference)] if compared.reference is not None else []
    searches, parts = [], []
    for kind, others in sides:
        pairs = search_pairs(images, others, max_distance)
        theirs = others or images
        searches.append(describe_search(kind, images, theirs, pairs, min_cosine=level))
        title = _TITLES[kind].format(mine=images.ref, ref=theirs.ref)
        shown = tuple(_show(pair, images, theirs) for pair in pairs[:NUM_CLOSEST])
        parts.append(SheetPart(f"{title}: {len(pairs)} images that look like another", theirs, shown))
    return searches, parts


def _search_training(
    images: CheckedImages, compared: ComparedImages
) -> tuple[tuple[MemorySearch, ...], Iterable[SheetPart]]:
    unseen = compared.unseen or compared.reference
    found = [(one, search_memory(images, one, unseen)) for one in compared.training]
    records, parts = [], []
    for training, result in found:
        if result is None:
            continue
        record, places = result
        records.append(record)
        shown = tuple(
            ShownPair(
                number, other, (_name_classes(images, training, number, other), f"cos {one.cosine:.3f}")
            )
            for (number, other), one in zip(places, record.candidates, strict=True)
        )
        parts.append(SheetPart(f"left: {images.ref}, right: trained on, {training.ref}", training, shown))
    return tuple(records), parts


def _explain_memory(images: CheckedImages, compared: ComparedImages) -> str:
    if not compared.training:
        return "no set that the generator was trained on was given, so nothing says which images are copies"
    if images.vectors is None:
        return "there are no embeddings of the images"
    return "the training sets have no embeddings"


def _show(pair: FoundPair, images: CheckedImages, others: CheckedImages) -> ShownPair:
    cosine = "" if pair.cosine is None else f", cosine {pair.cosine:.3f}"
    names = _name_classes(images, others, pair.number, pair.other)
    return ShownPair(pair.number, pair.other, (names, f"{pair.bits} bits{cosine}"))


def _name_classes(images: CheckedImages, others: CheckedImages, number: int, other: int) -> str:
    first, second = images.labels[number], others.labels[other]
    names = dict.fromkeys(load_classes()[label].name for label in (first, second))
    return " / ".join(name if len(name) <= 18 else f"{name[:17]}…" for name in names)
