"""Faults of a caption, by name; a caption without faults is valid.

Whether a sentence has a verb is not checked, which would need a parser. Fluency under the language model (the
KL term, and perplexity in `captions check`) takes its place.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from typing import Literal

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.identity import hash_lines
from imagenet_g.generation.captions.names import list_class_names, names_class, split_words
from imagenet_g.generation.prompts.recipes import ClassNames, load_lines

# Written twice, because a type checker cannot make a Literal from a tuple.
Fault = Literal[
    "class-not-named", "no-capital", "no-end", "several-sentences", "too-short", "stutter", "odd-text",
    "too-long",
]  # fmt: skip
# The graded reward divides by the number of checks: another check changes the rewards of stored runs.
FAULTS: tuple[Fault, ...] = (
    "class-not-named", "no-capital", "no-end", "several-sentences", "too-short", "stutter", "odd-text",
    "too-long",
)  # fmt: skip
"""Every check of a caption.

class-not-named     see `captions.names`
no-capital          does not begin with a capital letter or a digit
no-end              does not end in a full stop, "!" or "?": cut off
several-sentences   a second sentence begins
too-short           fewer words than required
stutter             one word twice in a row
odd-text            line breaks, control characters, or bytes that are not text
too-long            longer than the CLIP's text encoder accepts; checked where the CLIP is loaded
"""
# Without their full stop, in lower case; "no" is "No. 5".
ABBREVIATIONS = frozenset({"dr", "mr", "mrs", "ms", "mt", "no", "st", "vs"})
_END = re.compile(r"[.!?][\"'”’)]*$")
_INNER_END = re.compile(r"(\w*)[.!?]+[\"'”’)]*\s+\S")


def find_faults(caption: str, class_index: int, *, names: ClassNames, min_words: int) -> tuple[Fault, ...]:
    """Faults of a caption, in the order of `FAULTS`; empty for one complete sentence that names the class.

    Example:
        >>> find_faults("Two goldfish read in a library.", 1, names="open_clip", min_words=4)
        ()
        >>> find_faults("two fish read in in a library", 1, names="open_clip", min_words=4)
        ('class-not-named', 'no-capital', 'no-end', 'stutter')
    """
    words = split_words(caption)
    # A sentence may begin inside a quotation.
    first = caption.lstrip("\"'“‘(")[:1]
    found: dict[Fault, bool] = {
        "class-not-named": not names_class(caption, class_index, names),
        "no-capital": not (first.isupper() or first.isdigit()),
        "no-end": not _END.search(caption),
        "several-sentences": has_inner_end(caption),
        "too-short": len(words) < min_words,
        "stutter": any(a == b for a, b in pairwise(words) if (a, b) not in _list_pairs(class_index, names)),
        # A byte-level tokenizer decodes bytes that are no UTF-8 as the replacement character.
        "odd-text": not caption.isprintable() or "�" in caption,
    }
    return tuple(fault for fault in FAULTS if found.get(fault))


def has_inner_end(caption: str) -> bool:
    """Whether a sentence ends before the text does; "St. Bernard" and initials do not end one.

    Example:
        >>> has_inner_end("A dog sleeps. A cat"), has_inner_end("A St. Bernard sleeps.")
        (True, False)
    """
    ends = (match.group(1).casefold() for match in _INNER_END.finditer(caption))
    return any(word not in ABBREVIATIONS and not (len(word) == 1 and word.isalpha()) for word in ends)


def find_banned(caption: str) -> tuple[str, ...]:
    """Words of a caption that no published prompt should contain."""
    return tuple(word for word in split_words(caption) if word in _load_banned())


def hash_banned() -> str:
    """sha256 of the list of banned words."""
    return hash_lines(sorted(_load_banned()))


@cache
def _list_pairs(class_index: int, names: ClassNames) -> frozenset[tuple[str, str]]:
    """Words that follow each other in a class's names: "Chow Chow" is no stutter."""
    called = list_class_names(load_classes()[class_index], names)
    return frozenset(pair for name in called for pair in pairwise(split_words(name)))


@cache
def _load_banned() -> frozenset[str]:
    return frozenset(load_lines("caption_banned_words.txt"))
