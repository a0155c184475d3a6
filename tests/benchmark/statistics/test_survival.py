"""Kaplan and Meier's estimate, its band and the median's interval."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.duration.survfunc import SurvfuncRight

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.accuracy import BoolArray, FloatArray
from imagenet_g.benchmark.statistics.intervals import compute_wilson_interval
from imagenet_g.benchmark.statistics.survival import compute_survival, find_median

units = st.lists(
    st.tuples(st.sampled_from([0.5, 1.0, 1.5, 2.0, 2.5]), st.booleans()), min_size=1, max_size=60
)


def split_units(pairs: list[tuple[float, bool]]) -> tuple[FloatArray, BoolArray]:
    """Times and failures."""
    return np.array([time for time, _ in pairs]), np.array([failed for _, failed in pairs], dtype=np.bool_)


def draw_units(seed: int, number: int = 200) -> tuple[FloatArray, BoolArray]:
    """Failures on a grid of strengths; some leave early."""
    rng = np.random.default_rng(seed)
    return rng.integers(1, 13, number) / 4, rng.random(number) < 0.6


@pytest.mark.parametrize("seed", range(5))
def test_estimate_and_median_are_those_of_statsmodels(seed: int) -> None:
    """Share, Greenwood's deviation through the band, median and its interval by log(-log)."""
    times, failed = draw_units(seed)
    curve, theirs = compute_survival(times, failed), SurvfuncRight(times, failed.astype(int))
    at = np.isin(curve.times, theirs.surv_times)
    assert curve.survival[at] == pytest.approx(theirs.surv_prob)
    assert curve.at_risk[at] == pytest.approx(theirs.n_risk)
    inside = theirs.surv_prob > 0
    log = np.log(theirs.surv_prob[inside])
    reach = 1.959963984540054 * theirs.surv_prob_se[inside] / (theirs.surv_prob[inside] * -log)
    assert curve.low[at][inside] == pytest.approx(np.exp(log * np.exp(reach)))
    assert curve.high[at][inside] == pytest.approx(np.exp(log * np.exp(-reach)))
    low, high = theirs.quantile_ci(0.5)
    assert find_median(curve) == (theirs.quantile(0.5), low, high)


def test_the_band_of_a_textbook_sample_is_the_one_printed() -> None:
    """6-MP arm of Freireich et al. 1963: S(10) = 0.753, S(23) = 0.448, median 23 (Klein and Moeschberger)."""
    times = np.array(
        [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35], dtype=float
    )
    failed = np.isin(np.arange(21), [0, 1, 2, 4, 6, 9, 10, 14, 15])
    curve = compute_survival(times, failed)
    share = dict(zip(curve.times.tolist(), curve.survival.tolist(), strict=True))
    assert share[10] == pytest.approx(0.7529, abs=1e-4)
    assert share[23] == pytest.approx(0.4482, abs=1e-4)
    median, low, high = find_median(curve)
    assert (median, low, high) == (23.0, 13.0, None)


