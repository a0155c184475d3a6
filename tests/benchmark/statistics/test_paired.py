"""Tests that use the pairing, against statsmodels, scipy, scikit-learn and a permutation test."""

from __future__ import annotations

import gc

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, permutation_test, t
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from imagenet_g.benchmark.statistics.corrections import adjust_benjamini_hochberg, adjust_holm
from imagenet_g.benchmark.statistics.paired import (
    PairedDifference,
    build_group_table,
    compute_error_consistency,
    compute_mcnemar,
    compute_paired_difference,
    describe_verdict,
    resample_classes,
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


def compare(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_], p_value: float) -> PairedDifference:
    """Two models on images of 20 classes, 10 images each."""
    return compute_paired_difference(first, second, resample_classes(np.arange(200) // 10), p_value=p_value)


def test_the_paired_interval_equals_a_loop_over_resampled_classes() -> None:
    """Classes drawn with replacement, all their images with them; then stretched by Student's t."""
    rng = np.random.default_rng(3)
    # Classes that differ, and many images: the noise within classes is then the lesser doubt.
    classes = np.arange(2000) // 100
    first, second = rng.random(2000) < 0.5 + classes / 50, rng.random(2000) < 0.6
    ours = compute_paired_difference(first, second, resample_classes(classes), p_value=0.01)
    net = (first.astype(float) - second).reshape(20, 100)
    loop = np.random.default_rng(4)
    draws = [net[loop.integers(20, size=20)].mean() for _ in range(5000)]
    stretch = t.ppf(0.975, 19) / norm.ppf(0.975) * np.sqrt(20 / 19)
    low, high = ours.value + stretch * (np.quantile(draws, [0.025, 0.975]) - ours.value)
    assert ours.low == pytest.approx(low, abs=0.01)
    assert ours.high == pytest.approx(high, abs=0.01)


def test_a_verdict_needs_both_the_interval_and_the_test() -> None:
    """Either alone leaves a tie; the sign says which model is better."""
    right, wrong = np.ones(200, np.bool_), np.arange(200) % 2 == 0
    verdicts = [compare(*pair, p).verdict for pair, p in [
        ((right, wrong), 0.01), ((wrong, right), 0.01), ((right, wrong), 0.2), ((right, right), 0.01),
    ]]  # fmt: skip
    assert verdicts == ["better", "worse", "tie", "tie"]
    assert describe_verdict(compare(wrong, right, 0.01), "a", "b") == "b is better"


def test_a_single_class_gives_no_interval_and_a_tie() -> None:
    """Nothing is known about how classes differ."""
    right, wrong = np.ones(9, np.bool_), np.zeros(9, np.bool_)
    found = compute_paired_difference(right, wrong, resample_classes(np.zeros(9)), p_value=0.001)
    assert (found.value, found.low, found.verdict) == (1.0, None, "tie")
