"""Why images cannot be read: reasons counted, the commonest first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_MAX_REASON = 200
_NUMBER = re.compile(r"\d+")


class ReasonCount(NamedTuple):
    """A reason and the number of images that it holds for."""

    reason: str
    num_images: int


def count_reasons(reasons: Iterable[str]) -> tuple[ReasonCount, ...]:
    """Reasons with their counts, the commonest first; reasons that differ in a number only are one.

    Args:
        reasons: One for each image.

    Returns:
        Each reason as the first of its images gives it; equally common ones in the order of the images.

    Example:
        >>> count_reasons(["empty file", "ends after 10 bytes", "ends after 7 bytes"])[0]
        ReasonCount(reason='ends after 10 bytes', num_images=2)
    """
    first: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for reason in reasons:
        shown = clean_reason(reason)
        # Sizes and offsets differ from file to file, though the damage is one.
        key = _NUMBER.sub("#", shown)
        first.setdefault(key, shown)
        counts[key] += 1
    return tuple(ReasonCount(first[key], count) for key, count in counts.most_common())


def clean_reason(reason: str) -> str:
    r"""A reason in one short line without control characters: stored reasons may come from others.

    Example:
        >>> clean_reason("damaged\n\x1b[31m")
        'damaged  [31m'
    """
    printable = "".join(character if character.isprintable() else " " for character in reason)
    return printable.strip()[:_MAX_REASON]


def format_reasons(counts: Sequence[ReasonCount]) -> str:
    """The commonest reason with its count and the number of others, as sentences; empty without any.

    Example:
        >>> format_reasons([ReasonCount("empty file", 4), ReasonCount("not an image file", 1)])
        'Commonest reason (4 images): empty file. 1 other reason (1 image).'
        >>> format_reasons([])
        ''
    """
    if not counts:
        return ""
    (reason, num_images), *others = counts
    parts = [f"Commonest reason ({_count(num_images, 'image')}): {reason.rstrip('.')}."]
    if others:
        rest = sum(count for _, count in others)
        parts.append(f"{_count(len(others), 'other reason')} ({_count(rest, 'image')}).")
    return " ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
