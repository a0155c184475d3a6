"""Parts of speech and articles of single words."""

from __future__ import annotations

import warnings

import pytest

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.texts.articles import takes_an
from imagenet_g.generation.captions.names import list_class_names
from imagenet_g.generation.grammar.words import Lexicon

NAMES = sorted({name for info in load_classes() for name in list_class_names(info, "open_clip")})


def test_articles_of_all_classes_agree_with_inflect() -> None:
    """By sound: "a unicycle", "an hourglass"."""
    # Here, because importing it takes longer than all other imports of a file.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import inflect
    engine = inflect.engine()
    differ = {name for name in NAMES if (engine.a(name).split()[0] == "an") != takes_an(name.split()[0])}
    assert differ == set()


@pytest.mark.parametrize(
    ("word", "uses"),
    [("sheep", {"noun", "nouns"}), ("geese", {"nouns"}), ("painted", {"past", "participle"}),
     ("seen", {"participle"}), ("artist's", {"possessive"}), ("snow-covered", {"adjective"}),
     ("glorb", set()), ("igloo", {"noun", "adjective"}), ("the", {"determiner"})],
)  # fmt: skip
def test_uses_of_a_word(word: str, uses: set[str]) -> None:
    """From the lexicon, from the list of word forms, and from the closed classes."""
    assert Lexicon([]).list_uses(word) == uses


def test_words_of_names_are_known() -> None:
    """In singular and plural, whatever they are."""
    lexicon = Lexicon(["a zorb of the woods", "glarbs"])
    assert lexicon.list_uses("zorb") and not lexicon.list_uses("zarb")
    assert lexicon.list_units("glarbs") == ((("glarbs",), "many"),)
