"""Prompt recipes against their sources."""

from __future__ import annotations

from collections import Counter

import open_clip
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.benchmark.classes import load_classes, load_index_by_wnid
from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.generation.prompts.recipes import (
    RECIPES,
    load_hypernyms,
    load_patterns,
    load_scenes,
    make_class_name,
    make_prompts,
)
from imagenet_g.generation.specs.inputs import PromptSpec

EIGHTY = PromptSpec(recipe="openai-80", class_names="open_clip")


def make_spec(recipe: str) -> PromptSpec:
    """A spec of a recipe, with lemmas as names."""
    template = "a {c} near the {b}" if recipe == "template" else None
    return PromptSpec(recipe=recipe, class_names="first-lemma", template=template)


def test_the_80_templates_are_open_clips_in_its_order() -> None:
    """Against the library's own list."""
    assert load_patterns(EIGHTY) == tuple(t("{c}") for t in open_clip.OPENAI_IMAGENET_TEMPLATES)


def test_class_names_are_open_clips() -> None:
    """Against the library's own list."""
    names = [make_class_name(info, "open_clip") for info in load_classes()]
    assert names == list(open_clip.IMAGENET_CLASSNAMES)


def test_lemmas_are_wordnets() -> None:
    """All of them, or the first."""
    info = load_classes()[2]
    assert make_class_name(info, "lemmas").startswith("great white shark, white shark, man-eater")
    assert make_class_name(info, "first-lemma") == "great white shark"


@pytest.mark.parametrize(
    ("recipe", "prompt"),
    [
        ("c", "tench"),
        ("c-hypernym", "tench, cyprinid"),
        ("multiple", "a photo of multiple tench, cyprinid"),
        ("multiple-different", "a photo of multiple different tench, cyprinid"),
        ("c-hypernym-scene", "tench, cyprinid inside airfield"),
        ("template", "a tench near the airfield"),
    ],
)
def test_recipes_read_as_in_the_paper(recipe: str, prompt: str) -> None:
    """The six of "Fake it till you make it" (the definition below), and a template of your own."""
    assert make_prompts(make_spec(recipe), 0, 1) == [prompt]


def test_the_definition_recipe_ends_in_wordnets_gloss() -> None:
    """*c, definition*."""
    assert make_prompts(make_spec("c-definition"), 0, 1) == [f"tench, {load_classes()[0].definition}"]


def test_there_are_365_scenes_in_plain_words() -> None:
    """No underscore or slash is left."""
    scenes = load_scenes()
    assert len(set(scenes)) == 365
    assert not any(set(scene) & set("_/") for scene in scenes)


def test_every_class_has_a_hypernym() -> None:
    """By wnid."""
    assert load_hypernyms().keys() == load_index_by_wnid().keys()
    assert all(load_hypernyms().values())


def test_templates_are_used_about_equally_over_all_classes() -> None:
    """50 images of 1000 classes use each of the 80 templates 625 times, give or take 3 percent."""
    patterns, counts = load_patterns(EIGHTY), Counter[str]()
    for index, info in enumerate(load_classes()):
        prompts = make_prompts(EIGHTY, index, 50)
        chosen = [patterns[(index + n) % len(patterns)] for n in range(50)]
        assert prompts == [pattern.format(c=info.name) for pattern in chosen]
        counts.update(chosen)
    assert 606 <= min(counts.values()) <= max(counts.values()) <= 644


@given(st.sampled_from(RECIPES), st.integers(0, 999), st.integers(1, 40), st.integers(0, 40))
def test_more_images_never_change_the_first_ones(recipe: str, index: int, count: int, more: int) -> None:
    """A pure function of class and index."""
    spec = make_spec(recipe)
    assert make_prompts(spec, index, count + more)[:count] == make_prompts(spec, index, count)


def test_an_unknown_recipe_is_refused_with_the_nearest() -> None:
    """Did you mean."""
    with pytest.raises(UnknownNameError, match="Did you mean 'openai-80'"):
        load_patterns(PromptSpec(recipe="openai80", class_names="open_clip"))


@pytest.mark.parametrize(
    ("template", "words"),
    [("a photo", "does not name the class"), ("a {c} {x}", "Unknown field 'x'"), ("a {c", "malformed"),
     ("a {c!r}", "Unknown field 'c'"), (None, "need each other")],
)  # fmt: skip
def test_a_bad_template_is_refused(template: str | None, words: str) -> None:
    """Before anything is planned."""
    with pytest.raises(InputError, match=words):
        load_patterns(PromptSpec(recipe="template", class_names="open_clip", template=template))
