"""Shares of variation against scipy's analysis of variance and the closed form of their level."""

from __future__ import annotations

import numpy as np
import pytest
from checked_images import check, draw, normalize
from scipy import stats

from imagenet_g.generation.image_checks.factors import list_factor_values, measure_factor, number_prompts
from imagenet_g.generation.image_checks.shares import (
    center_classes,
    compute_group_share,
    shuffle_within,
)
from imagenet_g.generation.prompts.recipes import make_prompts
from imagenet_g.generation.specs.inputs import PromptSpec

SPEC = PromptSpec(recipe="openai-80", class_names="open_clip")
RECIPE = {"recipe": {"prompts": SPEC.model_dump(mode="json")}}


def test_the_share_of_one_class_is_eta_squared_of_the_analysis_of_variance() -> None:
    """Four groups of numbers, by the F statistic of scipy."""
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 4, 60)
    values = rng.normal(size=60) + 0.5 * groups
    found = compute_group_share(values[:, None].astype(np.float32), np.zeros(60, dtype=np.int64), groups)
    f = stats.f_oneway(*(values[groups == group] for group in range(4))).statistic
    assert found is not None
    assert found.share == pytest.approx(f * 3 / (f * 3 + 56), abs=1e-5)


def test_the_level_by_chance_is_that_of_the_closed_form() -> None:
    """Dealt at random, k groups of one class of n images have (k - 1) / (n - 1) of its variation."""
    rng = np.random.default_rng(1)
    vectors, groups = rng.normal(size=(120, 8)).astype(np.float32), np.repeat(np.arange(6), 20)
    found = compute_group_share(vectors, np.zeros(120, dtype=np.int64), groups, num_shuffles=2000)
    assert found is not None
    assert found.expected == pytest.approx(5 / 119, rel=0.03)
    assert found.low < found.expected < found.high


def test_a_template_that_moves_every_class_alike_is_found_where_no_class_has_it_twice() -> None:
    """Eight templates, each once in each of 30 classes."""
    rng = np.random.default_rng(2)
    labels, groups = np.repeat(np.arange(30), 8), np.tile(np.arange(8), 30)
    shift = rng.normal(size=(8, 16))
    vectors = (rng.normal(size=(240, 16)) + shift[groups]).astype(np.float32)
    found = compute_group_share(vectors, labels, groups)
    assert found is not None
    assert found.share > 0.3 and found.high < 0.1


def test_templates_without_an_effect_are_inside_the_level_as_often_as_they_should() -> None:
    """95 % of 60 draws, less three standard deviations."""
    labels, groups = np.repeat(np.arange(10), 8), np.tile(np.arange(8), 10)
    inside = 0
    for seed in range(60):
        vectors = np.random.default_rng(seed).normal(size=(80, 4)).astype(np.float32)
        found = compute_group_share(vectors, labels, groups)
        assert found is not None
        inside += found.low <= found.share <= found.high
    assert inside >= 52


def test_shuffling_keeps_the_values_of_each_class() -> None:
    """200 images of five classes."""
    rng = np.random.default_rng(3)
    labels, groups = rng.integers(0, 5, 200), rng.integers(0, 9, 200)
    dealt = shuffle_within(groups, labels, rng)
    assert (dealt != groups).any()
    for label in range(5):
        assert sorted(dealt[labels == label]) == sorted(groups[labels == label])


def test_class_means_are_taken_off() -> None:
    """What is left of each class has the mean 0."""
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 5, 50)
    centred = center_classes(rng.normal(size=(50, 3)).astype(np.float32), labels)
    assert all(centred[labels == label].mean(axis=0) == pytest.approx([0] * 3) for label in range(5))


def test_a_property_that_is_one_with_the_class_has_no_share() -> None:
    """One value a class."""
    vectors = np.random.default_rng(5).normal(size=(8, 3)).astype(np.float32)
    labels = np.repeat([0, 1], 4)
    assert compute_group_share(vectors, labels, labels) is None


def test_images_that_do_not_differ_have_no_share() -> None:
    """Eight equal embeddings."""
    vectors = np.ones((8, 3), dtype=np.float32)
    assert compute_group_share(vectors, np.zeros(8, dtype=np.int64), np.arange(8) % 2) is None


def test_the_template_of_a_prompt_is_the_pattern_that_made_it() -> None:
    """Number (class + index) of the 80."""
    prompts = make_prompts(SPEC, 3, 80)
    numbers = number_prompts(SPEC, 3)
    assert [numbers[prompt] for prompt in prompts] == [(3 + index) % 80 for index in range(80)]


def test_shares_by_template_come_from_the_prompts_of_the_release() -> None:
    """Two classes that begin at their own template."""
    prompts = [prompt for label in (1, 2) for prompt in make_prompts(SPEC, label, 4)]
    vectors = np.random.default_rng(6).normal(size=(8, 4))
    images = check(
        [draw(n) for n in range(8)],
        [1] * 4 + [2] * 4,
        vectors=vectors,
        columns={"prompt": prompts},
        recipe=RECIPE,
    )
    assert list_factor_values(images, "template").values == (1, 2, 3, 4, 2, 3, 4, 5)
    share = measure_factor(images, "template")
    assert share.num_groups == 5 and share.reason is None
    assert share.share is not None and share.expected is not None


@pytest.mark.parametrize(
    ("columns", "recipe", "reason"),
    [
        ({}, RECIPE, "no column of templates"),
        ({"prompt": ["x", "y"]}, RECIPE, "of no template"),
        ({"prompt": ["x", "y"]}, None, "names no recipe of templates"),
    ],
)
def test_templates_that_are_unknown_are_said_to_be(
    columns: dict[str, list[str]], recipe: object, reason: str
) -> None:
    """No prompts, prompts of no template, no recipe."""
    images = check([draw(0), draw(1)], [1, 1], vectors=np.eye(2), columns=columns, recipe=recipe)
    share = measure_factor(images, "template")
    assert share.share is None and reason in str(share.reason)


def test_seeds_of_which_each_makes_one_image_tell_nothing() -> None:
    """As in every build of this package."""
    images = check([draw(0), draw(1)], [1, 1], vectors=np.eye(2), columns={"seed": [5, 6]})
    assert "of its own" in str(measure_factor(images, "seed").reason)


def test_shared_seeds_have_a_share() -> None:
    """Four seeds, each once in every class, that move every class alike."""
    rng = np.random.default_rng(7)
    shift = rng.normal(size=(4, 8))
    seeds, labels = [11, 12, 13, 14] * 5, np.repeat(np.arange(5), 4).tolist()
    vectors = rng.normal(size=(20, 8)) * 0.1 + np.tile(shift, (5, 1))
    images = check([draw(n) for n in range(20)], labels, vectors=normalize(vectors), columns={"seed": seeds})
    share = measure_factor(images, "seed")
    assert share.share is not None and share.share > 0.8
    assert share.largest_group == pytest.approx(0.25)
