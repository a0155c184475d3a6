"""A share of a sampled domain: closed forms, the variance of stratified sampling, and coverage."""

from __future__ import annotations

import numpy as np
import pytest

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.weighted_shares import compute_weighted_share, draw_units
from imagenet_g.benchmark.statistics.within import bound_within_classes


def test_the_value_is_a_plain_ratio_of_weighted_sums() -> None:
    """By a direct loop."""
    rng = np.random.default_rng(0)
    hits, domain = rng.random(60) < 0.6, rng.random(60) < 0.7
    weights, strata = rng.random(60) + 0.5, rng.integers(0, 6, 60)
    right = total = 0.0
    for hit, inside, weight in zip(hits, domain, weights, strict=True):
        total += weight if inside else 0.0
        right += weight if inside and hit else 0.0
    found = compute_weighted_share(hits, domain, weights, strata)
    assert found is not None
    assert found.value == pytest.approx(right / total)
    assert found.num_units == domain.sum()


def test_resamples_have_the_variance_of_stratified_sampling() -> None:
    """Of a weighted total the sum over strata of n s^2 (Cochran 1977, section 5.4), without bias."""
    rng = np.random.default_rng(1)
    strata, values = np.repeat([0, 1, 2], [2, 3, 10]), rng.random(15)
    totals = draw_units(strata, num_resamples=20_000, seed=0) @ values
    expected = sum((strata == one).sum() * float(np.var(values[strata == one], ddof=1)) for one in (0, 1, 2))
    assert float(totals.var()) == pytest.approx(expected, rel=0.05)
    assert float(totals.mean()) == pytest.approx(float(values.sum()), rel=0.01)


def test_lone_units_of_a_stratum_are_redrawn_together() -> None:
    """Else their share would seem certain."""
    draws = draw_units(np.array([1, 2, 3, 4, 4]), num_resamples=200, seed=0)
    assert (draws[:, :3].std(axis=0) > 0).all()
    np.testing.assert_allclose(draws[:, :3].sum(axis=1), 3)


def test_the_interval_holds_the_noise_within_classes() -> None:
    """Where all are right, resamples show no doubt at all."""
    ones, strata = np.ones(40, dtype=bool), np.arange(40) // 2
    found = compute_weighted_share(ones, ones, np.ones(40), strata)
    low, high = bound_within_classes(np.full(20, 2.0), np.full(20, 2.0))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.low < 1.0


def test_units_outside_the_domain_add_doubt() -> None:
    """How many valid images a class has is itself estimated."""
    hits, strata = np.tile([True, False], 50), np.repeat([0, 1], 50)
    hits[strata == 1] = False
    alone = np.ones(100, dtype=bool)
    some = np.arange(100) % 4 < 2
    whole = compute_weighted_share(hits, alone, np.ones(100), strata, num_resamples=4000)
    part = compute_weighted_share(hits, some, np.ones(100), strata, num_resamples=4000)
    assert whole is not None
    assert part is not None
    assert (whole.value, part.value) == pytest.approx((0.25, 0.26))
    assert part.high - part.low > 1.3 * (whole.high - whole.low)


def test_an_empty_domain_has_no_share() -> None:
    """And not one of 0."""
    nothing = np.zeros(3, dtype=bool)
    assert compute_weighted_share(nothing, nothing, np.ones(3), np.zeros(3, dtype=int)) is None


@pytest.mark.parametrize("weight", [0.0, -1.0, np.nan, np.inf])
def test_a_weight_that_is_no_positive_number_is_refused(weight: float) -> None:
    """It would move every number in silence."""
    ones = np.ones(2, dtype=bool)
    with pytest.raises(InputError, match="weight"):
        compute_weighted_share(ones, ones, np.array([1.0, weight]), np.zeros(2, dtype=int))


def test_intervals_cover_the_truth_in_a_stratified_sample() -> None:
    """Two of ten images a class, as an audit of 2000 draws them; nominal 95 %, 300 samples."""
    rng = np.random.default_rng(7)
    num_classes, size, drawn = 60, 10, 2
    easiness = rng.beta(4, 2, num_classes)
    valid = rng.random((num_classes, size)) < rng.beta(5, 2, num_classes)[:, None]
    right = rng.random((num_classes, size)) < easiness[:, None]
    truth = right[valid].mean()
    rows, strata = np.arange(num_classes)[:, None], np.repeat(np.arange(num_classes), drawn)
    covered = 0
    for seed in range(300):
        chosen = np.argsort(rng.random((num_classes, size)), axis=1)[:, :drawn]
        found = compute_weighted_share(
            right[rows, chosen].ravel(),
            valid[rows, chosen].ravel(),
            np.full(len(strata), size / drawn),
            strata,
            num_resamples=200,
            seed=seed,
        )
        assert found is not None
        covered += found.low <= truth <= found.high
    assert covered / 300 >= 0.93
