"""Diversity, Vendi score and spread against plain loops, scipy and closed forms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from scipy.stats import entropy, t

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.quality.diversity import (
    bound_diversity,
    bound_spread,
    bound_vendi,
    compute_diversity,
    compute_spread,
    compute_vendi,
)
from imagenet_g.benchmark.quality.estimates import Bounds
from imagenet_g.benchmark.statistics.accuracy import FloatArray

SEEDS = st.integers(0, 2**32 - 1)


def draw(seed: int, count: int, size: int = 6) -> FloatArray:
    """Points off the origin."""
    return 0.5 + np.random.default_rng(seed).normal(size=(count, size))


@given(seed=SEEDS, count=st.integers(2, 20), size=st.integers(1, 8))
def test_diversity_is_the_mean_of_scipys_cosine_distances(seed: int, count: int, size: int) -> None:
    """Over pairs of different images."""
    points = draw(seed, count, size)
    assert compute_diversity(points) == pytest.approx(pdist(points, "cosine").mean(), abs=1e-9)


def test_a_duplicated_set_is_less_diverse_by_the_pairs_of_copies() -> None:
    """Twice n images: of n (2 n - 1) pairs, n are copies."""
    points = draw(0, 20)
    expected = compute_diversity(points) * (1 - 1 / 39)
    assert compute_diversity(np.vstack([points, points])) == pytest.approx(expected)


def test_a_collapsed_set_has_no_diversity() -> None:
    """One picture: diversity 0, one effective image, no spread."""
    copies = np.repeat(draw(1, 1), 9, axis=0)
    assert compute_diversity(copies) == pytest.approx(0, abs=1e-12)
    assert compute_vendi(copies) == pytest.approx(1)
    assert compute_spread(copies) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("count", [5, 30])
def test_vendi_score_is_the_exponential_of_scipys_entropy(count: int) -> None:
    """With fewer images than dimensions, and with more."""
    points = draw(2, count, 12)
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    values = np.linalg.eigvalsh(unit @ unit.T / count)
    assert compute_vendi(points) == pytest.approx(np.exp(entropy(np.clip(values, 0, None))))


def test_vendi_score_counts_groups_of_copies() -> None:
    """Three pictures at right angles, 5, 3 and 2 copies of them: the entropy of those shares."""
    copies = np.repeat(np.eye(3), [5, 3, 2], axis=0)
    assert compute_vendi(copies) == pytest.approx(np.exp(entropy([0.5, 0.3, 0.2])))


def test_a_duplicated_set_has_the_vendi_score_of_the_set() -> None:
    """Copies add no different image."""
    points = draw(3, 10)
    assert compute_vendi(np.vstack([points, points])) == pytest.approx(compute_vendi(points))


@given(seed=SEEDS, count=st.integers(1, 15), size=st.integers(1, 8))
def test_vendi_score_lies_between_one_and_the_number_of_images(seed: int, count: int, size: int) -> None:
    """In any order of rows the same."""
    points = draw(seed, count, size)
    score = compute_vendi(points)
    assert 1 - 1e-9 <= score <= min(count, size) + 1e-9
    assert compute_vendi(np.random.default_rng(seed).permutation(points)) == pytest.approx(score)


@pytest.mark.parametrize(
    ("bound", "compute"),
    [(bound_diversity, compute_diversity), (bound_vendi, compute_vendi), (bound_spread, compute_spread)],
)
def test_interval_is_the_jackknife(
    bound: Callable[[FloatArray], Bounds], compute: Callable[[FloatArray], float]
) -> None:
    """Against leaving out each image and computing the value anew."""
    points = draw(4, 9)
    left_out = np.array([compute(np.delete(points, row, 0)) for row in range(9)])
    spread = (8 / 9 * ((left_out - left_out.mean()) ** 2).sum()) ** 0.5
    found = bound(points)
    assert found.value == pytest.approx(compute(points))
    assert found.reach == pytest.approx(t.ppf(0.975, 8) * spread)


def test_an_image_without_features_is_refused() -> None:
    """It has no direction; a silent zero would count as unlike everything."""
    with pytest.raises(InputError, match="1 images are all zeros"):
        compute_diversity(np.array([[1.0, 0.0], [0.0, 0.0]]))
