"""The exact test of public against private answers, against scipy, statsmodels and enumeration."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, fisher_exact
from statsmodels.stats.contingency_tables import StratifiedTable

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.siblings.matched import (
    SMALLEST_P,
    Stratum,
    compute_excess,
    compute_pair_tails,
    count_strata,
)


@given(
    public=st.integers(1, 200),
    private=st.integers(1, 200),
    shares=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_one_stratum_is_fishers_exact_test(public: int, private: int, shares: tuple[float, float]) -> None:
    """One table of right and wrong answers, one-sided."""
    right, other = round(public * shares[0]), round(private * shares[1])
    table = np.array([[right, public - right], [other, private - other]])
    expected = fisher_exact(table, alternative="greater").pvalue
    found = compute_excess(Counter([Stratum(public, private, right + other)]), right)
    assert found.p_value == pytest.approx(max(expected, SMALLEST_P), rel=1e-6)


@given(more=st.integers(0, 400), fewer=st.integers(0, 400), alike=st.integers(0, 50))
def test_pairs_are_a_binomial_test(more: int, fewer: int, alike: int) -> None:
    """One public and one private image a stratum; pairs that are alike change nothing."""
    strata = Counter({Stratum(1, 1, 1): more + fewer, Stratum(1, 1, 2): alike, Stratum(1, 1, 0): alike})
    expected = binomtest(more, more + fewer, alternative="greater").pvalue if more + fewer else 1.0
    assert compute_excess(strata, more + alike).p_value == pytest.approx(expected, rel=1e-9)
    assert compute_pair_tails([more], [fewer])[0] == pytest.approx(expected, rel=1e-9)


def _enumerate(strata: list[Stratum], observed: int) -> float:
    """Every assignment of the right answers of each stratum to its images."""
    counts = []
    for one in strata:
        images = range(one.public + one.private)
        counts.append([sum(i < one.public for i in chosen) for chosen in combinations(images, one.right)])
    sums = [sum(way) for way in product(*counts)]
    return sum(total >= observed for total in sums) / len(sums)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 6)), min_size=1, max_size=4),
    st.integers(0, 8),
)
def test_unequal_strata_are_every_assignment_counted(sizes: list[tuple[int, int, int]], more: int) -> None:
    """The definition of an exact test, by brute force."""
    strata = [Stratum(n, m, min(k, n + m)) for n, m, k in sizes]
    low, high = sum(one.fewest for one in strata), sum(one.most for one in strata)
    observed = min(high, low + more)
    assert compute_excess(Counter(strata), observed).p_value == pytest.approx(_enumerate(strata, observed))


def test_many_large_strata_are_near_the_normal_limit_of_statsmodels() -> None:
    """Cochran, Mantel and Haenszel's statistic without correction, where that limit holds."""
    rng = np.random.default_rng(0)
    tables, strata, right = [], Counter[Stratum](), 0
    for chance in rng.uniform(0.3, 0.7, 300):
        a, b = rng.binomial(30, chance + 0.015), rng.binomial(20, chance)
        tables.append([[a, 30 - a], [b, 20 - b]])
        strata[Stratum(30, 20, a + b)] += 1
        right += a
    theirs = StratifiedTable([np.array(table) for table in tables]).test_null_odds(correction=True).pvalue
    assert compute_excess(strata, right).p_value == pytest.approx(theirs / 2, rel=0.05)


def test_fifty_thousand_pairs_keep_the_digits_of_a_far_tail() -> None:
    """Where a transform would leave noise of 1e-16."""
    found = compute_excess(Counter({Stratum(1, 1, 1): 50_000}), 26_500)
    expected = binomtest(26_500, 50_000, alternative="greater").pvalue
    assert expected < 1e-40
    assert found.p_value == pytest.approx(expected, rel=1e-6)


def test_a_stratum_of_one_side_says_nothing() -> None:
    """Neither does one where all answers are right, or none."""
    public = [("only public", True), ("all", True), ("none", False), ("pair", True)]
    private = [("only private", False), ("all", True), ("none", False), ("pair", False)]
    strata, right = count_strata(public, private)
    found = compute_excess(strata, right)
    assert (sum(strata.values()), right) == (3, 2)
    assert (found.decisive, found.p_value, found.expected) == (1, 0.5, 1.5)


@pytest.mark.parametrize(
    ("stratum", "right"), [(Stratum(1, 1, 3), 1), (Stratum(-1, 1, 0), 0), (Stratum(1, 1, 1), 2)]
)
def test_impossible_counts_are_refused(stratum: Stratum, right: int) -> None:
    """A file of counts may have been edited."""
    with pytest.raises(InputError, match=r"impossible|no count"):
        compute_excess(Counter([stratum]), right)


def test_the_level_holds_for_unequal_strata() -> None:
    """Worlds with easy and hard strata, three public images to two private ones: at most 5 % below 0.05."""
    rng = np.random.default_rng(1)
    found = 0
    for _ in range(600):
        chances = rng.beta(0.5, 0.5, 40)
        a, b = rng.binomial(3, chances), rng.binomial(2, chances)
        strata = Counter(Stratum(3, 2, int(k)) for k in a + b)
        found += compute_excess(strata, int(a.sum())).p_value <= 0.05
    # Four standard errors above 5 % of 600.
    assert found <= 51
