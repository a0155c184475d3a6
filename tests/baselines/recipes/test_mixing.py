"""Mixes: exact proportions, class by class, and every image once an epoch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.baselines.recipes.mixing import (
    choose_images,
    count_wanted,
    divide_shares,
    list_positions,
    round_together,
)
from imagenet_g.baselines.recipes.specs import BudgetSpec, MixSpec
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.statistics.accuracy import IntArray

LABELS = [np.repeat([0, 1, 2], [8, 4, 2]), np.repeat([0, 1, 2], [20, 20, 20])]


def choose(mix: MixSpec, *, seed: int = 0) -> IntArray:
    """Counts of a mix of the two sources above."""
    rows = [np.arange(len(labels)) for labels in LABELS]
    return choose_images(mix, LABELS, rows, num_outputs=3, seed=seed).count(3)


def make_budget(images: int, drawn: float, **more: object) -> MixSpec:
    """A budget with a share of the second source."""
    shares = {"real": 1 - drawn, "drawn": drawn}
    return MixSpec(name="budget", budget=BudgetSpec(images=images, shares=shares), **more)


@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=40),
    st.floats(0, 1, allow_nan=False, allow_subnormal=False),
)
def test_each_class_and_each_source_has_its_share_rounded(totals: list[int], share: float) -> None:
    """Against the exact real numbers: no class is off by 1, and neither is a source over all classes."""
    parts = divide_shares(np.array(totals), [share, 1 - share])
    exact = np.outer(totals, [share, 1 - share])
    assert parts.sum(axis=1).tolist() == totals
    assert np.abs(parts - exact).max() < 1 + 1e-6
    assert np.abs(parts.sum(axis=0) - exact.sum(axis=0)).max() <= 0.5 + 1e-6


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30))
def test_three_sources_are_rounded_class_by_class(totals: list[int]) -> None:
    """Each number is its share rounded down or up."""
    shares = [0.2, 0.3, 0.5]
    parts = divide_shares(np.array(totals), shares)
    exact = np.outer(totals, shares)
    assert parts.sum(axis=1).tolist() == totals
    assert (np.floor(exact + 1e-9) <= parts).all()
    assert (parts <= np.ceil(exact - 1e-9)).all()


@given(st.lists(st.floats(0, 9), min_size=1, max_size=30))
def test_numbers_rounded_together_keep_their_sum(wanted: list[float]) -> None:
    """Rounded one by one, a thousand classes could drift by hundreds."""
    rounded = round_together(np.array(wanted))
    assert abs(rounded.sum() - sum(wanted)) <= 0.5 + 1e-6
    assert np.abs(rounded - np.array(wanted)).max() <= 1 + 1e-6


def test_proportions_are_relative_to_the_first_source() -> None:
    """Half of the real images, and twice as many generated ones as all real ones, as the real classes are."""
    mix = MixSpec(name="more", proportions={"real": 0.5, "drawn": 2.0})
    assert choose(mix).tolist() == [[4, 2, 1], [16, 8, 4]]


def test_balanced_classes_have_as_many_images_each() -> None:
    """Of the same total; those that a class lacks come again."""
    mix = MixSpec(name="balanced", proportions={"real": 1.0}, classes="balanced", short="repeat")
    labels, rows = LABELS[:1], [np.arange(14)]
    planned = choose_images(mix, labels, rows, num_outputs=3, seed=0)
    assert planned.count(3).tolist() == [[5, 4, 5]]
    # Of class 2 there are two images: both come twice, and one a third time.
    of_two = planned.rows[planned.outputs == 2]
    assert sorted(np.bincount(of_two)[12:]) == [2, 3]


@pytest.mark.parametrize("drawn", [0.0, 0.25, 0.5, 1.0])
def test_a_budget_is_spent_whole_whatever_the_share(drawn: float) -> None:
    """And divided as the first source's classes are."""
    counts = choose(make_budget(7, drawn))
    assert counts.sum() == 7
    assert counts.sum(axis=0).tolist() == [4, 2, 1]
    assert abs(counts[1].sum() - 7 * drawn) <= 0.5


def test_too_few_images_are_refused() -> None:
    """With the class, and how many there are."""
    with pytest.raises(DataError, match=r"asks for 9 images of output 0 of 'real', which has 8; 3 are short"):
        choose(MixSpec(name="few", per_class={"real": 9, "drawn": 1}))


def test_a_smaller_mix_is_part_of_a_larger_one_of_the_same_seed() -> None:
    """So that more data is more data, and not other data."""
    taken = []
    for share in (0.25, 0.5, 1.0):
        mix = MixSpec(name="part", proportions={"real": share})
        planned = choose_images(mix, LABELS[:1], [np.arange(14)], num_outputs=3, seed=3)
        taken.append(set(planned.rows.tolist()))
    assert taken[0] < taken[1] < taken[2] == set(range(14))


def test_another_seed_takes_other_images() -> None:
    """Or seeds would say nothing about the choice."""
    mix = MixSpec(name="one", per_class={"drawn": 3})
    rows = [np.arange(60)]
    first, other = (choose_images(mix, LABELS[1:], rows, num_outputs=3, seed=seed) for seed in (0, 1))
    assert set(first.rows.tolist()) != set(other.rows.tolist())


def test_every_epoch_has_each_image_once_in_an_order_of_its_own() -> None:
    """Also where batches lie across the ends of epochs."""
    fed = np.concatenate([list_positions(50, 8, step, seed=1) for step in range(25)])
    epochs = fed.reshape(4, 50)
    assert all(sorted(epoch) == list(range(50)) for epoch in epochs.tolist())
    assert len({tuple(epoch) for epoch in epochs.tolist()}) == 4


def test_a_first_source_without_images_is_one_message() -> None:
    """A proportion of nothing is nothing."""
    mix = MixSpec(name="none", proportions={"real": 1.0})
    with pytest.raises(DataError, match="'real' has no image of these classes"):
        count_wanted(mix, np.zeros((1, 3), np.int64))
