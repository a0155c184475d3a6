"""Classes known to mislead generators: which of them a split has, and how many prompts hold the word.

`data/known_traps.csv` lists what papers report: words of several meanings, hypernyms that name another thing,
classes that people with little clothing are drawn for, and animals that generators do not draw apart. The
passages are quoted from notes on the papers; which images of a split show the fault is for its raters to say.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Literal

from imagenet_g.benchmark.classes import load_classes, load_index_by_wnid
from imagenet_g.benchmark.identity import hash_bytes
from imagenet_g.benchmark.records import Count, FileModel, Sha256

TrapKind = Literal["several meanings", "misleading hypernym", "nudity", "fine-grained"]
_TABLE = "known_traps.csv"


class KnownTrap(FileModel):
    """A row of the table."""

    wnid: str
    kind: TrapKind
    word: str
    """The word or words that mislead: of the class's name, or of its hypernym."""
    other: str
    """What is drawn instead, and what the class is."""
    source: str
    """Who reports it."""


class FoundTrap(FileModel):
    """A known trap whose class is in the split."""

    trap: KnownTrap
    name: str
    """The class as pages show it."""
    num_images: Count
    """Images of the class."""
    num_prompts: Count | None
    """Of these, how many have the word in their prompt; null where images have no prompts."""


class TrapSection(FileModel):
    """The known traps among the classes of a split."""

    table_sha256: Sha256
    """Hash of the table: a longer table may find more."""
    num_known: Count
    """Rows of the table."""
    found: tuple[FoundTrap, ...]
    """In the order of the table."""


def read_table() -> bytes:
    """The table as it is stored."""
    return (files("imagenet_g.benchmark.data") / _TABLE).read_bytes()


@cache
def load_known_traps() -> tuple[KnownTrap, ...]:
    """Every row of the table, in its order.

    Example:
        >>> [trap.word for trap in load_known_traps() if trap.kind == "misleading hypernym"]
        ['toy dog', 'shed']
    """
    lines = read_table().decode().splitlines()
    return tuple(KnownTrap.model_validate(row) for row in csv.DictReader(lines))


def measure_traps(
    image_counts: Mapping[int, int], prompts: Mapping[int, Sequence[str]] | None
) -> TrapSection:
    """The traps of a split's classes.

    Args:
        image_counts: Number of images by class index.
        prompts: Prompts of the images by class index, any number of a class; None where images have none.

    Example:
        >>> section = measure_traps({908: 2, 0: 5}, {908: ["a photo of a wing", "an airplane"]})
        >>> [(one.trap.word, one.num_images, one.num_prompts) for one in section.found]
        [('wing', 2, 1)]
    """
    index_of = load_index_by_wnid()
    found = []
    for trap in load_known_traps():
        index = index_of[trap.wnid]
        if image_counts.get(index):
            said = None if prompts is None else count_prompts_with(trap.word, prompts.get(index, ()))
            name = load_classes()[index].name
            found.append(FoundTrap(trap=trap, name=name, num_images=image_counts[index], num_prompts=said))
    return TrapSection(
        table_sha256=hash_bytes(read_table()), num_known=len(load_known_traps()), found=tuple(found)
    )


def count_prompts_with(word: str, prompts: Sequence[str]) -> int:
    """How many prompts have the word, whole and in any case.

    Example:
        >>> count_prompts_with("iron", ["An iron.", "a waffle-iron", "ironing", "environment"])
        2
    """
    pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
    return sum(pattern.search(prompt) is not None for prompt in prompts)