@given(units)
def test_without_censoring_it_is_the_empirical_distribution(pairs: list[tuple[float, bool]]) -> None:
    """The share of units whose time is later."""
    times, _ = split_units(pairs)
    curve = compute_survival(times, np.ones(len(times), dtype=np.bool_))
    assert curve.survival == pytest.approx([(times > time).mean() for time in curve.times])
    median, _, _ = find_median(curve)
    assert median == np.sort(times)[(len(times) - 1) // 2]


@given(units, st.randoms(use_true_random=False))
def test_the_order_of_units_changes_nothing(pairs: list[tuple[float, bool]], random: object) -> None:
    """Clusters follow their units."""
    order = list(range(len(pairs)))
    random.shuffle(order)  # type: ignore[attr-defined]
    (times, failed), clusters = split_units(pairs), np.arange(len(pairs)) % 3
    one = compute_survival(times, failed, clusters=clusters)
    other = compute_survival(times[order], failed[order], clusters=clusters[order])
    for name in ("times", "at_risk", "failed", "survival"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
    assert one.low == pytest.approx(other.low)
    assert one.high == pytest.approx(other.high)


@given(units)
def test_the_band_holds_the_estimate_and_the_interval_the_median(pairs: list[tuple[float, bool]]) -> None:
    """A missing upper end is later than every time, and so is a missing median."""
    times, failed = split_units(pairs)
    curve = compute_survival(times, failed, clusters=np.arange(len(times)) % 4)
    assert (curve.low <= curve.survival + 1e-12).all()
    assert (curve.survival <= curve.high + 1e-12).all()
    assert ((curve.low >= 0) & (curve.high <= 1)).all()
    median, low, high = (np.inf if one is None else one for one in find_median(curve))
    assert low <= median <= high


@given(units)
@settings(max_examples=50)
def test_where_nothing_fails_all_last_and_there_is_no_median(pairs: list[tuple[float, bool]]) -> None:
    """The band still doubts it, as Wilson's interval does."""
    times, _ = split_units(pairs)
    curve = compute_survival(times, np.zeros(len(times), dtype=np.bool_))
    assert (curve.survival == 1).all()
    assert find_median(curve)[0] is None
    assert curve.low[0] == pytest.approx(compute_wilson_interval(len(times), len(times))[0])


def test_where_all_fail_at_once_the_interval_is_that_time() -> None:
    """log(-log 0) does not exist, and an interval of NaN would say less than is known."""
    assert find_median(compute_survival(np.full(50, 0.5), np.ones(50, dtype=np.bool_))) == (0.5, 0.5, 0.5)
    assert find_median(compute_survival(np.array([0.5]), np.array([True]))) == (0.5, 0.5, None)


def test_exactly_half_is_the_median_whatever_rounding_does() -> None:
    """The product 9/10 * 8/9 * ... * 5/6 misses 1/2 by a rounding error."""
    curve = compute_survival(np.arange(1.0, 11.0), np.ones(10, dtype=np.bool_))
    assert find_median(curve)[0] == 5.0


def test_with_each_unit_a_cluster_the_variance_is_greenwoods() -> None:
    """Williams (1995): but for C / (C - 1) and Student's t, both of which are near 1 for many units."""
    times, failed = draw_units(3, 4000)
    alone, apart = compute_survival(times, failed), compute_survival(times, failed, clusters=np.arange(4000))
    assert apart.low == pytest.approx(alone.low, abs=2e-5)
    assert apart.high == pytest.approx(alone.high, abs=2e-5)


def test_units_that_fail_together_widen_the_band_and_never_shorten_it() -> None:
    """Ten copies of each unit say no more than one."""
    times, failed = draw_units(5, 40)
    copied = np.repeat(times, 10), np.repeat(failed, 10)
    one = compute_survival(times, failed)
    ten = compute_survival(*copied, clusters=np.repeat(np.arange(40), 10))
    independent = compute_survival(*copied)
    middle = (one.survival > 0.2) & (one.survival < 0.8)
    assert (ten.high - ten.low)[middle] == pytest.approx((one.high - one.low)[middle], rel=0.08)
    assert (ten.low <= independent.low).all()
    assert (ten.high >= independent.high).all()


def test_the_band_covers_the_truth_where_classes_differ() -> None:
    """Of 300 samples of 30 classes some 95 % hold S(1); as independent units far fewer would."""
    rng = np.random.default_rng(11)
    classes = np.repeat(np.arange(30), 20)
    covered = {"classes": 0, "alone": 0}
    for _ in range(300):
        chance = rng.beta(1, 1, 30)[classes]
        times = np.where(rng.random(600) < chance, 1.0, 2.0)
        for name, clusters in (("classes", classes), ("alone", None)):
            curve = compute_survival(times, times < 2, clusters=clusters)
            covered[name] += bool(curve.low[0] <= 0.5 <= curve.high[0])
    # 300 draws of 95 % have a standard deviation of 1.3 points.
    assert 0.91 <= covered["classes"] / 300 <= 0.99
    assert covered["alone"] / 300 < 0.75


@pytest.mark.parametrize(
    ("times", "failed", "clusters", "message"),
    [
        ([], [], None, "no unit"),
        ([1.0], [True, False], None, "do not match"),
        ([1.0], [True], [1, 2], "do not match"),
        ([np.inf], [True], None, "finite"),
        ([np.nan], [False], None, "finite"),
    ],
)
def test_impossible_units_are_refused(
    times: list[float], failed: list[bool], clusters: list[int] | None, message: str
) -> None:
    """With what is wrong about them."""
    groups = None if clusters is None else np.array(clusters)
    with pytest.raises(InputError, match=message):
        compute_survival(np.array(times), np.array(failed, dtype=np.bool_), clusters=groups)
