"""Distances against scipy, scikit-learn and closed forms."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, mahalanobis
from scipy.stats import chi, ortho_group
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA

from imagenet_g.benchmark.distances.geometry import (
    MIN_SHAPE_IMAGES,
    compute_cosines,
    compute_mahalanobis,
    compute_own_cosines,
    compute_own_mahalanobis,
    compute_reduction,
    fit_pca,
    fit_shape,
    normalize_rows,
)
from imagenet_g.benchmark.errors import InputError

Array = npt.NDArray[np.float64]
SEEDS = st.integers(0, 2**32 - 1)


def draw(seed: int, count: int, size: int) -> Array:
    """Points with a spread of their own in every direction, off the origin."""
    rng = np.random.default_rng(seed)
    return np.asarray(rng.normal(size=(count, size)) @ rng.normal(size=(size, size)) + rng.normal(size=size))


def turn(seed: int, size: int) -> Array:
    """A random rotation (or reflection)."""
    return np.asarray(ortho_group.rvs(size, random_state=np.random.default_rng(seed)))


def test_cosines_are_scipys() -> None:
    """One minus scipy's cosine distance."""
    points, mean = draw(0, 40, 7), draw(1, 1, 7)
    np.testing.assert_allclose(compute_cosines(points, mean[0]), 1 - cdist(points, mean, "cosine")[:, 0])


def test_cosine_in_closed_form() -> None:
    """45 degrees."""
    assert compute_cosines(np.array([[2.0, 0.0]]), np.array([3.0, 3.0])) == pytest.approx([0.5**0.5])


def test_own_cosines_leave_each_image_out() -> None:
    """Against a plain loop."""
    points = draw(2, 9, 5)
    expected = [compute_cosines(points[i : i + 1], np.delete(points, i, 0).mean(axis=0))[0] for i in range(9)]
    np.testing.assert_allclose(compute_own_cosines(points), expected)


def test_images_of_one_distribution_are_as_near_as_each_other() -> None:
    """Left out, reference images are no nearer to their mean than new ones; kept in, they are."""
    own, new, kept = [], [], []
    for seed in range(60):
        points = normalize_rows(np.random.default_rng(seed).normal(size=(12, 32)) + 0.3)
        own.append(compute_own_cosines(points[:6]).mean())
        new.append(compute_cosines(points[6:], points[:6].mean(axis=0)).mean())
        kept.append(compute_cosines(points[:6], points[:6].mean(axis=0)).mean())
    assert abs(np.mean(own) - np.mean(new)) < 0.03
    assert np.mean(kept) - np.mean(new) > 0.1


@given(SEEDS, st.integers(2, 12), st.integers(2, 30))
def test_cosines_do_not_change_when_everything_is_turned(seed: int, size: int, count: int) -> None:
    """Nor when it is scaled."""
    points, mean, rotation = draw(seed, count, size), draw(seed + 1, 1, size), turn(seed, size)
    plain = compute_cosines(points, mean[0])
    np.testing.assert_allclose(compute_cosines(points @ rotation, mean[0] @ rotation), plain, atol=1e-9)
    np.testing.assert_allclose(compute_cosines(3 * points, 7 * mean[0]), plain, atol=1e-9)


@given(SEEDS, st.integers(2, 12), st.integers(2, 30))
def test_own_cosines_do_not_change_when_everything_is_turned(seed: int, size: int, count: int) -> None:
    """The mean turns with the points."""
    points = draw(seed, count, size)
    turned = compute_own_cosines(points @ turn(seed, size))
    np.testing.assert_allclose(turned, compute_own_cosines(points), atol=1e-9)


@given(SEEDS, st.integers(2, 12), st.integers(4, 40))
def test_mahalanobis_does_not_change_when_everything_is_turned_shifted_or_scaled(
    seed: int, size: int, count: int
) -> None:
    """Shrinkage to a round covariance keeps that, for more and for fewer points than dimensions."""
    points, others, rotation = draw(seed, count, size), draw(seed + 1, 5, size), turn(seed, size)
    shift = np.random.default_rng(seed).normal(size=size) * 10
    shape, moved = fit_shape(points), fit_shape(2 * points @ rotation + shift)
    assert shape is not None and moved is not None
    np.testing.assert_allclose(
        compute_mahalanobis(2 * others @ rotation + shift, moved),
        compute_mahalanobis(others, shape),
        rtol=1e-5,
    )


@given(SEEDS, st.integers(2, 80), st.integers(2, 40))
def test_the_covariance_is_scikit_learns(seed: int, size: int, count: int) -> None:
    """Its LedoitWolf, shrinkage and all, also with fewer points than dimensions."""
    points = draw(seed, count + 1, size)
    expected, shape = LedoitWolf().fit(points), fit_shape(points)
    assert shape is not None
    assert shape.shrinkage == pytest.approx(expected.shrinkage_, abs=2e-9)
    scale = float(np.abs(expected.covariance_).max())
    np.testing.assert_allclose(shape.covariance, expected.covariance_, atol=1e-7 * scale)


