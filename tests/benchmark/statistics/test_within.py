"""The noise within classes, against statsmodels, closed forms and simulations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from imagenet_g.benchmark.statistics.accuracy import FloatArray
from imagenet_g.benchmark.statistics.gap_noise import bound_noise
from imagenet_g.benchmark.statistics.gaps import EARLIEST_METHOD, WIDENED_METHOD, compute_gap_interval
from imagenet_g.benchmark.statistics.observations import Observation
from imagenet_g.benchmark.statistics.paired import compute_paired_difference
from imagenet_g.benchmark.statistics.within import (
    bound_within_classes,
    compute_within_variance,
    widen,
)

COUNTS = st.lists(st.tuples(st.integers(1, 30), st.floats(0, 1)), min_size=2, max_size=30)


def observe(right: list[float] | FloatArray, total: list[float] | FloatArray) -> Observation:
    """An accuracy with its counts by class."""
    k, n = np.array(right, dtype=np.float64), np.array(total, dtype=np.float64)
    return Observation(top1=float(k.sum() / n.sum()), n=int(n.sum()), right=k, total=n)


def make_counts(pairs: list[tuple[int, float]]) -> tuple[FloatArray, FloatArray]:
    """Right answers and images of classes given as images and share right."""
    total = np.array([n for n, _ in pairs], dtype=np.float64)
    return np.round(total * np.array([share for _, share in pairs])), total


@pytest.mark.parametrize(
    ("clean", "shifted", "n"),
    [(3, 2, 4), (1, 0, 1), (4, 4, 4), (0, 0, 4), (2, 1, 2), (1, 1, 2), (20, 10, 40)],
)
def test_the_gap_of_classes_alike_has_newcombes_interval(clean: int, shifted: int, n: int) -> None:
    """Ten classes of one share right: resampling them shows no spread, so the images are the only doubt."""
    found = compute_gap_interval(observe([shifted] * 10, [n] * 10), observe([clean] * 10, [n] * 10))
    theirs = confint_proportions_2indep(10 * shifted, 10 * n, 10 * clean, 10 * n, method="newcomb")
    assert found == pytest.approx(theirs, abs=1e-9)


@given(COUNTS)
def test_an_accuracys_noise_is_at_most_wilsons_interval(pairs: list[tuple[int, float]]) -> None:
    """Jensen: classes that differ leave less to chance than one class of all images."""
    right, total = make_counts(pairs)
    low, high = bound_within_classes(right, total)
    wilson = proportion_confint(right.sum(), total.sum(), method="wilson")
    assert wilson[0] - 1e-9 <= low < high <= wilson[1] + 1e-9


@given(COUNTS)
def test_the_variance_is_the_formulas_and_at_most_that_of_one_class(pairs: list[tuple[int, float]]) -> None:
    """Sum of w² q (1 - q) / n with an answer of each kind added, class by class or over all of them."""
    right, total = make_counts(pairs)
    every = total.sum()
    by_class = sum(
        (n / every) ** 2 * ((k + 1) / (n + 2)) * (1 - (k + 1) / (n + 2)) / n
        for k, n in zip(right, total, strict=True)
    )
    pooled = (right.sum() + 1) / (every + 2)
    assert compute_within_variance(right, total) == pytest.approx(
        min(by_class, pooled * (1 - pooled) / every)
    )


@given(COUNTS, COUNTS, st.integers(0, 2**16))
def test_widening_never_narrows(
    first: list[tuple[int, float]], second: list[tuple[int, float]], seed: int
) -> None:
    """Neither side of the interval comes nearer, and it always has a width."""
    size = min(len(first), len(second))
    ours, theirs = (observe(*make_counts(pairs[:size])) for pairs in (first, second))
    plain, wide = (
        compute_gap_interval(ours, theirs, num_resamples=50, seed=seed, method=method)
        for method in (EARLIEST_METHOD, WIDENED_METHOD)
    )
    assert plain is not None
    assert wide is not None
    assert -1 <= wide[0] <= plain[0] <= plain[1] <= wide[1] <= 1
    assert wide[0] < wide[1]


def test_widening_takes_the_outer_bound_of_each_side() -> None:
    """Of two intervals that cross."""
    assert widen((-0.1, 0.3), (-0.2, 0.1)) == (-0.2, 0.3)


@pytest.mark.parametrize("factor", [4, 25])
def test_the_noise_falls_with_the_root_of_the_images(factor: int) -> None:
    """Four times as many images of the same shares: half the width."""
    right, total = np.array([200.0, 300.0, 500.0]), np.full(3, 600.0)
    few, many = (compute_within_variance(k * right, k * total) ** 0.5 for k in (1, factor))
    assert many == pytest.approx(few / factor**0.5, rel=0.01)


def test_where_classes_differ_the_interval_is_that_of_resampling() -> None:
    """Many images of unlike classes: nothing is added."""
    rng = np.random.default_rng(0)
    total = np.full(40, 200.0)
    ours, theirs = (observe(rng.binomial(200, rng.uniform(0.1, 0.9, 40)).tolist(), total) for _ in "ab")
    widened, plain = (
        compute_gap_interval(ours, theirs, method=method) for method in (WIDENED_METHOD, EARLIEST_METHOD)
    )
    assert widened == plain


def test_a_gap_to_the_same_images_is_known_exactly() -> None:
    """The same answers on both axes: nothing is left to chance."""
    same = observe([3, 2, 4], [4, 4, 4])
    assert compute_gap_interval(same, same, nested=True) == (0.0, 0.0)


def test_of_a_view_and_its_whole_only_the_images_left_out_count_twice() -> None:
    """A(S) - A(D) = |R| / |D| (A(S) - A(R)), with R the rest: the noise is that part of two sets' noise."""
    whole, view = (observe([k] * 10, [n] * 10) for k, n in ((30, 40), (20, 25)))
    part = 15 / 40
    theirs = confint_proportions_2indep(200, 250, 100, 150, method="newcomb")
    expected = [part * bound for bound in theirs]
    assert bound_noise(view, whole, nested=True) == pytest.approx(expected, abs=1e-9)
    assert bound_noise(whole, view, nested=True) == pytest.approx([-expected[1], -expected[0]], abs=1e-9)


