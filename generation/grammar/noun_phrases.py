"""Noun phrases: nouns, what stands before them, and what describes them from behind."""

from __future__ import annotations

from imagenet_g.benchmark.texts.articles import takes_an
from imagenet_g.generation.grammar.reader import Ends, Reader, once
from imagenet_g.generation.grammar.words import Number

Head = tuple[int, Number, bool]
"""End and number of nouns, and whether they need no article."""
Phrases = frozenset[tuple[int, Number]]
FIXED_ADVERBS = (
    "day and night", "upside down", "side by side", "inside out", "one by one", "face to face", "at last",
    "of course", "in vain", "step by step", "all day", "all night", "once more", "no more", "at once",
    "at least", "at most",
)  # fmt: skip
_BEFORE_NOUN_PHRASES = ("only", "just", "even", "almost", "nearly", "about", "not")
_PLACES = frozenset([
    "indoors", "outdoors", "nearby", "above", "below", "everywhere", "here", "there", "again", "alone",
    "outside", "inside", "upstairs", "downstairs", "overhead", "upside", "ago", "away",
])  # fmt: skip
_PAIRS = ("hundreds", "thousands", "dozens", "each other", "one another")
_MEASURES = ("size", "shape", "colour", "color", "height", "length", "width")
_MOST_MODIFIERS = 4


