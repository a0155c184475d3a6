"""Kernel distance against plain loops, scikit-learn and torch-fidelity."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics.pairwise import polynomial_kernel
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric

from imagenet_g.benchmark.quality import kernel
from imagenet_g.benchmark.quality.kernel import (
    bound_kernel,
    bound_kernel_by_groups,
    compute_kernel,
    compute_kernel_distance,
)
from imagenet_g.benchmark.statistics.accuracy import FloatArray

SEEDS = st.integers(0, 2**32 - 1)


def draw(seed: int, count: int, size: int = 8) -> FloatArray:
    """Standard normal points."""
    return np.random.default_rng(seed).normal(size=(count, size))


def test_kernel_is_scikit_learns() -> None:
    """Cubic, with products over the number of dimensions."""
    first, second = draw(0, 5), draw(1, 7)
    np.testing.assert_allclose(compute_kernel(first, second), polynomial_kernel(first, second, degree=3))


@pytest.mark.parametrize("block_rows", [3, 1000])
def test_distance_is_torch_fidelitys(block_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One subset of all images, which is all pairs."""
    monkeypatch.setattr(kernel, "BLOCK_ROWS", block_rows)
    first, second = draw(2, 40), draw(3, 40) + 0.5
    expected = kid_features_to_metric(
        torch.from_numpy(first), torch.from_numpy(second), kid_subsets=1, kid_subset_size=40, verbose=False
    )
    assert compute_kernel_distance(first, second) == pytest.approx(expected[KEY_METRIC_KID_MEAN])


def test_distance_is_unbiased_for_samples_of_one_distribution() -> None:
    """The mean over many pairs of samples is 0 within four standard errors; a biased one lies far off."""
    rng = np.random.default_rng(0)
    values = [compute_kernel_distance(*rng.normal(size=(2, 12, 16))) for _ in range(2000)]
    assert abs(np.mean(values)) < 4 * np.std(values) / 2000**0.5
    # With every image paired with itself as well: what a copy in a bootstrap sample adds.
    assert compute_kernel_distance(*rng.normal(size=(2, 12, 16)).repeat(2, axis=1)) > 0.3


@given(seed=SEEDS, count=st.integers(2, 12), other=st.integers(2, 12))
def test_distance_is_symmetric(seed: int, count: int, other: int) -> None:
    """Either side may be the reference."""
    first, second = draw(seed, count), draw(seed + 1, other)
    expected = compute_kernel_distance(first, second)
    assert compute_kernel_distance(second, first) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(seed=SEEDS, count=st.integers(2, 12))
def test_distance_does_not_depend_on_the_order_of_rows(seed: int, count: int) -> None:
    """Pairs are pairs."""
    first, second = draw(seed, count), draw(seed + 1, count)
    shuffled = np.random.default_rng(seed).permutation(first)
    expected = compute_kernel_distance(first, second)
    assert compute_kernel_distance(shuffled, second) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_identical_sets_lie_below_zero_by_the_pairs_with_themselves() -> None:
    """An unbiased estimate takes the two sides for independent, and copies across the sides for closeness."""
    points = draw(4, 20)
    own, pairs = compute_kernel(points, points).diagonal().mean(), compute_kernel(points, points)
    rest = (pairs.sum() - pairs.trace()) / (20 * 19)
    assert compute_kernel_distance(points, points) == pytest.approx(2 * (rest - own) / 20)


def test_interval_is_the_jackknife_of_both_sides() -> None:
    """Against leaving out each image and computing the distance anew."""
    from scipy.stats import t

    first, second = draw(5, 9), draw(6, 7) + 0.3
    lefts = [compute_kernel_distance(np.delete(first, row, 0), second) for row in range(9)]
    rights = [compute_kernel_distance(first, np.delete(second, row, 0)) for row in range(7)]
    parts = [(len(side) - 1) / len(side) * float(np.var(side)) * len(side) for side in (lefts, rights)]
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / 8 + parts[1] ** 2 / 6)
    bounds = bound_kernel(first, second)
    assert bounds.value == pytest.approx(compute_kernel_distance(first, second))
    assert bounds.reach == pytest.approx(t.ppf(0.975, freedom) * sum(parts) ** 0.5)


def test_interval_of_a_class_holds_the_truth() -> None:
    """Two normal distributions, n = 50, d = 64: their distance lies in 95 % of intervals."""
    rng = np.random.default_rng(7)
    size, shift, trials = 64, 0.25, 300
    # E (x'y / d + 1)^3 for independent normals with means m and m': products of moments.
    mean = shift**2
    apart = (1 + 0.0) ** 3 + 3 / size
    shifted = (1 + mean) ** 3 + 3 * (1 + mean) * (1 + 2 * mean) / size
    # The third moment of x'y about its mean for two independent samples with one mean: 6 |m|^2 / d^3.
    shifted += 6 * mean / size**2
    truth = apart + shifted - 2 * (1 + 3 * (1 + mean) / size)
    held = 0
    for _ in range(trials):
        first, second = rng.normal(size=(50, size)), rng.normal(size=(50, size)) + shift
        bounds = bound_kernel(first, second)
        assert bounds.reach is not None
        held += abs(bounds.value - truth) <= bounds.reach
    assert 0.91 <= held / trials <= 0.99


def test_interval_over_classes_leaves_out_groups_on_both_sides() -> None:
    """Against plain arithmetic on the remaining rows."""
    groups = np.array([0, 0, 1, 1, 1, 2, 2, 2])
    first, second = draw(8, 8), draw(9, 8) + 0.2
    keep = [groups != group for group in range(3)]
    expected = np.array([compute_kernel_distance(first[rows], second[rows]) for rows in keep])
    from scipy.stats import t

    bounds = bound_kernel_by_groups(first, second, groups)
    assert bounds.value == pytest.approx(compute_kernel_distance(first, second))
    spread = (2 / 3 * ((expected - expected.mean()) ** 2).sum()) ** 0.5
    assert bounds.reach == pytest.approx(t.ppf(0.975, 2) * spread)
