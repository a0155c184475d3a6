"""What is wrong with a caption, as names of faults: none means valid.

Whether a sentence has a verb is not looked at; that takes a parser, and the language model's own sense of
fluency (the KL term, and perplexity in `captions check`) stands in for one.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Literal

from imagenet_g.generation.caption_names import names_class, split_words
from imagenet_g.generation.prompts import ClassNames

Fault = Literal[
    "class-not-named", "no-capital", "no-end", "several-sentences", "too-short", "stutter", "odd-text"
]
FAULTS: tuple[Fault, ...] = (
    "class-not-named", "no-capital", "no-end", "several-sentences", "too-short", "stutter", "odd-text",
)  # fmt: skip
"""Every check a caption is put to.

class-not-named     see `caption_names`
no-capital          does not begin with a capital letter or a digit
no-end              does not end in a full stop, "!" or "?": cut off
several-sentences   a second sentence begins
too-short           fewer words than asked for
stutter             one word twice in a row
odd-text            line breaks, control characters, or bytes that are no text
"""
ABBREVIATIONS = frozenset({"dr", "mr", "mrs", "ms", "mt", "no", "st", "vs"})
_END = re.compile(r"[.!?][\"'”’)]*$")
_INNER_END = re.compile(r"(\w*)[.!?]+[\"'”’)]*\s+\S")


def find_faults(caption: str, class_index: int, *, names: ClassNames, min_words: int) -> tuple[Fault, ...]:
    """Faults of a caption, in the order of `FAULTS`; empty for one complete sentence that names the class."""
    words = split_words(caption)
    first = caption.lstrip("\"'“‘(")[:1]
    found = {
        "class-not-named": not names_class(caption, class_index, names),
        "no-capital": not (first.isupper() or first.isdigit()),
        "no-end": not _END.search(caption),
        "several-sentences": has_inner_end(caption),
        "too-short": len(words) < min_words,
        "stutter": any(a == b for a, b in pairwise(words)),
        "odd-text": not caption.isprintable() or "�" in caption,
    }
    return tuple(fault for fault in FAULTS if found[fault])


def has_inner_end(caption: str) -> bool:
    """Whether a sentence ends before the text does; "St. Bernard" and initials do not end one."""
    ends = (match.group(1).casefold() for match in _INNER_END.finditer(caption))
    return any(word not in ABBREVIATIONS and not (len(word) == 1 and word.isalpha()) for word in ends)
