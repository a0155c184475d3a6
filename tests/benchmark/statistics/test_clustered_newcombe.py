"""The gap's interval of today, against scipy, statsmodels and a simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import ttest_1samp
from statsmodels.stats.proportion import confint_proportions_2indep

from imagenet_g.benchmark.statistics.accuracy import FloatArray
from imagenet_g.benchmark.statistics.clustered_newcombe import bound_clustered_gap
from imagenet_g.benchmark.statistics.gap_noise import bound_noise
from imagenet_g.benchmark.statistics.observations import Observation

COUNTS = st.lists(st.tuples(st.integers(1, 30), st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=20)


def observe(right: FloatArray, total: FloatArray) -> Observation:
    """An accuracy with its counts by class."""
    return Observation(top1=float(right.sum() / total.sum()), n=int(total.sum()), right=right, total=total)


def bound(shifted: Observation, clean: Observation, *, nested: bool = False) -> tuple[float, float]:
    """The interval, which must exist."""
    found = bound_clustered_gap(shifted, clean, nested=nested)
    assert found is not None
    return found


def test_with_many_answers_of_both_kinds_it_is_students_over_the_classes() -> None:
    """Classes that differ by far more than chance, half of it on both sets: scipy's paired t test."""
    rng = np.random.default_rng(0)
    total = np.full(100, 400.0)
    shared = rng.normal(size=100)
    clean, shifted = (
        rng.binomial(400, expit(mean + shared + rng.normal(size=100))).astype(float) for mean in (0.3, -0.3)
    )
    ours = bound(observe(shifted, total), observe(clean, total))
    theirs = ttest_1samp((shifted - clean) / 400, 0.0).confidence_interval(0.95)
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.03 * float(theirs.high - theirs.low))


@pytest.mark.parametrize(("clean", "shifted", "n"), [(3, 2, 4), (4, 4, 4), (0, 0, 4), (20, 0, 40)])
def test_with_classes_alike_it_is_newcombes(clean: int, shifted: int, n: int) -> None:
    """Ten classes of one share right: the images are the only doubt."""
    total = np.full(10, float(n))
    ours = bound(observe(np.full(10, float(shifted)), total), observe(np.full(10, float(clean)), total))
    theirs = confint_proportions_2indep(10 * shifted, 10 * n, 10 * clean, 10 * n, method="newcomb")
    assert ours == pytest.approx(theirs, abs=1e-9)


@given(COUNTS, st.booleans())
def test_it_holds_the_noise_within_classes(rows: list[tuple[int, float, float]], published: bool) -> None:
    """Never shorter, inside [-1, 1], and about the gap itself."""
    total = np.array([n for n, _, _ in rows], dtype=np.float64)
    shifted, clean = (observe(np.round(total * [row[side] for row in rows]), total) for side in (1, 2))
    if published:
        clean = Observation(top1=clean.top1, n=50_000)
    low, high = bound(shifted, clean)
    noise = bound_noise(shifted, clean)
    assert -1 <= low <= max(-1.0, noise[0]) <= shifted.top1 - clean.top1 <= min(1.0, noise[1]) <= high <= 1


def test_of_a_view_and_its_whole_only_the_rest_is_another_sample() -> None:
    """A(S) - A(D) = |R| / |D| (A(S) - A(R)): the interval is that part of the one against the rest."""
    rng = np.random.default_rng(1)
    parts = [
        observe(rng.binomial(n, rng.uniform(0.3, 0.9, 20)).astype(float), np.full(20, float(n)))
        for n in (12, 8)
    ]
    view, rest = parts
    assert view.right is not None
    assert view.total is not None
    assert rest.right is not None
    assert rest.total is not None
    whole = observe(view.right + rest.right, view.total + rest.total)
    expected = [0.4 * one for one in bound(view, rest)]
    assert bound(view, whole, nested=True) == pytest.approx(expected)
    assert bound(whole, view, nested=True) == pytest.approx([-expected[1], -expected[0]])


def test_one_class_gives_no_interval() -> None:
    """It does not show how classes differ."""
    one = observe(np.array([3.0, 0.0]), np.array([5.0, 0.0]))
    assert bound_clustered_gap(one, Observation(top1=0.9, n=50_000)) is None


@pytest.mark.parametrize(("clean", "shifted"), [(0.5, 0.02), (0.98, 0.95), (0.9, 0.1)])
@pytest.mark.parametrize(("num_classes", "images", "spread"), [(20, 20, 0.0), (10, 50, 1.0), (200, 5, 1.0)])
def test_it_covers_near_0_and_near_100_percent(
    clean: float, shifted: float, num_classes: int, images: int, spread: float
) -> None:
    """Few right or few wrong answers, with and without classes that differ."""
    rng = np.random.default_rng(3)
    total, hits = np.full(num_classes, float(images)), list[bool]()
    sets = []
    for top1 in (clean, shifted):
        offsets = np.linspace(-14, 14, 2801)
        nodes, weights = np.polynomial.hermite_e.hermegauss(61)
        accuracy = expit(offsets[:, None] + spread * nodes) @ (weights / weights.sum())
        ability = float(np.interp(top1, accuracy, offsets))
        chance = expit(ability + spread * rng.normal(size=(400, num_classes)))
        sets.append(rng.binomial(images, chance).astype(float))
    for ours, theirs in zip(sets[1], sets[0], strict=True):
        low, high = bound(observe(ours, total), observe(theirs, total))
        hits.append(low <= shifted - clean <= high)
    # 93 % less three standard deviations of a share of 400; more is allowed for few answers.
    assert np.mean(hits) >= 0.93 - 0.038
