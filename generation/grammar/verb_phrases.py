"""Phrases around a verb, a participle, an adjective or a preposition."""

from __future__ import annotations

from imagenet_g.generation.grammar.noun_phrases import FIXED_ADVERBS, NounPhrases
from imagenet_g.generation.grammar.reader import Ends, once
from imagenet_g.generation.grammar.words import Number

# Prepositions of several words; "in the middle of" is an ordinary phrase.
LONG_PREPOSITIONS = (
    "out of", "next to", "because of", "instead of", "far from", "close to", "up to", "away from",
    "in front of", "on top of", "such as", "due to", "ahead of", "inside of", "outside of", "thanks to",
    "along with", "full of",
)  # fmt: skip
# Behind these an adverb or another preposition may stand: "from above", "from behind the door".
_BEFORE_ADVERBS = ("from", "until", "till", "since", "towards")


class VerbPhrases(NounPhrases):
    """Phrases that may follow a subject or describe a noun; clauses are the subclass's."""

    @once
    def _adverbs(self, place: int) -> Ends:
        """One adverb or more."""
        step = self._fixed(place, FIXED_ADVERBS) | (
            {place + 1} if self._is(place, "adverb", "not") else set()
        )
        return step | self._each(step, self._adverbs)

    def _maybe_adverbs(self, place: int) -> Ends:
        return self._adverbs(place) | {place}

    @once
    def _prepositional(self, place: int) -> Ends:
        """Such as "far from the door", "by jumping", "from behind a wall"."""
        found: set[int] = set()
        for start in self._maybe_adverbs(place):
            behind = self._fixed(start, LONG_PREPOSITIONS)
            if self._is(start, "preposition"):
                behind |= {start + 1}
                if self._word(start, *_BEFORE_ADVERBS):
                    found |= self._adverbs(start + 1) | self._prepositional(start + 1)
            for end in behind:
                found |= self._objects(end) | (
                    self._participial(end) if self._is(end, "ing") else frozenset()
                )
                found |= self._asking(end)
        return frozenset(found)

    @once
    def _participial(self, place: int) -> Ends:
        """Such as "half hidden in a cave", "crossing a street"."""
        found: set[int] = set()
        for start in self._maybe_adverbs(place):
            if self._is(start, "participle", "ing", "being"):
                found |= self._complements(start + 1)
        joined = self._behind(found, "and", "or", "but")
        return frozenset(found) | self._each(joined, self._participial)

    @once
    def _adjectival(self, place: int) -> Ends:
        # "as big as a house"
        starts = self._maybe_adverbs(place) | self._behind([place], "as")
        found = frozenset(start + 1 for start in starts if self._is(start, "adjective"))
        joined = self._each(self._behind(found, "and", "or", "but", ","), self._adjectival)
        return found | joined | self._each(found | joined, self._infinitive)

    @once
    def _infinitive(self, place: int) -> Ends:
        return (
            self._each(self._maybe_adverbs(place + 1), self._bare) if self._is(place, "to") else frozenset()
        )

    @once
    def _asking(self, place: int) -> Ends:
        """Such as "how it got lost", "that it sleeps"."""
        if not (self._is(place, "wh") or self._word(place, "that")):
            return frozenset()
        return self._clause(place + 1) | self._finite(place + 1, "one") | self._infinitive(place + 1)

    @once
    def _complements(self, place: int) -> Ends:
        """What may follow a verb, nothing included. Which objects a verb takes is not known."""
        starts = frozenset({place}) | ({place + 1} if self._is(place, "adverb") else frozenset())
        objects = self._each(starts, self._objects)
        found = starts | objects | self._each(starts, self._asking)
        found |= self._each(objects, self._objects) | self._each(starts | objects, self._adjectival)
        return self._repeat(found, self._modifiers)

    @once
    def _modifiers(self, place: int) -> Ends:
        """One phrase behind a verb and its objects, perhaps behind a comma."""
        starts = frozenset({place}) | self._behind([place], ",")
        kinds = (self._prepositional, self._adverbs, self._participial, self._infinitive, self._subordinate)
        return frozenset(end for kind in kinds for end in self._each(starts, kind))

    @once
    def _subordinate(self, place: int) -> Ends:
        """Such as "while thunder rolls", "as if lost"."""
        if not self._is(place, "while"):
            return frozenset()
        start = place + 1 + self._word(place + 1, "if", "though")
        return self._clause(start) | self._participial(start) | self._prepositional(start)

    @once
    def _finite(self, place: int, number: Number) -> Ends:
        """A verb that agrees with its subject, and all that follows it."""
        found: set[int] = set()
        for start in self._maybe_adverbs(place):
            found |= self._one_finite(start, number)
        joined = self._behind(found | self._behind(found, ","), "and", "or", "but")
        return frozenset(found) | self._each(joined, lambda start: self._finite(start, number))

    def _one_finite(self, place: int, number: Number) -> Ends:
        is_one, behind = number == "one", place + 1
        found: Ends = frozenset()
        if self._is(place, "verbs" if is_one else "verb", "past"):
            found |= self._complements(behind)
        if self._is(place, "is" if is_one else "are"):
            found |= self._state(behind)
        if self._is(place, "has" if is_one else "have", "had"):
            found |= self._perfect(behind) | self._repeat(self._objects(behind), self._modifiers)
        if self._is(place, "does" if is_one else "do"):
            found |= self._each(self._adverbs(behind), self._bare) | self._repeat(
                self._objects(behind), self._modifiers
            )
        if self._is(place, "modal"):
            found |= self._each(self._maybe_adverbs(behind), self._bare)
        return found

    @once
    def _bare(self, place: int) -> Ends:
        """An infinitive without "to"."""
        found: Ends = self._complements(place + 1) if self._is(place, "verb") else frozenset()
        found |= self._state(place + 1) if self._is(place, "be") else frozenset()
        return found | (self._perfect(place + 1) if self._is(place, "have") else frozenset())

    @once
    def _perfect(self, place: int) -> Ends:
        found: set[int] = set()
        for start in self._maybe_adverbs(place):
            found |= self._state(start + 1) if self._is(start, "been") else frozenset()
            found |= self._complements(start + 1) if self._is(start, "participle") else frozenset()
        return frozenset(found)

    @once
    def _state(self, place: int) -> Ends:
        """What follows a form of "be"."""
        starts = self._maybe_adverbs(place)
        kinds = (
            self._objects,
            self._adjectival,
            self._prepositional,
            self._participial,
            self._infinitive,
            self._asking,
        )
        found = self._adverbs(place) | {end for kind in kinds for end in self._each(starts, kind)}
        return self._repeat(found, self._modifiers)
