"""Upper bounds of rates of which no case was seen."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import beta, binom, norm

from imagenet_g.leaderboard.validation.false_alarms.bounds import (
    compute_upper_bound,
    format_model_bound,
    format_pair_bound,
)
from imagenet_g.leaderboard.validation.plausibility.verdicts import Z, find_most


def test_the_bound_is_that_of_which_none_of_n_has_a_chance_of_a_twentieth() -> None:
    """By its definition, and as SciPy's quantile of the beta distribution has it."""
    assert (1 - compute_upper_bound(300)) ** 300 == pytest.approx(0.05)
    assert compute_upper_bound(300) == pytest.approx(beta.ppf(0.95, 1, 300))


def test_where_pairs_depend_the_bound_of_pairs_without_a_common_model_is_reached() -> None:
    """One model in five is like every other, so 36 % of pairs are alike; none of all 45 pairs of 10 models.

    That is as often so as none of 5 independent pairs; 45 such pairs would not show it once in a million.
    """
    rng = np.random.default_rng(0)
    odd = rng.random((20_000, 10)) < 0.2
    none = np.mean([not any(row[a] or row[b] for a, b in combinations(range(10), 2)) for row in odd])
    assert none == pytest.approx((1 - 0.36) ** 5, abs=0.01)
    assert (1 - 0.36) ** 45 < 1e-6


def test_both_bounds_are_said() -> None:
    """That of the split with most models counts."""
    assert "18.10 % by the 15 pairs without a common model" in format_pair_bound(435, [3, 30])
    assert format_model_bound(100, 25).startswith(
        "at most 2.95 % of splits if they were independent; 11.29 %"
    )


@pytest.mark.parametrize(("count", "total"), [(0, 50), (3, 400), (40, 400)])
def test_the_greatest_share_is_where_so_few_have_the_stated_chance(count: int, total: int) -> None:
    """By the binomial distribution at that share; where all are counted, every share is possible."""
    assert binom.cdf(count, total, find_most(count, total)) == pytest.approx(norm.sf(Z))
    assert find_most(total, total) == 1
