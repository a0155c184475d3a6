"""Kendall's tau-b and mean ranks against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau, rankdata

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.rank_agreement import compute_kendall_tau, compute_mean_ranks

_COUNTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=12)


@given(_COUNTS)
def test_tau_is_scipys_with_ties(pairs: list[tuple[int, int]]) -> None:
    """Few values, so that ties are common on both sides."""
    first, second = (np.array(side) / 5 for side in zip(*pairs, strict=True))
    found = float(compute_kendall_tau(first, second))
    expected = float(kendalltau(first, second, variant="b").statistic)
    assert found == pytest.approx(expected, nan_ok=True)


def test_many_at_once_are_as_one_by_one() -> None:
    """Leading dimensions are broadcast."""
    rng = np.random.default_rng(0)
    whole, draws = rng.random(7), rng.random((20, 3, 7))
    found = compute_kendall_tau(whole, draws)
    expected = [[kendalltau(whole, one).statistic for one in row] for row in draws]
    np.testing.assert_allclose(found, expected)


def test_rounding_is_no_difference_of_accuracies() -> None:
    """The same accuracy summed in another order stays a tie."""
    assert np.isnan(compute_kendall_tau(np.array([0.3, 0.1 + 0.2]), np.array([0.1, 0.2])))


def test_other_numbers_of_models_are_refused() -> None:
    """Rather than broadcast."""
    with pytest.raises(InputError, match="Scores of 3 and 1 models"):
        compute_kendall_tau(np.zeros(3), np.zeros(1))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12))
def test_mean_ranks_are_scipys(scores: list[int]) -> None:
    """The best has rank 1."""
    values = np.array(scores) / 4
    np.testing.assert_allclose(compute_mean_ranks(values), rankdata(-values, method="average"))
