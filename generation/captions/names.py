"""Whether a caption names its class: as whole words, singular or plural, by any of its names.

"Two grey wolves howl." names grey wolf, "A sea lion sleeps." does not name lion: words that belong to another
class's longer name do not count. Case, accents, hyphens and possessives make no difference.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache

from imagenet_g.benchmark.classes import ClassInfo, load_classes
from imagenet_g.generation.prompts.recipes import ClassNames, make_class_name

Words = tuple[str, ...]

IRREGULAR_PLURALS = {
    "child": "children",
    "foot": "feet",
    "goose": "geese",
    "louse": "lice",
    "mouse": "mice",
    "ox": "oxen",
    "person": "people",
    "tooth": "teeth",
}
# Endings of a singular and of its plural; all that fit are accepted, since a wrong one is no word at all.
ENDINGS = (
    ("", "s"), ("s", "ses"), ("x", "xes"), ("z", "zes"), ("z", "zzes"), ("ch", "ches"), ("sh", "shes"),
    ("o", "oes"), ("y", "ies"), ("f", "ves"), ("fe", "ves"), ("man", "men"), ("us", "i"), ("um", "a"),
    ("ix", "ices"), ("ex", "ices"), ("is", "es"),
)  # fmt: skip
# Both alternatives share the last word: splitting at "or" would leave "traffic" alone as a name.
ALTERNATIVES = {
    "traffic or street sign": "traffic sign, street sign",
    "vaulted or arched ceiling": "vaulted ceiling, arched ceiling",
}
# The class list mixes British and American spelling.
SPELLINGS = {"gray": "grey", "pyjamas": "pajamas", "pyjama": "pajama"}
# "loaves of bread": the plural is on the word before one of these.
_HEAD_LINKS = ("of", "in", "on")
# "glass", "cactus" and "iris" end in s and are singular.
_NO_PLURAL_ENDINGS = ("ss", "us", "is")


def list_class_names(info: ClassInfo, names: ClassNames) -> tuple[str, ...]:
    """The accepted names of a class, the usual name first.

    Remarks in brackets are removed and alternatives are split: "kite (bird of prey)" is "kite",
    "cardboard box / carton" is either.

    Example:
        >>> by_name = {info.name: info for info in load_classes()}
        >>> list_class_names(by_name["kite (bird of prey)"], "open_clip")
        ('kite',)
        >>> list_class_names(by_name["cardboard box / carton"], "open_clip")
        ('cardboard box', 'carton')
    """
    # Nobody writes the remark in a sentence.
    text = re.sub(r"\s*\([^)]*\)", "", make_class_name(info, names))
    parts = re.split(r"\s*,\s*|\s+/\s+|\s+or\s+", ALTERNATIVES.get(text, text))
    return tuple(dict.fromkeys(part for part in parts if part))


def split_words(text: str) -> Words:
    """Words of a text in one spelling: lower case, no accents, no possessives, hyphens as spaces.

    Example:
        >>> split_words("The gray-haired potter’s café")
        ('the', 'grey', 'haired', 'potter', 'cafe')
    """
    # Decomposed, so that an accent is a mark of its own, which the next line drops.
    plain = unicodedata.normalize("NFKD", text.replace("’", "'")).casefold()
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    # Possessives before other apostrophes: "goose's" must become "goose", not "gooses".
    plain = re.sub(r"'s\b", "", plain).replace("'", "")
    return tuple(SPELLINGS.get(word, word) for word in re.findall(r"[^\W_]+", plain))


def list_word_forms(word: str) -> frozenset[str]:
    """Singular and plural forms of a noun, with some that do not exist: for recognition only.

    Example:
        >>> sorted(list_word_forms("goose")), sorted(list_word_forms("fox"))
        (['geese', 'goose'], ['fox', 'foxes', 'foxs'])
    """
    forms = {word, IRREGULAR_PLURALS.get(word, word)}
    for ending, plural in ENDINGS if word not in IRREGULAR_PLURALS else ():
        if word.endswith(ending):
            forms.add(word.removesuffix(ending) + plural)
    if word.endswith("s") and not word.endswith(_NO_PLURAL_ENDINGS):
        # A name that is a plural already, such as "binoculars".
        forms.add(word.removesuffix("es") if word.endswith("sses") else word.removesuffix("s"))
    return frozenset(forms)


@cache
def list_name_forms(name: str) -> frozenset[Words]:
    """Forms of a name: its last word in singular and plural, or its head in "loaf of bread".

    Example:
        >>> ("loaves", "of", "bread") in list_name_forms("loaf of bread")
        True
    """
    words = split_words(name)
    if not words:
        return frozenset()
    forms = {(*words[:-1], form) for form in list_word_forms(words[-1])}
    head = next((n for n, word in enumerate(words) if word in _HEAD_LINKS), 0) - 1
    if head >= 0:
        forms |= {(*words[:head], form, *words[head + 1 :]) for form in list_word_forms(words[head])}
    return frozenset(forms)


def names_class(caption: str, class_index: int, names: ClassNames) -> bool:
    """Whether a caption names a class.

    Args:
        caption: Any text.
        class_index: 0..999.
        names: "open_clip" or "first-lemma" for that one name, "lemmas" for any of WordNet's.

    Example:
        >>> lion = 291
        >>> names_class("Two lions read.", lion, "open_clip")
        True
        >>> names_class("A sea lion reads.", lion, "open_clip")
        False
    """
    words = split_words(caption)
    own = _find_spans(words, _list_forms(class_index, names))
    if not own:
        return False
    longer = _find_spans(words, _list_longer_forms(class_index, names))
    # One mention outside every longer name is enough: "A lion meets a sea lion."
    return any(not any(start <= first and last <= stop for start, stop in longer) for first, last in own)


@cache
def _list_forms(class_index: int, names: ClassNames) -> frozenset[Words]:
    called = list_class_names(load_classes()[class_index], names)
    return frozenset(form for name in called for form in list_name_forms(name))


@cache
def _list_longer_forms(class_index: int, names: ClassNames) -> frozenset[Words]:
    """Names of other classes that contain a name of this one, as "sea lion" contains "lion"."""
    own = _list_forms(class_index, names)
    by_word = _index_forms(names)
    # A longer name holds the first word of this one; without the index all names would be compared with all.
    near = {form for mine in own for form in by_word.get(mine[0], ())}
    # A class's own longer lemma ("great white shark" over "white shark") hides nothing.
    return frozenset(form for form in near if any(_holds(form, mine) for mine in own)) - own


@cache
def _index_forms(names: ClassNames) -> dict[str, frozenset[Words]]:
    """Forms of all names by each word in them."""
    found: dict[str, set[Words]] = {}
    for info in load_classes():
        for form in _list_forms(info.index, names):
            for word in form:
                found.setdefault(word, set()).add(form)
    return {word: frozenset(forms) for word, forms in found.items()}


def _holds(longer: Words, shorter: Words) -> bool:
    size = len(shorter)
    return len(longer) > size and any(
        longer[start : start + size] == shorter for start in range(len(longer) - size + 1)
    )


def _find_spans(words: Sequence[str], forms: Iterable[Words]) -> set[tuple[int, int]]:
    """Every mention as the index of its first word and one past its last."""
    wanted = frozenset(forms)
    return {
        (start, start + size)
        for size in {len(form) for form in wanted}
        for start in range(len(words) - size + 1)
        if tuple(words[start : start + size]) in wanted
    }
