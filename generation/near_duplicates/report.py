"""What is kept of near-duplicates: counts for the manifest, and one line for each of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Literal, NamedTuple

from imagenet_g.benchmark.records import Count, FileModel
from imagenet_g.benchmark.terminal.spreadsheets import neutralise


class NearDuplicatesRecord(FileModel):
    """The search for near-duplicates, in a manifest."""

    method: Literal["phash-64"] = "phash-64"
    max_distance: Count
    """Bits in which two hashes may differ."""
    within: Count
    """Images that look like another one of the split."""
    other_class: Count
    """Of those, images whose other one is of another class: one of the two labels may be wrong."""
    reference: str | None
    """The other split that images were compared with; null for none."""
    against: Count
    """Images that look like one of the reference."""
    flat: Count
    """Flat images, which look like any other flat one and were not compared."""
    dropped: bool
    """Whether they were left out of the release."""


class NearDuplicateLine(NamedTuple):
    """One near-duplicate, in words."""

    image: str
    wnid: str
    looks_like: str
    wnid_of_other: str
    where: str
    distance: int


def format_lines(lines: Iterable[NearDuplicateLine]) -> str:
    r"""CSV of near-duplicates, nearest first; names from outside cannot be formulas.

    Example:
        >>> line = NearDuplicateLine("=a.png", "n01440764", "b.png", "n01440764", "within", 2)
        >>> print(format_lines([line]).splitlines()[1])
        '=a.png,n01440764,b.png,n01440764,within,2
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(NearDuplicateLine._fields)
    for line in sorted(lines, key=lambda one: (one.distance, one.image)):
        writer.writerow([neutralise(value) for value in line])
    return stream.getvalue()
