"""Tests that use the pairing, against statsmodels, scipy, scikit-learn and a permutation test."""

from __future__ import annotations

import gc

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import permutation_test, ttest_1samp
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from imagenet_g.benchmark.statistics.corrections import adjust_benjamini_hochberg, adjust_holm
from imagenet_g.benchmark.statistics.discordance import compute_error_consistency, compute_mcnemar
from imagenet_g.benchmark.statistics.groups import build_group_table
from imagenet_g.benchmark.statistics.paired import (
    compare_pairs,
    compute_paired_difference,
    compute_rank_ranges,
    describe_verdict,
    format_bounds,
)


@given(first=st.integers(0, 5000), second=st.integers(0, 5000))
def test_mcnemar_equals_statsmodels(first: int, second: int) -> None:
    """The two-sided binomial p-value, exact however many images differ."""
    theirs = mcnemar([[10, first], [second, 10]], exact=True)
    expected = min(1.0, float(theirs.pvalue))
    assert compute_mcnemar(first, second).p_value == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_mcnemar_agrees_with_a_permutation_test() -> None:
    """Swapping the two models' answers image by image gives the same p-value."""
    rng = np.random.default_rng(0)
    first, second = rng.random(400) < 0.62, rng.random(400) < 0.55
    found = permutation_test(
        (first.astype(float), second.astype(float)),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        n_resamples=5_000,
        rng=np.random.default_rng(1),
    )
    ours = compute_mcnemar(int((first & ~second).sum()), int((second & ~first).sum()))
    assert ours.p_value == pytest.approx(float(found.pvalue), abs=0.012)


def test_models_that_never_disagree_are_not_told_apart() -> None:
    """No discordant image, no evidence."""
    assert compute_mcnemar(0, 0).p_value == 1.0


def adjust_with_statsmodels(p_values: list[float], method: str) -> npt.NDArray[np.float64]:
    """Without the garbage collection of every call, which takes half a second in a process as large."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda: 0)
        return np.asarray(multipletests(p_values, method=method)[1])


@given(p_values=st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_corrections_equal_statsmodels(p_values: list[float]) -> None:
    """Holm and Benjamini-Hochberg, any order, ties included."""
    for ours, name in ((adjust_holm, "holm"), (adjust_benjamini_hochberg, "fdr_bh")):
        np.testing.assert_allclose(ours(p_values), adjust_with_statsmodels(p_values, name), atol=1e-12)


@given(pairs=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=200))
def test_error_consistency_is_cohens_kappa_of_being_right(pairs: list[tuple[bool, bool]]) -> None:
    """Equal to scikit-learn wherever kappa is defined."""
    first, second = (np.array(column) for column in zip(*pairs, strict=True))
    ours = compute_error_consistency(first, second)
    if ours is None:
        assert first.all() == second.all()
        assert len(set(first.tolist())) == 1
    else:
        assert ours == pytest.approx(cohen_kappa_score(first, second), abs=1e-9)


def test_group_table_counts_within_groups() -> None:
    """Images, right answers and tests of each group, in sorted order."""
    first = np.array([True, True, False, True, True])
    second = np.array([True, False, False, False, True])
    table = build_group_table(first, second, ["b", "b", "a", "b", "a"])
    assert table.names == ("a", "b")
    assert table.num_images.tolist() == [2, 3]
    assert table.first_right.tolist() == [1, 3]
    assert table.second_right.tolist() == [1, 1]
    assert table.differences.tolist() == pytest.approx([0.0, 2 / 3])
    assert table.p_values.tolist() == pytest.approx([1.0, compute_mcnemar(2, 0).p_value])


def draw_answers(
    num_models: int, num_classes: int, images: int, *, own: float, seed: int
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.intp]]:
    """Models that are equally good over all classes there are, each with easy and hard classes of its own."""
    rng = np.random.default_rng(seed)
    classes = np.repeat(np.arange(num_classes), images)
    ability = 0.5 + rng.normal(size=num_classes) + own * rng.normal(size=(num_models, num_classes))
    chance = expit(ability[:, classes] + rng.normal(size=len(classes)))
    return rng.random(chance.shape) < chance, classes


def test_the_interval_of_classes_of_one_size_is_students_over_the_class_means() -> None:
    """With equal classes, leaving one out at a time is scipy's t test of the mean difference of a class."""
    correct, classes = draw_answers(2, 20, 100, own=1.0, seed=3)
    ours = compute_paired_difference(correct[0], correct[1], classes)
    means = (correct[0].astype(float) - correct[1]).reshape(20, 100).mean(axis=1)
    theirs = ttest_1samp(means, 0.0)
    bounds = theirs.confidence_interval(0.95)
    assert ours.p_value == pytest.approx(float(theirs.pvalue))
    assert (ours.low, ours.high) == pytest.approx((bounds.low, bounds.high))


