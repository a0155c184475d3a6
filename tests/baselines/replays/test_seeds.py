"""Intervals over seeds and images: against statsmodels, scipy, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from imagenet_g.baselines.replays.seeds import (
    RunCounts,
    estimate_accuracy,
    estimate_gap,
    estimate_sum,
    measure_seeds,
    weigh_runs,
)
from imagenet_g.benchmark.statistics.intervals import compute_wilson_interval

CLASSES, IMAGES = 40, 8
TOTAL = np.full(CLASSES, float(IMAGES))


def draw(
    rng: np.random.Generator, *, runs: int, by_class: float, by_seed: float
) -> tuple[RunCounts, RunCounts]:
    """Two rows whose true difference is 0: classes and seeds differ for the two, and the rest is chance."""
    shift = by_class * rng.normal(size=(1, CLASSES)) + by_seed * rng.normal(size=(runs, 1))
    return tuple(  # type: ignore[return-value]
        RunCounts(
            right=rng.binomial(IMAGES, np.clip(0.5 + sign * shift / 2, 0, 1)).astype(float), total=TOTAL
        )
        for sign in (1, -1)
    )


def test_one_runs_interval_is_the_clustered_one_of_statsmodels() -> None:
    """A difference for each image, classes as clusters."""
    from statsmodels.api import OLS

    rng = np.random.default_rng(0)
    first, second = draw(rng, runs=1, by_class=0.3, by_seed=0)
    # Of two rows on the same images only the sum over a class matters, so any pairing within it will do.
    hits = [
        (np.arange(IMAGES)[None] < counts.right[0][:, None]).astype(float).ravel()
        for counts in (first, second)
    ]
    groups = np.repeat(np.arange(CLASSES), IMAGES)
    fit = OLS(hits[0] - hits[1], np.ones(CLASSES * IMAGES)).fit(
        cov_type="cluster", cov_kwds={"groups": groups, "df_correction": True}, use_t=True
    )
    found = estimate_sum([(1, first), (-1, second)], np.zeros(1, int))
    assert found.value == pytest.approx(fit.params[0])
    assert found.interval == pytest.approx(tuple(fit.conf_int()[0]), rel=1e-9)
    assert not found.has_seeds


def test_the_variance_of_seeds_is_that_of_their_mean() -> None:
    """Against scipy's standard error, and over two models the sum of a quarter each."""
    values = np.array([0.3, 0.1, 0.4, 0.9, 0.2])
    one = measure_seeds(values, np.zeros(5, int))
    test = ttest_1samp(values, 0).confidence_interval()
    assert one.reach == pytest.approx((test.high - test.low) / 2)
    two = measure_seeds(np.concatenate([values, values + 3]), np.repeat([0, 1], 5))
    assert two.variance == pytest.approx(one.variance / 2)
    assert two.freedom == pytest.approx(8)


def test_models_count_alike_however_many_seeds_they_have() -> None:
    """And the value is the mean of the models' means."""
    models = np.array([0, 0, 0, 1])
    assert weigh_runs(models).tolist() == pytest.approx([1 / 6] * 3 + [1 / 2])
    right = np.array([[1.0], [1], [1], [0]]) * TOTAL
    assert estimate_accuracy(RunCounts(right=right, total=TOTAL), models).value == pytest.approx(0.5)


@pytest.mark.parametrize(("by_class", "by_seed"), [(0.2, 0.0), (0.2, 0.05), (0.05, 0.15)])
@pytest.mark.parametrize("seeds", [3, 5])
def test_the_interval_covers(by_class: float, by_seed: float, seeds: int) -> None:
    """From 92 to 99.6 % where it should be 95, where seeds differ not at all, somewhat, or most."""
    rng = np.random.default_rng(0)
    models, held = np.zeros(seeds, int), 0
    for _ in range(250):
        first, second = draw(rng, runs=seeds, by_class=by_class, by_seed=by_seed)
        interval = estimate_sum([(1, first), (-1, second)], models).interval
        assert interval is not None
        held += interval[0] <= 0 <= interval[1]
    # 250 draws of 95 %: 237.5, with a standard deviation of 3.4.
    assert 230 <= held <= 249


def test_images_alone_would_cover_too_seldom() -> None:
    """Where seeds differ most: the reason for the second factor."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        first, second = draw(rng, runs=3, by_class=0.05, by_seed=0.15)
        means = [RunCounts(right=one.right.mean(0, keepdims=True), total=TOTAL) for one in (first, second)]
        interval = estimate_sum([(1, means[0]), (-1, means[1])], np.zeros(1, int)).interval
        assert interval is not None
        held += interval[0] <= 0 <= interval[1]
    assert held < 140


def test_a_gap_has_the_interval_of_its_images_and_of_its_seeds() -> None:
    """Seeds widen it: a square for each of the two, where they differ by more than chance."""
    rng = np.random.default_rng(3)
    shifted, clean = (draw(rng, runs=3, by_class=0.1, by_seed=0)[0] for _ in range(2))
    right = shifted.right.copy()
    right[0] = np.minimum(IMAGES, right[0] + 3)
    moved = RunCounts(right=right, total=TOTAL)
    plain, wider = (estimate_gap(one, clean, np.zeros(3, int)) for one in (shifted, moved))
    assert plain.interval is not None and wider.interval is not None
    assert wider.interval[1] - wider.interval[0] > 2 * (plain.interval[1] - plain.interval[0])
    assert wider.freedom < plain.freedom


def test_the_gap_of_one_model_is_that_of_paired_classes() -> None:
    """Against the t interval of the mean difference of many classes of equal size, on the classes of both."""
    rng = np.random.default_rng(0)
    hard, total = rng.uniform(0.2, 0.8, 300), np.full(300, 20.0)
    ours, theirs = (rng.binomial(20, np.clip(hard + shift, 0, 1)).astype(float) for shift in (0.1, 0))
    expected = ttest_1samp((ours - theirs) / 20, 0).confidence_interval()
    # A class that only one of them has says nothing.
    alone = RunCounts(right=np.append(ours, 20.0)[None], total=np.append(total, 20.0))
    other = RunCounts(right=np.append(theirs, 0.0)[None], total=np.append(total, 0.0))
    found = estimate_gap(alone, other, np.zeros(1, int))
    assert found.value == pytest.approx(float(np.mean(ours - theirs)) / 20)
    assert found.interval == pytest.approx((expected.low, expected.high), abs=0.004)


def test_a_row_that_is_never_right_is_not_known_to_be_zero() -> None:
    """Wilson's interval of an accuracy of 0, however many runs agree."""
    never = RunCounts(right=np.zeros((3, CLASSES)), total=TOTAL)
    found = estimate_accuracy(never, np.zeros(3, int))
    assert found.interval == pytest.approx(compute_wilson_interval(0, CLASSES * IMAGES))


def test_a_difference_is_taken_on_classes_that_all_have() -> None:
    """A class that one of them lacks says nothing."""
    few = np.array([[5.0, 5, 5]]), np.array([10.0, 10, 0])
    more = np.array([[1.0, 1, 9]]), np.array([10.0, 10, 10])
    parts = [(sign, RunCounts(right=right, total=total)) for sign, (right, total) in ((1, few), (-1, more))]
    assert estimate_sum(parts, np.zeros(1, int)).value == pytest.approx(0.4)


def test_one_class_has_no_interval() -> None:
    """It does not show how classes differ."""
    one = RunCounts(right=np.array([[5.0], [6]]), total=np.array([10.0]))
    assert estimate_sum([(1, one)], np.zeros(2, int)).interval is None
