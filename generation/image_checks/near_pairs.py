"""Pairs of images that look alike: found by their perceptual hashes, confirmed and ranked by embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from imagenet_g.benchmark.critiques.image_checks import NearPair, PairSearch
from imagenet_g.generation.image_checks.images import CheckedImages
from imagenet_g.generation.near_duplicates.pairs import find_matches, find_near_duplicates

Kind = Literal["within", "split", "reference"]
NUM_CLOSEST = 24
"""Pairs that a search lists and a contact sheet shows."""


@dataclass(frozen=True, slots=True)
class FoundPair:
    """Two images that look alike.

    Attributes:
        number: The image, by its place among those of the split.
        other: The other image, by its place among those it was compared with.
        bits: In how many bits their hashes differ.
        cosine: Of their embeddings; None without.
    """

    number: int
    other: int
    bits: int
    cosine: float | None


def search_pairs(
    images: CheckedImages, others: CheckedImages | None, max_distance: int
) -> tuple[FoundPair, ...]:
    """Images that look like another one, the most alike first.

    Args:
        images: The split's.
        others: What they are compared with; None for the split itself, of which the first image of a group
            that look alike is not listed.
        max_distance: Bits in which two hashes may differ.
    """
    mine = np.flatnonzero(images.comparable)
    theirs = mine if others is None else np.flatnonzero(others.comparable)
    hashes = images.looks.hashes[mine].tolist()
    if others is None:
        found = [(one.row, one.of, one.distance) for one in find_near_duplicates(hashes, [], max_distance)]
    else:
        reference = others.looks.hashes[theirs].tolist()
        matches = find_matches(hashes, reference, max_distance)
        found = [(one.row, one.of - len(hashes), one.distance) for one in matches]
    pairs = [
        FoundPair(
            int(mine[row]), int(theirs[of]), bits, _compare(images, others or images, mine[row], theirs[of])
        )
        for row, of, bits in found
    ]
    return tuple(sorted(pairs, key=_rank))


def describe_search(
    kind: Kind,
    images: CheckedImages,
    others: CheckedImages,
    pairs: Sequence[FoundPair],
    *,
    min_cosine: float | None,
) -> PairSearch:
    """The record of a search, from all of its pairs, the most alike first.

    Args:
        kind: What was searched.
        images: The split's.
        others: What they were compared with; the same images for "within".
        pairs: As from `search_pairs`.
        min_cosine: From which a pair is confirmed; None without embeddings.
    """
    cosines = [pair.cosine for pair in pairs if pair.cosine is not None]
    confirmed = None if min_cosine is None else sum(cosine >= min_cosine for cosine in cosines)
    return PairSearch(
        kind=kind,
        compared_with=others.describe(),
        num_near=len(pairs),
        num_confirmed=confirmed,
        num_other_class=sum(images.labels[pair.number] != others.labels[pair.other] for pair in pairs),
        closest=tuple(_describe_pair(pair, images, others) for pair in pairs[:NUM_CLOSEST]),
    )


def _describe_pair(pair: FoundPair, images: CheckedImages, others: CheckedImages) -> NearPair:
    (image_id, wnid), (other_id, other_wnid) = images.name(pair.number), others.name(pair.other)
    return NearPair(
        image_id=image_id,
        wnid=wnid,
        other_id=other_id,
        other_wnid=other_wnid,
        bits=pair.bits,
        cosine=pair.cosine,
    )


def _compare(images: CheckedImages, others: CheckedImages, number: int, other: int) -> float | None:
    if images.vectors is None or others.vectors is None:
        return None
    cosine = float(images.vectors[number] @ others.vectors[other])
    # Rounding carries the cosine of equal directions past 1; an image without an embedding has none.
    return None if np.isnan(cosine) else float(np.clip(cosine, -1, 1))


def _rank(pair: FoundPair) -> tuple[float, int, int]:
    # Without a cosine behind all others; by number last, so that ties have one order.
    return (2.0 if pair.cosine is None else -pair.cosine, pair.bits, pair.number)
