"""Fréchet distance against closed forms, scipy and torch-fidelity."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

from imagenet_g.benchmark.quality.frechet import (
    Moments,
    bound_frechet,
    compute_frechet,
    compute_moment_distance,
)
from imagenet_g.benchmark.statistics.accuracy import FloatArray

SEEDS = st.integers(0, 2**32 - 1)


def draw(seed: int, count: int, size: int) -> FloatArray:
    """Points with a spread of their own in every direction, off the origin."""
    rng = np.random.default_rng(seed)
    return np.asarray(rng.normal(size=(count, size)) @ rng.normal(size=(size, size)) + rng.normal(size=size))


def test_normal_distributions_have_the_distance_of_the_closed_form() -> None:
    """Diagonal covariances: |m1 - m2|^2 plus the squared differences of the standard deviations."""
    first = Moments(np.array([1.0, 2.0, 0.0]), np.diag([1.0, 2.0, 3.0]))
    second = Moments(np.array([0.0, 0.0, 0.0]), np.diag([2.0, 2.0, 0.5]))
    assert compute_moment_distance(first, second) == pytest.approx(1 + 4 + 1 + 0 + 2.5**2)


def test_samples_of_known_normal_distributions_come_near_their_distance() -> None:
    """100,000 points: what is left of chance and of bias is below a hundredth."""
    rng = np.random.default_rng(0)
    first = rng.normal(size=(100_000, 4)) * [1.0, 2.0, 3.0, 1.0]
    second = rng.normal(size=(100_000, 4)) * [1.0, 1.0, 1.0, 1.0] + [1.0, 0.0, 0.0, 2.0]
    assert compute_frechet(first, second) == pytest.approx(1 + 1 + 4 + 4, rel=0.01)


@pytest.mark.parametrize(("count", "other"), [(60, 45), (8, 50), (9, 7)])
def test_distance_is_that_of_a_matrix_root_by_scipy(count: int, other: int) -> None:
    """With more images than dimensions, with fewer, and with one of each."""
    size = 12
    first, second = draw(1, count, size), draw(2, other, size)
    covariances = [np.cov(side, rowvar=False) for side in (first, second)]
    root = sqrtm(covariances[0] @ covariances[1])
    shift = first.mean(axis=0) - second.mean(axis=0)
    expected = shift @ shift + np.trace(covariances[0] + covariances[1]) - 2 * np.trace(root).real
    # A root of a singular product has half of the digits.
    assert compute_frechet(first, second) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("count", "size"), [(400, 24), (30, 64)])
def test_distance_is_torch_fidelitys(count: int, size: int) -> None:
    """On the same features."""
    sides = draw(3, count, size), 0.3 + draw(4, count, size)
    moments = [fid_features_to_statistics(torch.from_numpy(side)) for side in sides]
    expected = fid_statistics_to_metric(*moments, False)[KEY_METRIC_FID]
    assert compute_frechet(*sides) == pytest.approx(expected, rel=1e-6)


@given(seed=SEEDS, count=st.integers(2, 20), other=st.integers(2, 20), size=st.integers(1, 12))
def test_distance_is_symmetric_and_not_negative(seed: int, count: int, other: int, size: int) -> None:
    """Whatever the numbers of images and of dimensions."""
    first, second = draw(seed, count, size), draw(seed + 1, other, size)
    distance = compute_frechet(first, second)
    assert distance >= 0
    assert compute_frechet(second, first) == pytest.approx(distance, rel=1e-7, abs=1e-7)


@given(seed=SEEDS, count=st.integers(2, 20), size=st.integers(1, 12))
def test_a_set_lies_at_no_distance_from_itself_in_any_order(seed: int, count: int, size: int) -> None:
    """To within rounding of the variance."""
    points = draw(seed, count, size)
    shuffled = np.random.default_rng(seed).permutation(points)
    assert compute_frechet(points, shuffled) <= 1e-6 * float(points.var(axis=0).sum())


@pytest.mark.parametrize(("count", "size"), [(60, 12), (10, 30), (12, 12)])
def test_the_quick_way_differs_by_half_of_the_digits_at_most(count: int, size: int) -> None:
    """Whether or not the covariances are of full rank."""
    sides = draw(8, count, size), draw(9, count, size)
    assert compute_frechet(*sides, quick=True) == pytest.approx(compute_frechet(*sides), rel=1e-6)


def test_a_constant_set_lies_at_the_spread_of_the_other_and_the_shift() -> None:
    """One point has no covariance: the rest of the formula remains."""
    points = draw(5, 30, 6)
    copies = np.repeat(points.mean(axis=0)[None] + 1.0, 10, axis=0)
    expected = 6 + np.trace(np.cov(points, rowvar=False))
    assert compute_frechet(copies, points) == pytest.approx(expected)


@pytest.mark.parametrize(("count", "other", "size"), [(7, 9, 20), (12, 8, 3)])
def test_interval_is_the_jackknife_of_both_sides(count: int, other: int, size: int) -> None:
    """Against leaving out each image and computing the distance anew."""
    first, second = draw(6, count, size), draw(7, other, size)
    lefts = [compute_frechet(np.delete(first, row, 0), second) for row in range(count)]
    rights = [compute_frechet(first, np.delete(second, row, 0)) for row in range(other)]
    parts = [(len(side) - 1) / len(side) * float(np.var(side)) * len(side) for side in (lefts, rights)]
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / (count - 1) + parts[1] ** 2 / (other - 1))
    from scipy.stats import t

    bounds = bound_frechet(first, second)
    assert bounds.value == pytest.approx(compute_frechet(first, second))
    assert bounds.reach == pytest.approx(t.ppf(0.975, freedom) * sum(parts) ** 0.5, rel=1e-6)
