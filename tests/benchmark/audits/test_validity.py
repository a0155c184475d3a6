"""Shares, their variance and their correction, against resampling, closed forms and the paper's formula."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import beta, norm
from statsmodels.stats.proportion import proportion_confint

from imagenet_g.benchmark.audits.validity import (
    ControlCounts,
    JudgedShare,
    compute_corrected_interval,
    compute_mean_variance,
    compute_rogan_gladen,
    compute_share,
    estimate_corrected,
    estimate_mean,
    estimate_share,
)
from imagenet_g.benchmark.errors import InputError


def test_the_variance_is_that_of_resampling_images_within_their_classes() -> None:
    """The rescaled bootstrap of Rao and Wu (1988): n - 1 images of each class, weights times n / (n - 1)."""
    rng = np.random.default_rng(0)
    strata = np.repeat(np.arange(30), 4)
    values = rng.normal(strata / 10, 1.0)
    weights = rng.uniform(0.5, 2.0, len(values))
    picks = rng.integers(0, 4, size=(4000, 30, 3))
    drawn = (picks[..., None] == np.arange(4)).sum(axis=2).reshape(4000, -1) * 4 / 3
    means = (drawn * weights) @ values / (drawn @ weights)
    _, variance = compute_mean_variance(values, strata, weights)
    assert variance == pytest.approx(np.var(means), rel=0.08)


def test_without_classes_the_variance_is_that_of_a_plain_mean() -> None:
    """One stratum, equal weights."""
    values = np.random.default_rng(0).normal(size=50)
    mean, variance = compute_mean_variance(values, np.zeros(50), np.full(50, 3.0))
    assert mean == pytest.approx(values.mean())
    assert variance == pytest.approx(values.var(ddof=1) / 50)


def test_single_images_of_their_classes_vary_as_one_group() -> None:
    """Nothing within a class can be seen; the variance must not be 0."""
    values = np.random.default_rng(0).normal(size=50)
    _, variance = compute_mean_variance(values, np.arange(50), np.ones(50))
    assert variance == pytest.approx(values.var(ddof=1) / 50)


def test_one_single_image_beside_whole_classes_counts_by_its_own_distance() -> None:
    """It is never taken for certain."""
    values = np.array([1.0, 1.0, 1.0, 1.0, 0.0])
    _, variance = compute_mean_variance(values, np.array([1, 1, 2, 2, 3]), np.ones(5))
    assert variance >= (0.8 / 5) ** 2


def test_the_interval_is_wilsons_where_there_are_no_classes() -> None:
    """By statsmodels; the sample variance has n - 1 where Wilson has n."""
    valid = np.arange(200) < 108
    found = estimate_share(valid, np.zeros(200), np.ones(200))
    assert found is not None
    assert (found.low, found.high) == pytest.approx(proportion_confint(108, 200, method="wilson"), abs=5e-4)


def test_classes_that_are_wholly_valid_or_not_make_the_share_surer() -> None:
    """Their differences are no chance: each class has its share of the sample."""
    strata = np.repeat(np.arange(100), 5)
    alike = np.tile([True, True, True, False, False], 100)
    apart = strata < 60
    apart[::50] ^= True
    share = compute_share(apart, strata, np.ones(500))
    assert share.size > 2 * compute_share(alike, strata, np.ones(500)).size


def test_agreement_of_all_verdicts_leaves_the_interval_of_as_many_images() -> None:
    """And not one of width 0."""
    found = estimate_share(np.ones(40, dtype=bool), np.arange(40) // 2, np.ones(40))
    assert found is not None
    assert (found.low, found.high) == pytest.approx(proportion_confint(40, 40, method="wilson"))


def test_the_correction_undoes_known_errors() -> None:
    """For every true share."""
    for true in np.linspace(0, 1, 11):
        seen = true * 0.9 + (1 - true) * (1 - 0.85)
        assert compute_rogan_gladen(seen, 0.9, 0.85) == pytest.approx(true)


def test_verdicts_that_say_nothing_correct_nothing() -> None:
    """Sensitivity and specificity together at most 1."""
    with pytest.raises(InputError, match="together at most 1"):
        compute_rogan_gladen(0.5, 0.5, 0.5)
    found, why = estimate_corrected(JudgedShare(0.5, 100), ControlCounts(4, 10), ControlCounts(5, 10))
    assert found is None
    assert "say nothing" in str(why)


@pytest.mark.parametrize(("right", "wrong"), [((0, 0), (9, 10)), ((9, 10), (0, 0))])
def test_without_both_kinds_of_controls_nothing_is_corrected(
    right: tuple[int, int], wrong: tuple[int, int]
) -> None:
    """And the reason is given."""
    found, why = estimate_corrected(JudgedShare(0.5, 100), ControlCounts(*right), ControlCounts(*wrong))
    assert found is None
    assert "no rated controls of both kinds" in str(why)


def test_with_endless_controls_the_interval_is_wilsons_carried_over() -> None:
    """Only the error of the share is left."""
    share = JudgedShare(0.5, 400)
    low, high = compute_corrected_interval(
        share, ControlCounts(9 * 10**8, 10**9), ControlCounts(85 * 10**7, 10**9)
    )
    bounds = proportion_confint(200, 400, method="wilson")
    expected = [(bound + 0.85 - 1) / 0.75 for bound in bounds]
    assert (low, high) == pytest.approx(expected, abs=2e-4)


def test_the_width_is_near_that_of_a_simulated_posterior() -> None:
    """Beta distributions of share, sensitivity and specificity, drawn and corrected by scipy."""
    rng = np.random.default_rng(0)
    p = beta(1080 + 0.5, 920 + 0.5).rvs(100_000, random_state=rng)
    sensitivity = beta(185 + 0.5, 15 + 0.5).rvs(100_000, random_state=rng)
    specificity = beta(190 + 0.5, 10 + 0.5).rvs(100_000, random_state=rng)
    draws = (p + specificity - 1) / (sensitivity + specificity - 1)
    low, high = compute_corrected_interval(
        JudgedShare(0.54, 2000), ControlCounts(185, 200), ControlCounts(190, 200)
    )
    assert (low, high) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.006)


@pytest.mark.parametrize("value", [0.0, 0.02, 0.5, 0.98, 1.0])
@pytest.mark.parametrize("controls", [(1, 1), (3, 4), (30, 30)])
def test_the_interval_holds_the_estimate_and_stays_a_share(value: float, controls: tuple[int, int]) -> None:
    """At the ends and with very few controls."""
    counts = ControlCounts(*controls)
    found, _ = estimate_corrected(JudgedShare(value, 50), counts, counts)
    assert found is not None and found.low is not None and found.high is not None
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_a_mean_has_students_interval() -> None:
    """One stratum: the plain one, by scipy's normal quantile at many images."""
    values = np.random.default_rng(0).normal(3, 1, size=2000)
    found = estimate_mean(values, np.zeros(2000), np.ones(2000))
    assert found is not None
    half = norm.ppf(0.975) * values.std(ddof=1) / math.sqrt(2000)
    assert found == pytest.approx((values.mean(), values.mean() - half, values.mean() + half), abs=1e-3)


def test_a_single_image_has_a_mean_and_no_interval() -> None:
    """Nothing is known of its spread."""
    assert estimate_mean(np.array([4.0]), np.zeros(1), np.ones(1)) == (4.0, None, None)
