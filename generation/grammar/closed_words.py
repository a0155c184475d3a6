"""Words of the closed classes, which are not looked up: articles, prepositions, pronouns, auxiliaries."""

from __future__ import annotations

from typing import Literal

Use = Literal[
    "article", "singular-determiner", "plural-determiner", "determiner", "preposition", "conjunction",
    "while", "that", "wh", "there", "to", "not", "singular-pronoun", "plural-pronoun", "object-pronoun",
    "is", "are", "be", "been", "being", "has", "have", "had", "does", "do", "modal", "noun", "nouns",
    "mass", "name", "adjective", "adverb", "verb", "verbs", "past", "participle", "ing", "possessive",
]  # fmt: skip
"""One part a word may play.

article              a, an: before a singular noun, and by sound
noun, nouns          a singular or a plural noun; "mass" needs no article, "name" is a proper noun
verb, verbs          "paint" and "paints"; "past" is "painted", "participle" is "painted" as in "is painted"
possessive           "artist's"
is, are, has, ...    forms of the auxiliaries; "is" and "are" stand for "was" and "were" as well
"""
Uses = frozenset[Use]
CLOSED: dict[Use, str] = {
    "article": "a an",
    "singular-determiner": "this that each every another one either neither",
    "plural-determiner": "these those many few several both various two three four five six seven eight "
    "nine ten eleven twelve twenty thirty forty fifty sixty hundred dozen thousand "
    "million",
    "determiner": "the some any no all half what which whose enough more most my your his her its our their",
    "conjunction": "and or but nor yet",
    "preposition": "aboard about above across after against along alongside amid among amongst "
    "around as at atop before behind below beneath beside besides between beyond by "
    "despite down during for from in inside into like near of off on onto opposite "
    "out outside over past since through throughout till to toward towards under "
    "underneath unlike until up upon via with within without",
    "while": "while as when because although though until before after where if since once "
    "whenever wherever unless",
    "that": "that who which whom",
    "wh": "how why what where when who whether",
    "there": "there here",
    "to": "to",
    "not": "not never",
    "singular-pronoun": "he she it someone somebody something nobody everyone everybody everything "
    "nothing anyone anybody anything no-one one this that",
    "plural-pronoun": "they we you i these those many several some few both all hundreds thousands dozens",
    "object-pronoun": "me him her us them it you someone somebody something nobody everyone everybody "
    "everything nothing anyone anybody anything itself himself herself themselves "
    "myself yourself mine yours hers ours theirs ourselves one this that these those all",
    "is": "is was",
    "are": "are were am",
    "be": "be",
    "been": "been",
    "being": "being",
    "has": "has",
    "have": "have",
    "had": "had",
    "does": "does did",
    "do": "do did",
    "modal": "can could will would may might must shall should cannot",
    "adverb": "above across again ahead almost alone already also always apart around as "
    "aside away back before behind below beneath down else even ever everywhere far "
    "forever forward halfway here high however indeed indoors inside instead just "
    "low maybe nearby never not now nowhere off often on once only out outdoors "
    "outside over perhaps quite rather sideways so somehow sometimes somewhere soon "
    "still then there through thus together tomorrow tonight too twice under up "
    "upside very well yet",
    "adjective": "other such same only own upside-down like alike afloat alone asleep awake",
    "possessive": "whose",
    # Left out of the lexicon.
    "participle": "lit",
}
"""What each closed word may be, words apart."""
# Among them words of the open classes as well, which a caption uses: "a light", "the back", "looks down".
ALSO_OPEN = frozenset([
    "one", "mine", "past", "back", "light", "half", "well", "like", "down", "still", "second", "even", "high",
    "low", "far", "inside", "outside", "opposite", "round", "own", "being", "past", "hundreds", "thousands",
    "dozens", "nothing", "something", "once", "dozen", "hundred", "thousand", "million", "together", "long",
    "over", "lit",
])  # fmt: skip
# Read as closed words only: dictionaries have rare nouns and verbs for them ("an in", "to while", "the me").
CLOSED_ONLY = frozenset(word for words in CLOSED.values() for word in words.split()) - ALSO_OPEN
