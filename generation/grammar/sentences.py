"""Whether a text is one English sentence, as far as parts of speech and agreement tell.

Every word may be any part of speech that `words` gives, and a text is grammatical if any reading fits.
Judged are articles ("a" or "an", one to a noun, none of a plural), agreement of determiner and noun and of
subject and verb, auxiliaries and the forms behind them, and an object behind each preposition. Not judged
are meaning, which objects a verb takes, which nouns may stand before another, and tenses. A noun phrase
with what describes it counts as a sentence, because captions often are one: "A tiger made of glass in a
library."
"""

from __future__ import annotations

from imagenet_g.generation.grammar.reader import Ends, once
from imagenet_g.generation.grammar.verb_phrases import VerbPhrases
from imagenet_g.generation.grammar.words import Lexicon, Number, split_tokens

# Bare verbs that begin a sentence; if any verb could, "Candle a rainforest." would be one.
IMPERATIVES = frozenset([
    "imagine", "look", "see", "picture", "watch", "behold", "consider", "meet", "find", "notice",
])  # fmt: skip
_TIMES = frozenset([
    "morning", "noon", "afternoon", "evening", "night", "midnight", "day", "week", "month", "year",
    "summer", "autumn", "winter", "spring", "time",
])  # fmt: skip
# A longer text is no caption, and readings multiply with the words.
_MOST_WORDS = 80


def find_unknown_words(text: str, lexicon: Lexicon) -> tuple[str, ...]:
    """Words that the lexicon does not know, in order.

    A word with a capital inside the sentence may be a name and is not judged.

    Example:
        >>> find_unknown_words("Aud a candle rainforest.", Lexicon([]))
        ('Aud',)
        >>> find_unknown_words("A goldfish sleeps in Timbuktu.", Lexicon([]))
        ()
    """
    judged = ((number, word) for number, word in enumerate(split_tokens(text)) if word != ",")
    return tuple(
        word for number, word in judged if not lexicon.list_uses(word) and (not number or word[0].islower())
    )


def is_grammatical(text: str, lexicon: Lexicon) -> bool:
    """Whether some reading of the words makes a sentence; unknown words are taken for names.

    Example:
        >>> is_grammatical("A goldfish of cracked stone guards the door of a pub.", Lexicon([]))
        True
        >>> is_grammatical("A goldfish of guards the cracked door stone.", Lexicon([]))
        False
    """
    words = split_tokens(text)
    is_question = text.rstrip("\"'”’)").endswith("?")
    return 0 < len(words) <= _MOST_WORDS and Sentences(words, lexicon).is_sentence(is_question=is_question)


class Sentences(VerbPhrases):
    """Clauses, and sentences of them."""

    def is_sentence(self, *, is_question: bool) -> bool:
        """Whether all words together are a sentence, or a noun phrase with what describes it."""
        starts = self._fronts()
        found = self._each(starts, self._clause)
        # Without a verb, only a comma shows where what stands before ends.
        found |= self._each({0} | {start for start in starts if self._word(start - 1, ",")}, self._fragment)
        if self._word(0, *IMPERATIVES):
            found |= self._complements(1)
        if is_question:
            found |= self._question(0)
        return len(self._words) in self._repeat(found, self._joined_clause)

    @once
    def _clause(self, place: int) -> Ends:
        found: set[int] = set()
        for start, number in self._subjects(place):
            found |= self._finite(start, number)
        found |= self._there(place + 1) if self._is(place, "there") else frozenset()
        # "In a corner stands a tiger."
        for start in self._prepositional(place):
            for number in ("one", "many"):
                if self._is(
                    start, "verbs" if number == "one" else "verb", "past", "is" if number == "one" else "are"
                ):
                    found |= {end for end, agrees in self._subjects(start + 1) if agrees == number}
        return frozenset(found)

    def _there(self, place: int) -> Ends:
        """Such as "is a tiger", "have been tigers", "might be a tiger", behind "there"."""
        agreeing: set[tuple[int, Number | None]] = set()
        for start in self._maybe_adverbs(place):
            agreeing |= {(start + 1, "one")} if self._is(start, "is") else set()
            agreeing |= {(start + 1, "many")} if self._is(start, "are") else set()
            if self._is(start, "has", "have", "had") and self._is(start + 1, "been"):
                agreeing |= {(start + 2, "one" if self._is(start, "has") else "many")}
            if self._is(start, "modal") and self._is(start + 1, "be"):
                agreeing |= {(start + 2, None)}
        ends = {
            end for begin, wanted in agreeing for start in self._maybe_adverbs(begin)
            for end, number in self._subjects(start) if wanted in (None, number)
        }  # fmt: skip
        return self._repeat(ends, self._modifiers)

    @once
    def _joined_clause(self, place: int) -> Ends:
        starts = self._behind({place} | self._behind([place], ","), "and", "or", "but", "yet", "so")
        return self._each(self._repeat(starts, self._adverbs), self._clause)

    @once
    def _fragment(self, place: int) -> Ends:
        return self._repeat({end for end, _ in self._subjects(place)}, self._modifiers)

    def _fronts(self) -> Ends:
        """Where the main part may begin: at the first word, or behind phrases of place, time and state."""
        return self._repeat(self._behind([0], "and", "but", "so") | {0}, self._front)

    def _front(self, place: int) -> Ends:
        free = self._prepositional(place) | self._adverbs(place)
        strict = self._participial(place) | self._subordinate(place) | self._adjectival(place)
        strict |= {end for end, _ in self._cores(place) if self._words[end - 1] in _TIMES}
        return free | self._behind(free | strict, ",")

    def _question(self, place: int) -> Ends:
        """Such as "Who left a tiger here?", "Is a tiger in the pub?"."""
        start = place + 1 if self._is(place, "wh", "that") else place
        found = self._finite(start, "one") | self._finite(start, "many") if start > place else frozenset()
        if self._is(start, "is", "are", "has", "have", "had", "does", "do", "modal"):
            for end, _ in self._subjects(start + 1):
                found |= self._state(end) | self._bare(end) | self._perfect(end)
        return found
