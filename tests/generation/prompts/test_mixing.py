"""Several prompt recipes in one split, scenes that read as sentences, all hypernyms."""

from __future__ import annotations

from collections import Counter

import pytest
from pydantic import ValidationError

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.generation.prompts.ambiguity import find_twins, list_ambiguous
from imagenet_g.generation.prompts.mixing import (
    choose_part,
    make_cycle,
    make_mixed_prompts,
    name_prompt_recipe,
)
from imagenet_g.generation.prompts.recipes import (
    FAKE_IT_PATTERNS,
    load_all_hypernyms,
    load_readable_scenes,
    load_scenes,
    make_prompts,
)
from imagenet_g.generation.specs.inputs import MixedPromptSpec, PromptSpec


def make_mix(shares: dict[str, int]) -> MixedPromptSpec:
    """A mix of recipes by share."""
    parts = [{"recipe": name, "class_names": "open_clip", "share": n} for name, n in shares.items()]
    return MixedPromptSpec.model_validate({"recipe": "mixed", "parts": parts})


SIX = make_mix(dict.fromkeys(FAKE_IT_PATTERNS, 1))


def test_a_mix_keeps_the_shares_within_every_class() -> None:
    """To within one image; the remainder goes round, so that no part has more over all classes."""
    total = Counter[int]()
    for info in load_classes()[:60]:
        counts = Counter(choose_part(SIX, info.index, n) for n in range(20))
        assert set(counts.values()) <= {3, 4}
        total += counts
    assert set(total.values()) == {200}


def test_unequal_shares_are_spread_over_the_cycle() -> None:
    """No run of one part is longer than it must be."""
    cycle = make_cycle((5, 1, 2))
    assert Counter(cycle) == {0: 5, 1: 1, 2: 2}
    assert (
        max(len(run) for run in "".join(map(str, cycle * 2)).replace("1", " ").replace("2", " ").split()) <= 2
    )


def test_each_part_of_a_mix_takes_its_prompts_in_turn() -> None:
    """As a split of that recipe alone would: scene after scene, none skipped."""
    prompts = make_mixed_prompts(SIX, 7, 30)
    scenes = [prompt for prompt in prompts if " inside " in prompt]
    alone = PromptSpec(recipe="c-hypernym-scene", class_names="open_clip")
    assert scenes == make_prompts(alone, 7, 5)


def test_more_images_keep_the_prompts_of_the_first() -> None:
    """As with one recipe."""
    assert make_mixed_prompts(SIX, 3, 50)[:20] == make_mixed_prompts(SIX, 3, 20)


def test_the_recipe_of_each_image_is_named() -> None:
    """In the column `recipe`; a template by its text."""
    assert {name_prompt_recipe(SIX, 0, n) for n in range(6)} == set(FAKE_IT_PATTERNS)
    own = PromptSpec(recipe="template", class_names="open_clip", template="one {c}")
    assert name_prompt_recipe(own, 0, 0) == "one {c}"


def test_classes_of_a_mix_are_twins_where_every_part_says_the_same() -> None:
    """A definition tells apart what names do not; an ambiguous name is one in any part."""
    assert find_twins(make_mix({"c": 1, "multiple": 1})) == {}
    assert find_twins(make_mix({"c": 1, "openai-80": 1})) == find_twins(
        PromptSpec(recipe="c", class_names="open_clip")
    )
    mix = MixedPromptSpec.model_validate(
        {
            "recipe": "mixed",
            "parts": [{"recipe": "c", "class_names": name} for name in ("open_clip", "first-lemma")],
        }
    )
    assert "crane" in {one.name for one in list_ambiguous(mix, [134])}


@pytest.mark.parametrize("shares", [{"c": 1}, {"c": 0, "multiple": 1}, {"c": 1001, "multiple": 1}])
def test_a_mix_of_one_and_odd_shares_are_refused(shares: dict[str, int]) -> None:
    """A share is 1 to 1000."""
    with pytest.raises(ValidationError):
        make_mix(shares)


def test_captions_are_no_part_of_a_mix() -> None:
    """Their file would not be pinned by the mix."""
    with pytest.raises(UnknownNameError, match="captions"):
        make_mixed_prompts(make_mix({"captions": 1, "c": 1}), 0, 2)


def test_readable_scenes_are_the_365_scenes_in_order() -> None:
    """Each with an article, but plurals; those without a kind of place are the listed words."""
    listed, readable = load_scenes(), load_readable_scenes()
    assert len(readable) == len(set(readable)) == len(listed)
    without = [scene for scene in readable if scene.split()[0] not in ("a", "an", "the")]
    assert without == ["badlands", "office cubicles"]
    same = sum(scene.split(" ", 1)[-1] == other for scene, other in zip(readable, listed, strict=True))
    assert same > 250
    pairs = dict(zip(listed, readable, strict=True))
    assert pairs["garage outdoor"] == "a garage outdoors"
    assert pairs["underwater ocean deep"] == "the deep ocean"
    assert pairs["car interior"] == "the interior of a car"


def test_scenes_read_as_a_sentence_where_the_recipe_says_so() -> None:
    """The listed spelling stays the default, by which published plans were made."""
    words = {"recipe": "c-hypernym-scene", "class_names": "open_clip"}
    number = load_scenes().index("garage outdoor")
    listed, readable = (
        make_prompts(PromptSpec.model_validate(words | more), number, 1)[0]
        for more in ({}, {"scenes": "readable"})
    )
    assert listed.endswith(" inside garage outdoor")
    assert readable.endswith(" inside a garage outdoors")


def test_readable_scenes_do_not_go_with_the_recipe_that_is_taken_apart() -> None:
    """It has an article of its own."""
    with pytest.raises(InputError, match="scenes = 'listed' only"):
        make_prompts(PromptSpec(recipe="mismatched-scene", class_names="open_clip", scenes="readable"), 0, 1)


def test_all_hypernyms_are_named_where_a_synset_has_several() -> None:
    """And the first alone by default."""
    several = next(info for info in load_classes() if len(load_all_hypernyms()[info.wnid]) > 1)
    words = {"recipe": "c-hypernym", "class_names": "first-lemma"}
    first = make_prompts(PromptSpec.model_validate(words), several.index, 1)[0]
    both = make_prompts(PromptSpec.model_validate(words | {"hypernyms": "all"}), several.index, 1)[0]
    heads = [lemmas.split(",")[0] for lemmas in load_all_hypernyms()[several.wnid]]
    assert first.endswith(f", {heads[0]}")
    assert both.endswith(f", {', '.join(heads)}")


def test_keys_that_are_not_used_stay_out_of_the_recipe() -> None:
    """Plans that were made before there were such keys keep their hash."""
    assert PromptSpec(recipe="c", class_names="open_clip").model_dump(mode="json") == {
        "recipe": "c",
        "class_names": "open_clip",
        "template": None,
    }
