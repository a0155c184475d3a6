"""Which images are drawn: the same number everywhere, each at most once, whatever their order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.quality.samples import Dealer, FeatureSet, choose_number


def make_set(seed: int, counts: dict[int, int], *, named: bool = True) -> FeatureSet:
    """So many images of each class; the first feature of an image is its number."""
    labels = np.repeat(list(counts), list(counts.values()))
    vectors = np.random.default_rng(seed).normal(size=(len(labels), 4)).astype(np.float32)
    vectors[:, 0] = np.arange(len(labels))
    ids = [f"{seed}-{number}" for number in range(len(labels))]
    return FeatureSet(vectors, labels, ids if named else None)


def test_no_image_is_drawn_twice_and_halves_do_not_overlap() -> None:
    """Copies would lie at no distance from each other."""
    deal = Dealer(make_set(0, {3: 12}), make_set(1, {3: 20})).deal(3, 10)
    assert len(set(deal.split[:, 0])) == 10
    assert len({*deal.reference[:, 0], *deal.other[:, 0]}) == 20


def test_what_is_drawn_does_not_depend_on_the_order_of_rows() -> None:
    """Nor on which other images there are, as far as ids are given."""
    images = make_set(0, {3: 30, 7: 5})
    order = np.random.default_rng(1).permutation(35)
    assert images.image_ids is not None
    shuffled = FeatureSet(
        images.vectors[order], images.labels[order], [images.image_ids[row] for row in order]
    )
    drawn = [side.vectors[side.shuffle_rows(seed=4)[3]][:, 0].tolist() for side in (images, shuffled)]
    assert drawn[0] == drawn[1]
    assert sorted(drawn[0]) != drawn[0]


@pytest.mark.parametrize("named", [True, False])
def test_another_seed_draws_other_images(named: bool) -> None:
    """And the same seed the same."""
    images = make_set(0, {3: 40}, named=named)
    assert images.shuffle_rows(seed=0)[3].tolist() == images.shuffle_rows(seed=0)[3].tolist()
    assert images.shuffle_rows(seed=0)[3].tolist() != images.shuffle_rows(seed=1)[3].tolist()


def test_every_image_is_as_likely_as_any_other_to_be_drawn() -> None:
    """1000 seeds, 2 of 8 images: each comes up 250 times, within four standard errors."""
    images = make_set(0, {3: 8})
    counts = np.zeros(8)
    for seed in range(1000):
        counts[images.shuffle_rows(seed=seed)[3][:2]] += 1
    assert np.abs(counts - 250).max() < 4 * (1000 * 0.25 * 0.75) ** 0.5


@given(st.lists(st.integers(0, 60), max_size=12), st.integers(3, 50))
def test_number_uses_the_most_images(counts: list[int], most: int) -> None:
    """Against trying every number."""

    def count_used(number: int) -> int:
        return number * sum(count >= number for count in counts)

    chosen = choose_number(counts, most=most)
    best = max((count_used(number) for number in range(3, most + 1)), default=0)
    assert (0 if chosen == 0 else count_used(chosen)) == best


@pytest.mark.parametrize(
    ("vectors", "labels", "ids", "message"),
    [
        (np.ones(3), np.zeros(3, dtype=int), None, r"shape \(3,\)"),
        (np.ones((3, 2)), np.zeros(2, dtype=int), None, r"labels of shape \(2,\)"),
        (np.array([[1.0, 2.0], [np.nan, 0.0]]), np.zeros(2, dtype=int), None, "row 1 are not finite"),
        (np.array([[np.inf, 2.0], [-np.inf, 0.0]]), np.zeros(2, dtype=int), None, "row 0 are not finite"),
        (np.ones((2, 2)), np.array([0, 1000]), None, r"0\.\.999"),
        (np.ones((2, 2)), np.array([-1, 0]), None, r"0\.\.999"),
        (np.ones((2, 2)), np.array([0, 0]), ["a", "a"], "different ids; there are 1"),
    ],
)
def test_what_is_no_set_of_features_is_refused(
    vectors: np.ndarray, labels: np.ndarray, ids: list[str] | None, message: str
) -> None:
    """With the value and what is allowed."""
    with pytest.raises(InputError, match=message):
        FeatureSet(vectors, labels, ids)


def test_features_of_two_models_are_refused() -> None:
    """By their numbers of dimensions."""
    with pytest.raises(InputError, match="of 4 and of 2 dimensions"):
        Dealer(make_set(0, {3: 8}), FeatureSet(np.ones((2, 2)), np.array([3, 3])))
