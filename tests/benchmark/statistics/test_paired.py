"""Tests that use the pairing, against statsmodels, scipy, scikit-learn and a permutation test."""

from __future__ import annotations

import gc

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import permutation_test
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from imagenet_g.benchmark.statistics.paired import (
    EXACT_BELOW,
    adjust_benjamini_hochberg,
    adjust_holm,
    build_group_table,
    compute_error_consistency,
    compute_exact_mcnemar,
    compute_mcnemar,
)


@given(first=st.integers(0, EXACT_BELOW // 2), second=st.integers(0, EXACT_BELOW // 2 - 1))
def test_exact_mcnemar_equals_statsmodels(first: int, second: int) -> None:
    """Two-sided binomial p-value, to 1e-9."""
    ours = compute_mcnemar(first, second)
    theirs = mcnemar([[10, first], [second, 10]], exact=True)
    assert ours.exact
    assert ours.p_value == pytest.approx(min(1.0, float(theirs.pvalue)), abs=1e-9)


def test_the_exact_test_is_exact_for_any_counts() -> None:
    """Equal to statsmodels where McNemar's would be asymptotic."""
    theirs = mcnemar([[10, 1500], [1600, 10]], exact=True)
    assert compute_exact_mcnemar(1500, 1600) == pytest.approx(float(theirs.pvalue), rel=1e-9)


@given(first=st.integers(500, 5000), second=st.integers(500, 5000))
def test_asymptotic_mcnemar_equals_statsmodels(first: int, second: int) -> None:
    """Chi-squared with continuity correction, above the exact range."""
    ours = compute_mcnemar(first, second)
    theirs = mcnemar([[10, first], [second, 10]], exact=False, correction=True)
    assert not ours.exact
    assert ours.p_value == pytest.approx(float(theirs.pvalue), rel=1e-9, abs=1e-300)


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
