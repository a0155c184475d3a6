"""The four measures of features, each against a computation of another kind."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from imagenet_g.baselines.feature_analysis.measures import (
    FloatArray,
    compute_class_distances,
    compute_coding_length,
    compute_redundancy,
    compute_sparsity,
    normalise_rows,
)
from imagenet_g.benchmark.errors import InputError

SIZES = st.tuples(st.integers(2, 12), st.integers(1, 12))
# Values that are multiples of 1/8: sums are exact, so that an order of the images cannot show as rounding.
VECTORS = SIZES.flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(-16, 16).map(lambda value: value / 8))
)


def make_features(num_images: int, num_dimensions: int) -> FloatArray:
    """Features as behind a ReLU: half of them exactly 0."""
    rng = np.random.default_rng(num_images * 100 + num_dimensions)
    return np.maximum(rng.normal(size=(num_images, num_dimensions)), 0)


@pytest.mark.parametrize(("num_images", "num_dimensions"), [(30, 5), (5, 30), (8, 8)])
def test_coding_length_is_half_the_log_of_a_direct_determinant(num_images: int, num_dimensions: int) -> None:
    """Of the D x D matrix, and of the N x N matrix, whichever of the two the code takes."""
    vectors = make_features(num_images, num_dimensions)
    factor = num_dimensions / (num_images * 0.25)
    wide = np.linalg.det(np.eye(num_dimensions) + factor * vectors.T @ vectors)
    tall = np.linalg.det(np.eye(num_images) + factor * vectors @ vectors.T)
    found = compute_coding_length(vectors, eps_squared=0.25)
    assert found == pytest.approx(math.log(wide) / 2, rel=1e-9)
    assert found == pytest.approx(math.log(tall) / 2, rel=1e-9)


def test_coding_length_takes_the_square_of_eps() -> None:
    """One image (2, 0): I + 2 / 0.5 X^T X has the determinant 17."""
    assert compute_coding_length(np.array([[2.0, 0.0]]), eps_squared=0.5) == pytest.approx(math.log(17) / 2)


@pytest.mark.parametrize("eps_squared", [0.0, -1.0, math.nan, math.inf])
def test_a_precision_that_is_no_number_above_0_is_refused(eps_squared: float) -> None:
    """With the value in the message."""
    with pytest.raises(InputError, match=str(eps_squared)):
        compute_coding_length(np.eye(2), eps_squared=eps_squared)


def test_redundancy_is_numpy_s_correlations_summed_in_plain_loops() -> None:
    """With the diagonal."""
    vectors = make_features(40, 7)
    total = 0.0
    for first in range(7):
        for second in range(7):
            total += abs(np.corrcoef(vectors[:, first], vectors[:, second])[0, 1])
    assert compute_redundancy(vectors) == pytest.approx(total / 49)


def test_redundancy_in_blocks_is_that_of_all_dimensions_at_once() -> None:
    """A thousand dimensions are two blocks."""
    vectors = np.random.default_rng(0).normal(size=(20, 1000))
    assert compute_redundancy(vectors) == pytest.approx(np.abs(np.corrcoef(vectors.T)).mean())


def test_a_dimension_without_variance_counts_0() -> None:
    """Also where the mean of equal numbers is not exactly that number: 0.1 ten times."""
    vectors = np.concatenate([np.full((10, 1), 0.1), np.arange(10.0)[:, None]], axis=1)
    assert compute_redundancy(vectors) == pytest.approx(1 / 4)


def test_sparsity_counts_values_near_zero_on_both_sides() -> None:
    """In plain loops; -1 is not sparse."""
    vectors = np.array([[0.0, -1.0, 9e-6, -9e-6, 2e-5], [1.0, -2e-5, 3.0, 4.0, 5.0]])
    expected = [sum(abs(value) < 1e-5 for value in row) / 5 for row in vectors.tolist()]
    assert compute_sparsity(vectors).tolist() == expected == [0.6, 0.0]


def test_distance_in_a_class_is_the_mean_over_its_pairs() -> None:
    """In plain loops; the third class has one image and no pair."""
    vectors, labels = make_features(40, 6), np.array([0, 1] * 19 + [0, 2])
    found = compute_class_distances(vectors, labels)
    assert list(found) == [0, 1]
    for label in (0, 1):
        rows = [row for row, other in zip(vectors, labels, strict=True) if other == label]
        pairs = [math.dist(first, second) for first, second in combinations(rows, 2)]
        assert found[label] == pytest.approx(sum(pairs) / len(pairs))


def test_distances_in_blocks_are_those_of_all_images_at_once() -> None:
    """600 images are two blocks."""
    vectors = np.arange(600.0)[:, None]
    # The mean distance of two of the numbers 0 .. n-1 is (n + 1) / 3.
    assert compute_class_distances(vectors, np.zeros(600, dtype=int)) == {0: pytest.approx(601 / 3)}


@settings(max_examples=25, deadline=None)
@given(vectors=VECTORS, data=st.data())
def test_the_order_of_the_images_changes_no_measure(vectors: FloatArray, data: st.DataObject) -> None:
    """Each is a sum over images."""
    order = data.draw(st.permutations(range(len(vectors))))
    labels = np.arange(len(vectors)) % 2
    assert compute_redundancy(vectors[order]) == pytest.approx(compute_redundancy(vectors))
    assert compute_coding_length(vectors[order]) == pytest.approx(compute_coding_length(vectors))
    assert compute_sparsity(vectors[order]).mean() == pytest.approx(compute_sparsity(vectors).mean())
    assert compute_class_distances(vectors[order], labels[order]) == pytest.approx(
        compute_class_distances(vectors, labels)
    )


@settings(max_examples=25, deadline=None)
@given(vectors=VECTORS, data=st.data())
def test_the_order_of_the_dimensions_changes_no_measure(vectors: FloatArray, data: st.DataObject) -> None:
    """None knows one from another."""
    order = data.draw(st.permutations(range(vectors.shape[1])))
    moved = vectors[:, order]
    assert compute_redundancy(moved) == pytest.approx(compute_redundancy(vectors))
    assert compute_coding_length(moved) == pytest.approx(compute_coding_length(vectors))


@settings(max_examples=25, deadline=None)
@given(vectors=VECTORS, scale=st.sampled_from([0.25, 2.0, -4.0]))
def test_scale_changes_distances_in_proportion_and_redundancy_not_at_all(
    vectors: FloatArray, scale: float
) -> None:
    """Coding length grows with it, and is no invariant."""
    labels = np.zeros(len(vectors), dtype=int)
    assert compute_redundancy(scale * vectors) == pytest.approx(compute_redundancy(vectors))
    assert compute_class_distances(scale * vectors, labels)[0] == pytest.approx(
        abs(scale) * compute_class_distances(vectors, labels)[0]
    )
    if vectors.any():
        wider = compute_coding_length(scale * vectors) > compute_coding_length(vectors)
        assert wider == (abs(scale) > 1)


@settings(max_examples=25, deadline=None)
@given(vectors=VECTORS)
def test_redundancy_lies_between_its_bounds(vectors: FloatArray) -> None:
    """The diagonal of the dimensions that vary, and 1."""
    varied = int((vectors.min(axis=0) < vectors.max(axis=0)).sum())
    lowest = varied / vectors.shape[1] ** 2
    assert lowest - 1e-9 <= compute_redundancy(vectors) <= 1


def test_vectors_are_brought_to_length_1() -> None:
    """But one of zeros, which has no direction."""
    rows = normalise_rows(np.array([[3.0, 4.0], [0.0, 0.0]], dtype=np.float32))
    assert np.linalg.norm(rows, axis=1).tolist() == pytest.approx([1.0, 0.0])