def test_mahalanobis_is_scipys() -> None:
    """With the same covariance, inverted there."""
    points, others = draw(3, 30, 8), draw(4, 6, 8)
    shape = fit_shape(points)
    assert shape is not None
    inverse = np.linalg.inv(shape.covariance)
    expected = [mahalanobis(point, shape.mean, inverse) for point in others]
    np.testing.assert_allclose(compute_mahalanobis(others, shape), expected)


def test_mahalanobis_of_many_normal_points_follows_the_chi_distribution() -> None:
    """In K dimensions its mean is the chi distribution's with K degrees of freedom."""
    shape = fit_shape(draw(5, 20_000, 6))
    assert shape is not None
    distances = compute_mahalanobis(draw(5, 20_000, 6), shape)
    assert distances.mean() == pytest.approx(chi(6).mean(), rel=0.01)
    assert distances.std() == pytest.approx(chi(6).std(), rel=0.03)


def test_own_mahalanobis_leaves_each_image_out() -> None:
    """With as many folds as points, against a plain loop over scikit-learn."""
    points = draw(6, 9, 5)
    expected = [
        LedoitWolf().fit(np.delete(points, i, 0)).mahalanobis(points[i : i + 1])[0] ** 0.5 for i in range(9)
    ]
    found = compute_own_mahalanobis(points)
    assert found is not None
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_mahalanobis_of_few_images_is_fair_to_new_ones() -> None:
    """50 images in 64 dimensions: left-out reference images are as far as new ones, kept ones much nearer."""
    own, new, kept = [], [], []
    for seed in range(20):
        points = np.random.default_rng(seed).normal(size=(100, 64)) * np.linspace(3, 0.3, 64)
        shape, left_out = fit_shape(points[:50]), compute_own_mahalanobis(points[:50])
        assert shape is not None and left_out is not None
        own.append(left_out.mean())
        new.append(compute_mahalanobis(points[50:], shape).mean())
        kept.append(compute_mahalanobis(points[:50], shape).mean())
    assert np.mean(own) == pytest.approx(np.mean(new), rel=0.03)
    assert np.mean(kept) < 0.9 * np.mean(new)


def test_the_pca_is_scikit_learns() -> None:
    """Directions up to their sign, and the variance along each."""
    points = draw(7, 60, 12)
    fit, expected = fit_pca(points, 5), PCA(5, svd_solver="full").fit(points)
    assert fit is not None
    np.testing.assert_allclose(fit.explained, expected.explained_variance_ratio_)
    signs = np.sign((fit.directions * expected.components_).sum(axis=1))
    np.testing.assert_allclose(fit.project(points), expected.transform(points) * signs, atol=1e-9)


def test_a_pca_has_no_more_directions_than_the_images_span() -> None:
    """Five points span four."""
    few, flat = fit_pca(draw(8, 5, 30), 64), fit_pca(draw(8, 50, 3), 64)
    assert few is not None and few.directions.shape == (4, 30)
    assert flat is not None and flat.directions.shape == (3, 3)


def test_a_reduction_is_the_lost_part() -> None:
    """By hand; of nothing, nothing can be lost."""
    assert compute_reduction(0.8, 0.6) == pytest.approx(0.25)
    assert compute_reduction(0.5, 0.6) == pytest.approx(-0.2)
    assert compute_reduction(0.0, 0.6) is None
    assert compute_reduction(-0.1, 0.6) is None


def test_equal_images_have_no_shape() -> None:
    """A class of copies has no covariance, and says so."""
    assert fit_shape(np.ones((5, 3))) is None
    assert compute_own_mahalanobis(np.ones((5, 3))) is None


@pytest.mark.parametrize("count", [1, 5])
def test_points_that_do_not_differ_have_no_main_direction(count: int) -> None:
    """One point, or copies of it."""
    assert fit_pca(np.ones((count, 3)), 2) is None


def test_points_that_ask_for_no_shrinkage_can_still_be_inverted() -> None:
    """Two points are symmetric about their mean."""
    shape = fit_shape(np.array([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]]))
    assert shape is not None
    assert np.isfinite(compute_mahalanobis(np.ones((1, 3)), shape)).all()


@pytest.mark.parametrize(
    ("compute", "points", "reason"),
    [
        (lambda p: compute_cosines(p, np.ones(2)), np.zeros((1, 2)), "zero or not finite"),
        (lambda p: compute_cosines(np.ones((1, 2)), p), np.zeros(2), "zero or not finite"),
        (lambda p: compute_cosines(p, np.ones(2)), np.array([[np.nan, 1.0]]), "zero or not finite"),
        (compute_own_cosines, np.ones((1, 2)), "^1 image "),
        (compute_own_mahalanobis, np.ones((MIN_SHAPE_IMAGES - 1, 2)), f"^{MIN_SHAPE_IMAGES - 1} images "),
    ],
)
def test_what_has_no_answer_is_refused(compute: object, points: Array, reason: str) -> None:
    """Zero vectors, single images."""
    with pytest.raises(InputError, match=reason):
        compute(points)  # type: ignore[operator]
