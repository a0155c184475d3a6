"""The hand-checked tables of `mini/renditions`: which emoji shows which class, and every drawing used."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

_DATA = "imagenet_g.generation.data"


@dataclass(frozen=True, slots=True)
class EmojiSpec:
    """An emoji that shows one ImageNet class.

    Attributes:
        wnid: The class.
        index: Its class index.
        class_name: Its display name.
        emoji: Unicode code points, such as "U+1F43B U+200D U+2744".
        emoji_name: Short name, CLDR's in kebab case; unique in the table.
        why: Why the match is exact.
        also: Other class indices that are right for every drawing of it.
    """

    wnid: str
    index: int
    class_name: str
    emoji: str
    emoji_name: str
    why: str
    also: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ArtSpec:
    """One drawing: an emoji by one hand, and what the hand's package calls it."""

    emoji_name: str
    hand: str
    icon: str


@dataclass(frozen=True, slots=True)
class LeftOutSpec:
    """A drawing that was looked at for a class and refused.

    Attributes:
        index: Class index it was looked at for.
        emoji_name: Short name.
        hand: The hand refused, or "*" for all.
        reason: Why.
    """

    index: int
    emoji_name: str
    hand: str
    reason: str


def load_emoji() -> tuple[EmojiSpec, ...]:
    """The hand-checked map, by class index."""
    return tuple(
        EmojiSpec(
            wnid=row["wnid"],
            index=int(row["index"]),
            class_name=row["class_name"],
            emoji=row["emoji"],
            emoji_name=row["emoji_name"],
            why=row["why"],
            also=tuple(int(index) for index in row["also"].split()),
        )
        for row in _read_table("renditions.csv")
    )


def load_art() -> tuple[ArtSpec, ...]:
    """Every drawing of the split, in row order: by class, then emoji, then hand."""
    return tuple(
        ArtSpec(row["emoji_name"], row["hand"], row["icon"]) for row in _read_table("renditions_art.csv")
    )


def load_left_out() -> tuple[LeftOutSpec, ...]:
    """Everything looked at and refused, by class index."""
    return tuple(
        LeftOutSpec(int(row["index"]), row["emoji_name"], row["hand"], row["reason"])
        for row in _read_table("renditions_left_out.csv")
    )


def load_licenses_text() -> str:
    """The licence text of the art, with fields `entries`, `art_px` and `canvas_px` to fill."""
    return (files(_DATA) / "renditions_licenses.txt").read_text(encoding="utf-8")


def _read_table(name: str) -> Iterator[dict[str, str]]:
    text = (files(_DATA) / name).read_text(encoding="utf-8")
    yield from csv.DictReader(text.splitlines())
