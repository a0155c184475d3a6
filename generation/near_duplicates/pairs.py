"""Pairs of hashes that differ in few bits, found without comparing each with each.

Two 64-bit numbers that differ in at most d bits agree in one of d + 1 pieces, so that only numbers that
share a
piece are compared (Norouzi et al., Fast Search in Hamming Space with Multi-Index Hashing, 2012).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

BITS = 64
MAX_DISTANCE = 16
"""Beyond it, pieces are so short that everything is compared with everything, and unlike images are alike."""
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """An image that looks like one that comes before it.

    Attributes:
        row: The image.
        of: The image that it looks like: a row, or of the reference the row less the number of images.
        distance: How many bits differ, 0 for none.
    """

    row: int
    of: int
    distance: int


def find_near_duplicates(
    hashes: Sequence[int], reference: Sequence[int], max_distance: int
) -> list[NearDuplicate]:
    """Every image that is near one of the reference, or near an image before it that is itself near no other.

    What remains without them has no two images within `max_distance`, and the first of each group remains.

    Args:
        hashes: Of N images, in the order in which they are preferred.
        reference: Of other images, which are all preferred.
        max_distance: Largest number of bits that may differ, 0 to `MAX_DISTANCE`.

    Returns:
        In the order of the images; `of` counts the reference's rows from 0, behind those of the images: row 0
        of the reference is N.

    Example:
        >>> find_near_duplicates([0b0000, 0b0001, 0b0011, 0b1111], [], 1)
        [NearDuplicate(row=1, of=0, distance=1)]
        >>> find_near_duplicates([0b0000], [0b1000], 1)
        [NearDuplicate(row=0, of=1, distance=1)]
    """
    values, unique, inverse = _number_values(hashes, reference, max_distance)
    neighbours = _list_neighbours(unique, max_distance)
    # Where each value first remains: rows of the reference from the start, those of images as they are taken.
    kept: dict[int, int] = {}
    for row in range(len(hashes), len(values)):
        kept.setdefault(int(inverse[row]), row)
    found = []
    for row in range(len(hashes)):
        near = _find_nearest(int(inverse[row]), neighbours, kept)
        if near is None:
            kept[int(inverse[row])] = row
        else:
            found.append(NearDuplicate(row, *near))
    return found


def find_matches(hashes: Sequence[int], reference: Sequence[int], max_distance: int) -> list[NearDuplicate]:
    """Every image that is near one of the reference, each with the nearest, whatever the others are near.

    Args:
        hashes: Of N images.
        reference: Of other images.
        max_distance: Largest number of bits that may differ, 0 to `MAX_DISTANCE`.

    Returns:
        In the order of the images; `of` as from `find_near_duplicates`.

    Example:
        >>> find_matches([0b0000, 0b0001, 0b1111], [0b0011, 0b0001], 1)
        [NearDuplicate(row=0, of=4, distance=1), NearDuplicate(row=1, of=4, distance=0)]
    """
    values, unique, inverse = _number_values(hashes, reference, max_distance)
    neighbours = _list_neighbours(unique, max_distance)
    first: dict[int, int] = {}
    for row in range(len(hashes), len(values)):
        first.setdefault(int(inverse[row]), row)
    near = ((row, _find_nearest(int(inverse[row]), neighbours, first)) for row in range(len(hashes)))
    return [NearDuplicate(row, *found) for row, found in near if found is not None]


def list_pairs(unique: Hashes, max_distance: int) -> Iterator[tuple[int, int, int]]:
    """Rows of two different values and their distance, each pair at least once, for values without repeats.

    Example:
        >>> sorted(set(list_pairs(np.array([0, 1, 3, 255], dtype=np.uint64), 2)))
        [(0, 1, 1), (0, 2, 2), (1, 2, 1)]
    """
    for start, width in _cut_pieces(max_distance + 1):
        piece = (unique >> np.uint64(start)) & np.uint64((1 << width) - 1)
        order = np.argsort(piece, kind="stable")
        edges = np.flatnonzero(np.diff(piece[order])) + 1
        for group in np.split(order, edges):
            # One against the rest at a time: memory grows with a group, not with its square.
            for place in range(len(group) - 1):
                rest = group[place + 1 :]
                distances = count_differing_bits(unique[rest], unique[group[place]])
                for other in np.flatnonzero(distances <= max_distance):
                    low, high = sorted((int(group[place]), int(rest[other])))
                    yield low, high, int(distances[other])


def count_differing_bits(values: Hashes, other: np.uint64) -> npt.NDArray[np.int64]:
    """`(N,)` numbers of bits in which values differ from one other.

    Example:
        >>> count_differing_bits(np.array([0, 7], dtype=np.uint64), np.uint64(1)).tolist()
        [1, 2]
    """
    halves = np.ascontiguousarray(values ^ other).view(np.uint8).reshape(len(values), BITS // 8)
    counts: npt.NDArray[np.int64] = np.unpackbits(halves, axis=1).sum(axis=1, dtype=np.int64)
    return counts


def _number_values(
    hashes: Sequence[int], reference: Sequence[int], max_distance: int
) -> tuple[Hashes, Hashes, npt.NDArray[np.intp]]:
    """All hashes, the different ones, and which of these each is."""
    if not 0 <= max_distance <= MAX_DISTANCE:
        raise ValueError(f"max_distance {max_distance} is outside 0..{MAX_DISTANCE}")
    values = np.array([*hashes, *reference], dtype=np.uint64)
    unique, inverse = np.unique(values, return_inverse=True)
    return values, unique, inverse


def _cut_pieces(number: int) -> list[tuple[int, int]]:
    """First bit and width of each of `number` pieces that cover 64 bits."""
    edges = [BITS * piece // number for piece in range(number + 1)]
    return [(start, end - start) for start, end in pairwise(edges)]


def _list_neighbours(unique: Hashes, max_distance: int) -> dict[int, dict[int, int]]:
    neighbours: dict[int, dict[int, int]] = {}
    for low, high, distance in list_pairs(unique, max_distance):
        neighbours.setdefault(low, {})[high] = distance
        neighbours.setdefault(high, {})[low] = distance
    return neighbours


def _find_nearest(
    value: int, neighbours: dict[int, dict[int, int]], kept: dict[int, int]
) -> tuple[int, int] | None:
    """The row that remains and is nearest, and its distance; None where none is near."""
    if value in kept:
        return kept[value], 0
    near = [(distance, kept[other]) for other, distance in neighbours.get(value, {}).items() if other in kept]
    return min(near)[::-1] if near else None
