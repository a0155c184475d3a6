"""Faults of a caption, by name; a caption without faults is valid.

Grammar is checked where the settings ask for it (`grammar.sentences`). Where they do not, fluency under the
language model (the KL term, and perplexity in `captions check`) takes its place.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.identity import hash_lines
from imagenet_g.generation.captions.names import list_class_names, names_class, split_words
from imagenet_g.generation.prompts.recipes import ClassNames, load_lines, load_readable_scenes

if TYPE_CHECKING:
    from imagenet_g.generation.grammar.words import Lexicon

# Written twice, because a type checker cannot make a Literal from a tuple.
Fault = Literal[
    "class-not-named", "no-capital", "no-end", "several-sentences", "too-short", "stutter", "odd-text",
    "too-long", "unknown-word", "ungrammatical",
]  # fmt: skip
Grammar = Literal["checked", "unchecked"]
# The graded reward divides by the number of checks: another check changes the rewards of stored runs. Those
# whose settings do not check the grammar go on dividing by the number without its two.
FAULTS: tuple[Fault, ...] = (
    "class-not-named", "no-capital", "no-end", "several-sentences", "too-short", "stutter", "odd-text",
    "too-long", "unknown-word", "ungrammatical",
)  # fmt: skip
_OF_GRAMMAR = ("unknown-word", "ungrammatical")
"""Every check of a caption.

class-not-named     see `captions.names`
no-capital          does not begin with a capital letter or a digit
no-end              does not end in a full stop, "!" or "?": cut off
several-sentences   a second sentence begins
too-short           fewer words than required
stutter             one word twice in a row
odd-text            line breaks, control characters, or bytes that are not text
too-long            longer than the CLIP's text encoder accepts; checked where the CLIP is loaded
unknown-word        a word that no dictionary has; only where the grammar is checked
ungrammatical       no reading of the words is a sentence; only where the grammar is checked
"""
# Without their full stop, in lower case; "no" is "No. 5".
ABBREVIATIONS = frozenset({"dr", "mr", "mrs", "ms", "mt", "no", "st", "vs"})
_END = re.compile(r"[.!?][\"'”’)]*$")
_INNER_END = re.compile(r"(\w*)[.!?]+[\"'”’)]*\s+\S")


def count_checks(grammar: Grammar) -> int:
    """How many checks a caption is given.

    Example:
        >>> count_checks("checked"), count_checks("unchecked")
        (10, 8)
    """
    return len(FAULTS) - (0 if grammar == "checked" else len(_OF_GRAMMAR))


def find_faults(
    caption: str, class_index: int, *, names: ClassNames, min_words: int, grammar: Grammar = "unchecked"
) -> tuple[Fault, ...]:
    """Faults of a caption, in the order of `FAULTS`; empty for one complete sentence that names the class.

    Args:
        caption: Any text.
        class_index: 0..999.
        names: Which names of the class count.
        min_words: Fewest words of a valid caption.
        grammar: "checked" needs `imagenet-g[captions]`.

    Raises:
        InputError: Grammar is to be checked, and the dictionaries are not installed.

    Example:
        >>> find_faults("Two goldfish read in a library.", 1, names="open_clip", min_words=4)
        ()
        >>> find_faults("two fish read in in a library", 1, names="open_clip", min_words=4)
        ('class-not-named', 'no-capital', 'no-end', 'stutter')
        >>> find_faults("Aud a candle rainforest.", 470, names="open_clip", min_words=4, grammar="checked")
        ('unknown-word', 'ungrammatical')
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
    if grammar == "checked":
        found |= _check_grammar(caption)
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


def _check_grammar(caption: str) -> dict[Fault, bool]:
    # Imported late: its dictionaries are an extra, and take a second.
    from imagenet_g.generation.grammar.sentences import find_unknown_words, is_grammatical

    lexicon = load_lexicon()
    return {
        "unknown-word": bool(find_unknown_words(caption, lexicon)),
        "ungrammatical": not is_grammatical(caption, lexicon),
    }


@cache
def load_lexicon() -> Lexicon:
    """Dictionaries with the names of all classes and scenes.

    Raises:
        InputError: The dictionaries are not installed.
    """
    try:
        from imagenet_g.generation.grammar.words import Lexicon
    except ImportError as error:
        raise InputError(
            f"Checking grammar needs {error.name}. Run: pip install 'imagenet-g[captions]'"
        ) from error
    names = [name for info in load_classes() for name in list_class_names(info, "open_clip")]
    return Lexicon([*names, *load_readable_scenes()])


@cache
def _list_pairs(class_index: int, names: ClassNames) -> frozenset[tuple[str, str]]:
    """Words that follow each other in a class's names: "Chow Chow" is no stutter."""
    called = list_class_names(load_classes()[class_index], names)
    return frozenset(pair for name in called for pair in pairwise(split_words(name)))


@cache
def _load_banned() -> frozenset[str]:
    return frozenset(load_lines("caption_banned_words.txt"))
