"""Words at their places: what every part of the parser reads from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar, cast

from imagenet_g.generation.grammar.closed_words import Use, Uses
from imagenet_g.generation.grammar.words import Lexicon

Ends = frozenset[int]
"""One past the last word of each reading."""
Parse = TypeVar("Parse", bound=Callable[..., Any])


def once(parse: Parse) -> Parse:
    """A method that looks for a phrase once at each place; at the same place within itself it finds none."""

    @wraps(parse)
    def remembered(self: Reader, place: int, *others: object) -> object:
        key = (parse.__name__, place, *others)
        if key not in self.known:
            self.known[key] = frozenset()
            self.known[key] = parse(self, place, *others)
        return self.known[key]

    return cast(Parse, remembered)


class Reader:
    """The words of a text, and where fixed words and repeated phrases end.

    Args:
        words: From `words.split_tokens`.
        lexicon: What they may be.
    """

    def __init__(self, words: tuple[str, ...], lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.known: dict[tuple[object, ...], object] = {}
        self._written = words
        self._words = tuple(word.casefold().replace("’", "'") for word in words)
        self._uses = tuple(self._list_uses(number) for number in range(len(words)))

    def _list_uses(self, number: int) -> Uses:
        word = self._written[number]
        uses = self.lexicon.list_uses(word)
        # A capital inside the sentence: a name, whatever else the word means.
        if word[0].isupper() and number and len(word) > 1:
            return uses | {"name", "noun"}
        return uses or frozenset({"name", "noun"}) if word != "," else frozenset()

    def _is(self, place: int, *uses: Use) -> bool:
        return place < len(self._words) and not self._uses[place].isdisjoint(uses)

    def _word(self, place: int, *words: str) -> bool:
        return place < len(self._words) and self._words[place] in words

    def _fixed(self, place: int, texts: Iterable[str]) -> Ends:
        split = [tuple(text.split()) for text in texts]
        return frozenset(
            place + len(words) for words in split if self._words[place : place + len(words)] == words
        )

    def _each(self, starts: Iterable[int], parse: Callable[[int], Ends]) -> Ends:
        return frozenset(end for start in starts for end in parse(start))

    def _repeat(self, starts: Iterable[int], parse: Callable[[int], Ends]) -> Ends:
        """Ends of any number of phrases, none included."""
        found = new = frozenset(starts)
        while new:
            new = self._each(new, parse) - found
            found |= new
        return found

    def _behind(self, starts: Iterable[int], *words: str) -> Ends:
        """Starts behind one of some words."""
        return frozenset(start + 1 for start in starts if self._word(start, *words))
