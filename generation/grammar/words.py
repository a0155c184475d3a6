"""What a word may be in an English sentence: its possible parts of speech.

Open classes (nouns, verbs, adjectives, adverbs) are looked up: parts of speech and inflections in the
lexicon of lemminflect, which lacks many everyday words, and those in simplemma's list of word forms.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Literal

import simplemma
from lemminflect import getAllInflections, getAllLemmas, getInflection

from imagenet_g.benchmark.texts.articles import is_plural_name
from imagenet_g.generation.grammar.closed_words import CLOSED, CLOSED_ONLY, Use, Uses
from imagenet_g.generation.prompts.recipes import load_lines

Number = Literal["one", "many"]
Unit = tuple[tuple[str, ...], Number]
"""The words of a name, and whether it is one thing or many."""
_VERB_TAGS: dict[str, Use] = {
    "VB": "verb", "VBP": "verb", "VBZ": "verbs", "VBD": "past", "VBN": "participle", "VBG": "ing",
}  # fmt: skip
# The lexicon has these as verbs alone.
_NOUNS_TOO = frozenset([
    "bake", "bar", "dam", "doodle", "jumble", "log", "pan", "set", "splint", "stud", "temp",
])  # fmt: skip
_POSSESSIVE = re.compile(r"(?:'s|s')$")
_TOKEN = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*['’]?|,|[;:–—-]+")
_ARTICLES = ("a", "an", "the")


class Lexicon:
    """Dictionaries, and names that may be long and of any words.

    Args:
        names: Nouns that a text may use, with or without an article: "tiger", "a barn", "binoculars".

    Example:
        >>> lexicon = Lexicon(["a wug"])
        >>> sorted(lexicon.list_uses("paints")), sorted(lexicon.list_uses("glorb"))
        (['nouns', 'verbs'], [])
        >>> lexicon.list_units("wug")
        ((('wug',), 'one'),)
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._units: dict[str, tuple[Unit, ...]] = {}
        for unit in sorted({unit for name in names for unit in list_name_forms(name)}):
            self._units[unit[0][0]] = (*self._units.get(unit[0][0], ()), unit)
        self._words = {word for units in self._units.values() for words, _ in units for word in words}
        self._known: dict[str, Uses] = {}

    def list_uses(self, word: str) -> Uses:
        """Parts of speech that a word may have; empty for a word that no dictionary knows.

        Args:
            word: As written, with its capitals, apostrophes and hyphens.
        """
        if word not in self._known:
            self._known[word] = self._look_up(word.replace("’", "'").casefold())
        return self._known[word]

    def list_units(self, first: str) -> tuple[Unit, ...]:
        """Names that begin with a word, in their forms."""
        return self._units.get(first, ())

    def _look_up(self, word: str) -> Uses:
        if word[0].isdigit():
            return frozenset({"plural-determiner", "noun", "nouns", "adjective"})
        closed = _list_closed().get(word, frozenset())
        if word in CLOSED_ONLY:
            return closed
        if (ending := _POSSESSIVE.search(word)) is not None:
            owner = word[: ending.start() + (ending.group() == "s'")]
            is_owner = not self.list_uses(owner).isdisjoint(("noun", "nouns", "name"))
            return frozenset({"possessive"} if is_owner else set[Use]())
        return closed | (list_open_uses(word) or self._guess(word))

    def _guess(self, word: str) -> Uses:
        found: set[Use] = {"noun", "adjective", "name"}
        if word in self._words:
            return frozenset(found | ({"nouns"} if word.endswith("s") else set()))
        parts = [part for part in word.split("-") if part]
        if len(parts) < 2 or not all(self.list_uses(part) for part in parts):
            return guess_uses(word)
        # "snow-covered", "close-up"
        found = {"adjective"}
        found |= {use for use in self.list_uses(parts[-1]) if use in ("noun", "nouns")}
        return guess_uses(word) | found