def test_two_models_are_compared_by_the_images_they_disagree_on() -> None:
    """Ten classes alike, one image of each ten for one model only: far shorter than of two accuracies."""
    first = np.arange(200) % 2 == 0
    second = first & (np.arange(200) % 20 != 0)
    found = compute_paired_difference(first, second, np.arange(200) // 20)
    apart = confint_proportions_2indep(100, 200, 90, 200, method="newcomb")
    assert found.low is not None
    assert found.high is not None
    assert found.value == pytest.approx(0.05)
    assert 0.04 < found.high - found.low < 0.4 * (apart[1] - apart[0])
    assert found.verdict == "better"


def test_two_models_that_never_disagree_are_not_known_to_be_equal() -> None:
    """Forty images without a discordant one: a difference of a few points is still possible."""
    same = np.arange(40) % 4 != 0
    found = compute_paired_difference(same, same, np.arange(40) // 4)
    assert found.low is not None
    assert found.high is not None
    assert found.low == -found.high
    assert 0.04 < found.high < 0.1


@pytest.mark.parametrize(("num_classes", "images"), [(10, 4), (40, 1), (20, 30)])
@pytest.mark.parametrize("spread", [0.0, 0.25])
def test_the_paired_interval_covers_as_often_as_it_says(num_classes: int, images: int, spread: float) -> None:
    """Few images a class or many, classes alike or not; each image hard for both models at once."""
    rng = np.random.default_rng(11)
    classes = np.repeat(np.arange(num_classes), images)
    hits = []
    for _ in range(400):
        level = rng.uniform(-spread, spread, num_classes)[classes]
        hard = rng.random(len(classes))
        first = hard < 0.7
        second = np.where(rng.random(len(classes)) < 0.8, hard, rng.random(len(classes))) < 0.6 + level
        found = compute_paired_difference(first, second, classes)
        assert found.low is not None
        assert found.high is not None
        hits.append(found.low <= 0.1 <= found.high)
    assert 0.92 <= np.mean(hits) <= 0.995
