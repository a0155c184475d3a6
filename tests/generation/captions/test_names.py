"""Class names in captions: numbers, boundaries, longer names."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.generation.captions.names import list_class_names, list_word_forms, names_class, split_words

INDEX = {info.name: info.index for info in load_classes()}
CLASSES = st.sampled_from(load_classes())
FILLERS = st.lists(st.sampled_from(["old", "and", "the", "sleeps", "under", "red"]), max_size=4)


@pytest.mark.parametrize(
    ("caption", "name"),
    [
        ("Three geese cross a runway.", "goose"),
        ("Grey wolves howl in a library.", "grey wolf"),
        ("A gray wolf reads.", "grey wolf"),
        ("Computer mice sleep on the moon.", "computer mouse"),
        ("Two oxen swim.", "ox"),
        ("Wool scarves hang in a cave.", "scarf"),
        ("Great-white sharks in a ballroom.", "great white shark"),
        ("The goose's shadow falls.", "goose"),
        ("A St. Bernard waits.", "St. Bernard"),
        ("A potter’s wheel turns.", "potter's wheel"),
        ("Meatloaves in space.", "meatloaf"),
        ("Hen of the woods mushrooms glow.", "hen of the woods mushroom"),
        ("One carton floats.", "cardboard box / carton"),
        ("A cardboard box floats.", "cardboard box / carton"),
        ("A kite circles a tower.", "kite (bird of prey)"),
        ("A binocular lies in the snow.", "binoculars"),
        ("GEESE!", "goose"),
    ],
)
def test_a_class_is_named_in_any_form(caption: str, name: str) -> None:
    """Number, case, hyphen, possessive, alternative."""
    assert names_class(caption, INDEX[name], "open_clip")


@pytest.mark.parametrize(
    ("caption", "name"),
    [
        ("A mongoose runs.", "goose"),
        ("A sea lion sleeps.", "lion"),
        ("Sea lions sleep.", "lion"),
        ("A tiger shark swims.", "tiger"),
        ("Wolves howl.", "grey wolf"),
        ("A grey old wolf howls.", "grey wolf"),
        ("The oxygen is thin.", "ox"),
        ("", "ox"),
    ],
)
def test_what_only_resembles_a_name_does_not_count(caption: str, name: str) -> None:
    """Parts of words, and longer names of other classes."""
    assert not names_class(caption, INDEX[name], "open_clip")


def test_a_class_beside_a_longer_name_counts() -> None:
    """One mention of its own is enough."""
    assert names_class("A lion meets a sea lion.", INDEX["lion"], "open_clip")


def test_any_lemma_counts_where_lemmas_are_asked_for() -> None:
    """Class 2 is "great white shark, white shark, man-eater, ..."."""
    assert names_class("A white shark waits.", 2, "lemmas")
    assert not names_class("A white shark waits.", 2, "open_clip")


def test_every_class_is_named_by_its_names() -> None:
    """All 1000, under all three kinds of names; no class is hidden by its own longer name."""
    for names in ("open_clip", "first-lemma"):
        for info in load_classes():
            for name in list_class_names(info, names):
                assert names_class(f"A {name} waits.", info.index, names), (names, name)


def test_plurals_agree_with_inflect() -> None:
    """The library's plural of class names is recognised; every third class, because inflect is slow."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import inflect
    engine = inflect.engine()
    for info in load_classes()[::3]:
        name = list_class_names(info, "open_clip")[0]
        # inflect takes "triceratops" for a plural.
        if name != "triceratops":
            assert names_class(f"Two {engine.plural(name)} wait.", info.index, "open_clip"), name


@pytest.mark.parametrize(
    ("word", "plural"), [("knife", "knives"), ("fox", "foxes"), ("fish", "fishes"), ("potato", "potatoes"),
                         ("fungus", "fungi"), ("ibex", "ibices"), ("axis", "axes"), ("husky", "huskies")],
)  # fmt: skip
def test_usual_plurals_are_known(word: str, plural: str) -> None:
    """By ending."""
    assert plural in list_word_forms(word)


@given(CLASSES, FILLERS, FILLERS)
def test_words_around_a_name_do_not_hide_it(info: object, before: list[str], after: list[str]) -> None:
    """Wherever it stands."""
    name = list_class_names(info, "open_clip")[0]  # type: ignore[arg-type]
    assert names_class(" ".join([*before, name, *after]), info.index, "open_clip")  # type: ignore[attr-defined]


@given(CLASSES, st.sampled_from("abcxyz"))
def test_a_letter_more_is_another_word(info: object, letter: str) -> None:
    """Word boundaries on the left."""
    name = list_class_names(info, "open_clip")[0]  # type: ignore[arg-type]
    words = split_words(name)
    glued = " ".join([letter + letter + words[0], *words[1:]])
    if len(words) == 1:
        assert not names_class(glued, info.index, "open_clip")  # type: ignore[attr-defined]


@given(st.text())
def test_any_text_can_be_looked_at(text: str) -> None:
    """Without an error; words are folded once and for all."""
    words = split_words(text)
    assert split_words(" ".join(words)) == words