def test_the_error_of_unequal_classes_is_that_of_leaving_one_out() -> None:
    """(C - 1) / C times the sum of squares about the difference itself."""
    correct, classes = draw_answers(2, 12, 30, own=1.0, seed=4)
    keep = np.random.default_rng(0).random(len(classes)) < 0.2 + classes / 15
    first, second, classes = correct[0][keep], correct[1][keep], classes[keep]
    net = first.astype(float) - second
    left_out = np.array([net[classes != one].mean() for one in range(12)])
    expected = np.sqrt(11 / 12 * ((left_out - net.mean()) ** 2).sum())
    assert compare_pairs(np.stack([first, second]), classes).class_errors[0, 1] == pytest.approx(expected)


def test_chance_alone_is_bonett_and_prices() -> None:
    """Twelve and five discordant images of 100, one added each way."""
    first, second = np.ones((2, 100), dtype=bool)
    first[:5], second[50:62] = False, False
    share, other = 13 / 102, 6 / 102
    expected = np.sqrt((share + other - (share - other) ** 2) / 100)
    found = compare_pairs(np.stack([first, second]), np.arange(100) % 10)
    assert found.noise_errors[0, 1] == pytest.approx(expected)


def test_all_pairs_at_once_are_each_pair_alone() -> None:
    """A third model changes nothing of an uncorrected pair."""
    correct, classes = draw_answers(3, 20, 10, own=0.5, seed=5)
    together = compare_pairs(correct, classes)
    for one, other in ((0, 1), (2, 0)):
        alone = compute_paired_difference(correct[one], correct[other], classes)
        assert together.extract(one, other, corrected=False) == alone


@pytest.mark.parametrize("seed", range(5))
def test_an_interval_leaves_out_zero_exactly_where_the_pair_is_told_apart(seed: int) -> None:
    """Verdict and interval are of the same step of Holm's procedure."""
    rng = np.random.default_rng(seed)
    classes = np.repeat(np.arange(30), 20)
    correct = rng.random((6, 600)) < rng.uniform(0.4, 0.7, size=(6, 1))
    tests = compare_pairs(correct, classes)
    for one, other in zip(*np.triu_indices(6, 1), strict=True):
        found = tests.extract(int(one), int(other))
        assert found.low is not None
        assert found.high is not None
        assert (found.verdict == "tie") == (found.low <= 0 <= found.high)
    best, worst = compute_rank_ranges(tests.find_better())
    assert (best <= worst).all()
    assert best.min() == 1


@pytest.mark.parametrize(
    ("num_classes", "images", "own"),
    [(10, 10, 0.0), (10, 50, 0.5), (6, 5, 1.0), (200, 5, 0.5), (50, 20, 1.0)],
)
def test_of_twenty_equal_models_seldom_any_two_are_told_apart(
    num_classes: int, images: int, own: float
) -> None:
    """Family-wise at most 5 %, few classes or many, whether or not models have classes of their own."""
    found = [
        compare_pairs(*draw_answers(20, num_classes, images, own=own, seed=seed)).find_better().any()
        for seed in range(200)
    ]
    # 5 % and three standard deviations of a share of 200.
    assert np.mean(found) <= 0.096


def test_a_verdict_names_the_better_model() -> None:
    """The sign of the difference decides, once the test does."""
    right, wrong, classes = np.ones(200, np.bool_), np.arange(200) % 2 == 0, np.arange(200) // 10
    verdicts = [
        compute_paired_difference(one, other, classes).verdict
        for one, other in ((right, wrong), (wrong, right), (right, right))
    ]
    assert verdicts == ["better", "worse", "tie"]
    assert describe_verdict(compute_paired_difference(wrong, right, classes), "a", "b") == "b is better"


def test_a_single_class_gives_no_interval_and_a_tie() -> None:
    """Nothing is known about how classes differ."""
    right, wrong = np.ones(9, np.bool_), np.zeros(9, np.bool_)
    found = compute_paired_difference(right, wrong, np.zeros(9))
    assert (found.value, found.low, found.verdict) == (1.0, None, "tie")
    assert "one class" in format_bounds(found)
