"""Intervals against statsmodels and against a loop written the plain way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.intervals import (
    compute_percentile_interval,
    compute_resampled_accuracy,
    compute_wilson_interval,
    draw_cluster_weights,
)


@given(total=st.integers(1, 100_000), share=st.floats(0, 1), confidence=st.sampled_from([0.9, 0.95, 0.99]))
def test_wilson_interval_equals_statsmodels(total: int, share: float, confidence: float) -> None:
    """The bounds agree with an independent implementation for every count."""
    right = round(share * total)
    ours = compute_wilson_interval(right, total, confidence=confidence)
    theirs = proportion_confint(right, total, alpha=1 - confidence, method="wilson")
    assert ours == pytest.approx(theirs, abs=1e-9)


@given(total=st.integers(1, 10_000), share=st.floats(0, 1))
def test_wilson_interval_holds_the_estimate_and_stays_in_range(total: int, share: float) -> None:
    """0 <= low <= estimate <= high <= 1, also for none and all right."""
    right = round(share * total)
    low, high = compute_wilson_interval(right, total)
    assert 0 <= low <= right / total + 1e-12
    assert right / total - 1e-12 <= high <= 1


@pytest.mark.parametrize(("right", "total"), [(1, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused(right: int, total: int) -> None:
    """There is no interval without a proportion."""
    with pytest.raises(InputError, match=f"^{right} right of {total} "):
        compute_wilson_interval(right, total)


def resample_plainly(right: list[int], total: list[int], picks: list[list[int]]) -> list[float]:
    """The clustered bootstrap as one would explain it: put whole classes into a bag, pool their images."""
    accuracies = []
    for pick in picks:
        bag_right = bag_total = 0
        for cluster in pick:
            bag_right += right[cluster]
            bag_total += total[cluster]
        accuracies.append(bag_right / bag_total)
    return accuracies


@given(seed=st.integers(0, 2**32 - 1), num_clusters=st.integers(1, 12))
def test_resampled_accuracy_equals_a_plain_loop(seed: int, num_clusters: int) -> None:
    """Matrix products over draw counts give what pooling the drawn classes gives."""
    rng = np.random.default_rng(seed)
    total = rng.integers(1, 50, num_clusters)
    right = rng.binomial(total, 0.6)
    picks = rng.integers(0, num_clusters, (20, num_clusters))
    weights = np.stack([np.bincount(pick, minlength=num_clusters) for pick in picks]).astype(float)
    ours = compute_resampled_accuracy(weights, right.astype(float), total.astype(float))
    assert ours == pytest.approx(resample_plainly(right.tolist(), total.tolist(), picks.tolist()))


def test_cluster_draws_have_the_law_of_drawing_with_replacement() -> None:
    """Counts per resample sum to C; their mean is 1 and their variance 1 - 1/C."""
    weights = draw_cluster_weights(10, num_resamples=20_000, rng=np.random.default_rng(0))
    assert (weights.sum(1) == 10).all()
    assert weights.mean(0) == pytest.approx(np.ones(10), abs=0.03)
    assert weights.var(0) == pytest.approx(np.full(10, 0.9), abs=0.05)


def test_the_same_seed_gives_the_same_draws() -> None:
    """Intervals are reproducible."""
    first, second = (draw_cluster_weights(9, num_resamples=5, rng=np.random.default_rng(3)) for _ in "ab")
    assert (first == second).all()


def test_percentile_interval_is_numpys_quantile() -> None:
    """95 % leaves 2.5 % on each side."""
    draws = np.arange(1001.0)
    assert compute_percentile_interval(draws) == pytest.approx((25.0, 975.0))