class NounPhrases(Reader):
    """Noun phrases; phrases with a verb, which may describe a noun, are the subclass's."""

    def _prepositional(self, place: int) -> Ends:
        raise NotImplementedError

    def _participial(self, place: int) -> Ends:
        raise NotImplementedError

    def _adjectival(self, place: int) -> Ends:
        raise NotImplementedError

    def _finite(self, place: int, number: Number) -> Ends:
        raise NotImplementedError

    def _clause(self, place: int) -> Ends:
        raise NotImplementedError

    @once
    def _heads(self, place: int) -> frozenset[Head]:
        """Nouns without what stands before them: end, number, and whether no article is needed."""
        found: set[Head] = set()
        for words, number in self.lexicon.list_units(self._words[place]) if place < len(self._words) else ():
            if self._words[place : place + len(words)] == words:
                found.add((place + len(words), number, number == "many"))
                # "a tiger statue", "an igloo door"
                found |= self._behind_name(place + len(words)) if number == "one" else set()
        found |= self._nouns(place)
        if self._is(place, "noun", "mass") and not self._word(place + 1, ","):
            # One noun before another; with more, any list of nouns would be a phrase.
            found |= self._behind_name(place + 1)
            found |= {
                head for head in self._heads(place + 1) if head[0] > place + 2 and self._units(place + 1)
            }
        if self._is(place, "name"):
            found |= self._heads(place + 1)
        return frozenset(found)

    def _nouns(self, place: int) -> set[Head]:
        found: set[Head] = set()
        if self._is(place, "noun", "mass", "name"):
            found.add((place + 1, "one", self._is(place, "mass", "name")))
        if self._is(place, "nouns"):
            found.add((place + 1, "many", True))
        return found

    def _behind_name(self, place: int) -> set[Head]:
        # "A tiger sleep" would be a phrase; "a tiger statue" is one.
        if self._is(place, "mass") and self._is(place, "verb"):
            return set()
        return self._nouns(place)

    def _units(self, place: int) -> bool:
        return any(
            self._words[place : place + len(words)] == words
            for words, _ in self.lexicon.list_units(self._words[place])
        )

    @once
    def _nominals(self, place: int, left: int = _MOST_MODIFIERS) -> frozenset[Head]:
        """Adjectives, participles and possessives, then nouns."""
        found: set[Head] = set(self._heads(place))
        if left and self._is(place, "adjective", "participle", "ing", "possessive"):
            starts = {place + 1, *self._behind([place + 1], ",", "and", "or", "but")}
            found |= {end for start in starts for end in self._nominals(start, left - 1)}
        if left and self._is(place, "adverb") and self._is(place + 1, "adjective", "participle"):
            found |= self._nominals(place + 1, left - 1)
        return frozenset(found)

    @once
    def _cores(self, place: int) -> Phrases:
        """A determiner and what belongs to it, or nouns that need none."""
        found: set[tuple[int, Number]] = {
            (end, number) for end, number, bare in self._nominals(place) if bare
        }
        if self._is(place, "article"):
            found |= self._behind_article(place)
        if self._is(place, "singular-determiner"):
            found |= {(end, "one") for end, number, _ in self._nominals(place + 1) if number == "one"}
        if self._is(place, "plural-determiner"):
            found |= {(end, "many") for end, number, _ in self._nominals(place + 1) if number == "many"}
        if self._is(place, "determiner"):
            found |= {(end, number) for end, number, _ in self._nominals(place + 1)}
            if self._is(place + 1, "plural-determiner"):
                found |= {(end, "many") for end, number, _ in self._nominals(place + 2) if number == "many"}
        if self._is(place, "possessive"):
            found |= {(end, number) for end, number, _ in self._nominals(place + 1)}
        if self._word(
            place, "all", "half", "such", "what", "both", "either", "neither", "quite", *_BEFORE_NOUN_PHRASES
        ):
            found |= self._cores(place + 1)
        return frozenset(found)

    def _behind_article(self, place: int) -> set[tuple[int, Number]]:
        if place + 1 == len(self._words) or takes_an(self._written[place + 1]) != self._word(place, "an"):
            return set()
        if self._word(place + 1, "few", "dozen", "hundred", "thousand", "million"):
            return {(end, "many") for end, number, _ in self._nominals(place + 2) if number == "many"}
        return {(end, "one") for end, number, _ in self._nominals(place + 1) if number == "one"}

    @once
    def _subjects(self, place: int) -> Phrases:
        found: set[tuple[int, Number]] = set(self._cores(place))
        found |= {(place + 1, "one")} if self._is(place, "singular-pronoun") else set()
        found |= {(place + 1, "many")} if self._is(place, "plural-pronoun") else set()
        return self._described(frozenset(found))

    @once
    def _objects(self, place: int) -> Ends:
        found: set[tuple[int, Number]] = set(self._cores(place))
        found |= {(place + 1, "one")} if self._is(place, "object-pronoun") else set()
        found |= {(end, "many") for end in self._fixed(place, _PAIRS)}
        return frozenset(end for end, _ in self._described(frozenset(found)))

    def _described(self, phrases: Phrases) -> Phrases:
        """Noun phrases with what stands behind them, and several joined."""
        found = {
            (end, number)
            for start, number in phrases
            for end in self._repeat([start], lambda place, number=number: self._descriptions(place, number))  # type: ignore[misc]
        }
        joined = {end for end, _ in found}
        for start in self._behind(joined, "and", "or", "but", "nor"):
            ends = {end for end, _ in self._subjects(start)}
            # With "or" and "nor" the verb agrees with the nearer.
            numbers: tuple[Number, ...] = ("many",) if self._word(start - 1, "and") else ("one", "many")
            found |= {(end, number) for end in ends for number in numbers}
        for start in self._behind(joined, ","):
            # A list: what is behind its comma is joined itself.
            more = self._behind([start], "and", "or") or frozenset({start})
            found |= {
                (end, "many") for begin in more for end, number in self._subjects(begin) if number == "many"
            }
        return frozenset(found)

    @once
    def _descriptions(self, place: int, number: Number) -> Ends:
        """One phrase behind a noun: where it is, what is done to it, a clause about it."""
        found = self._prepositional(place) | self._participial(place) | self._relative(place, number)
        found |= self._fixed(place, FIXED_ADVERBS)
        if self._word(place, *_PLACES):
            found |= {place + 1}
        found |= self._each(self._adjectival(place), self._prepositional)
        if self._word(place, "the") and self._word(place + 1, *_MEASURES):
            found |= self._prepositional(place + 2)
        if self._word(place, ","):
            inner = (
                self._participial(place + 1)
                | self._relative(place + 1, number)
                | self._prepositional(place + 1)
            )
            found |= inner | self._behind(inner, ",")
        return found

    @once
    def _relative(self, place: int, number: Number) -> Ends:
        if self._is(place, "that"):
            return self._finite(place + 1, number) | self._clause(place + 1)
        return self._clause(place + 1) if self._word(place, "where", "whose", "when") else frozenset()