def list_name_forms(name: str) -> frozenset[Unit]:
    """A name in singular and plural, without its article.

    Example:
        >>> sorted(list_name_forms("an ice floe"))
        [(('ice', 'floe'), 'one'), (('ice', 'floes'), 'many')]
    """
    words = split_tokens(name.casefold())
    words = words[words[0] in _ARTICLES :]
    # "indoors" may stand behind any place.
    *before, last = (word for word in words if word not in ("indoors", "outdoors"))
    if is_plural_name(last):
        return frozenset({((*before, last), "many")})
    # The first alone: "two tiger" is another plural in the lexicon, which sounds right for fish only.
    plurals = {*getInflection(last, "NNS")[:1], *([last] if last.endswith("fish") else [])}
    return frozenset({((*before, last), "one"), *(((*before, plural), "many") for plural in plurals)})


@cache
def list_open_uses(word: str) -> Uses:
    """Nouns, verbs, adjectives and adverbs, as the lexicon has them.

    Example:
        >>> sorted(list_open_uses("painted")), sorted(list_open_uses("igloo"))
        (['participle', 'past'], [])
    """
    lemmas: dict[str, tuple[str, ...]] = getAllLemmas(word)
    uses: set[Use] = set()
    for lemma in lemmas.get("NOUN", ()):
        # "sheep" is both.
        plurals = getAllInflections(lemma, "NOUN").get("NNS", ())
        uses |= {"noun"} if word == lemma else set()
        uses |= {"nouns"} if word != lemma or (plurals == (word,) and word not in _load_mass()) else set()
    for lemma in lemmas.get("VERB", ()):
        forms = getAllInflections(lemma, "VERB")
        # Where both are alike, the lexicon names the past alone.
        forms.setdefault("VBN", forms.get("VBD", ()))
        uses |= {use for tag, use in _VERB_TAGS.items() if word in forms.get(tag, ())}
    uses |= {"noun"} if word in _NOUNS_TOO else set()
    uses |= {"adjective"} if "ADJ" in lemmas else set()
    uses |= {"adverb"} if "ADV" in lemmas else set()
    uses |= {"mass", "noun"} if word in _load_mass() else set()
    return frozenset(uses)


def guess_uses(word: str) -> Uses:
    """For words that only the list of word forms has, without parts of speech.

    Example:
        >>> sorted(guess_uses("igloo")), sorted(guess_uses("tokyo")), sorted(guess_uses("glorb"))
        (['adjective', 'noun'], ['adjective', 'name', 'noun'], [])
    """
    if not word.replace("-", "").isalpha() or not simplemma.is_known(word, lang="en"):
        return frozenset()
    lemma = simplemma.lemmatize(word, lang="en")
    if lemma.casefold() == word:
        # The list writes proper nouns with their capital.
        found: set[Use] = {"noun", "adjective"}
        return frozenset(found | ({"name"} if lemma != word else set()))
    if word.endswith("ed"):
        return frozenset({"past", "participle"})
    if word.endswith("ing"):
        return frozenset({"ing"})
    return frozenset({"nouns", "verbs"} if word.endswith("s") else {"noun", "adjective"})


def split_tokens(text: str) -> tuple[str, ...]:
    """Words of a text as written, and commas, for which dashes, colons and semicolons count as well.

    Example:
        >>> split_tokens("A half-open “artist’s” door: see, red!")
        ('A', 'half-open', 'artist’s', 'door', ',', 'see', ',', 'red')
    """
    return tuple(token if any(map(str.isalnum, token)) else "," for token in _TOKEN.findall(text))


@cache
def _list_closed() -> dict[str, frozenset[Use]]:
    found: dict[str, set[Use]] = {}
    for use, words in CLOSED.items():
        for word in words.split():
            found.setdefault(word, set()).add(use)
    return {word: frozenset(uses) for word, uses in found.items()}


@cache
def _load_mass() -> frozenset[str]:
    """Nouns that stand without an article: "of wood", "after rain", "at dusk"."""
    return frozenset(word for line in load_lines("uncountable_nouns.txt") for word in line.split())
