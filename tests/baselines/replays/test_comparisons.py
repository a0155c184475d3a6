"""The comparisons of a claim: p-values and Holm against scipy and statsmodels, and the verdict."""

from __future__ import annotations

import numpy as np
import pytest

from imagenet_g.baselines.replays.comparisons import (
    Difference,
    choose_verdict,
    compute_p_value,
    judge_differences,
)


def make_difference(
    value: float, interval: tuple[float, float] | None, *, freedom: float = 100, rises: bool = True
) -> Difference:
    """A difference of a claim."""
    return Difference(label="x", column="y", value=value, interval=interval, freedom=freedom, rises=rises)


def test_an_interval_that_holds_0_leaves_the_question_open() -> None:
    """Else the side decides, where it is the only one."""
    intervals = ((0.1, (-0.1, 0.3)), (0.1, (0.05, 0.3)), (-0.1, (-0.3, -0.01)), (0.1, None))
    answers = [judge_differences([make_difference(*it)])[0].answer for it in intervals]
    assert answers == ["open", "yes", "no", "open"]
    (fall,) = judge_differences([make_difference(-0.1, (-0.2, -0.05), rises=False)])
    assert fall.answer == "yes"


def test_a_p_value_from_a_students_interval_is_the_t_tests() -> None:
    """Against scipy, on samples of ten."""
    from scipy.stats import ttest_1samp

    rng = np.random.default_rng(0)
    for shift in (0.0, 0.3, 1.0, -1.0):
        sample = rng.normal(shift, 1, 10) / 10
        test = ttest_1samp(sample, 0)
        bounds = test.confidence_interval(0.95)
        interval = float(bounds.low), float(bounds.high)
        difference = make_difference(float(sample.mean()), interval, freedom=9)
        assert compute_p_value(difference) == pytest.approx(test.pvalue, rel=1e-9)


def test_the_comparisons_of_a_claim_are_corrected_as_statsmodels_does() -> None:
    """Holm, over those that have an interval."""
    from statsmodels.stats.multitest import multipletests

    rng = np.random.default_rng(1)
    values = rng.normal(0, 0.06, 12)
    found = judge_differences(
        [make_difference(v, (v - 0.06, v + 0.06)) for v in values] + [make_difference(0.9, None)]
    )
    alone = [one.p_value for one in found[:-1]]
    rejected, corrected, *_ = multipletests(alone, alpha=0.05, method="holm")
    assert [one.p_holm for one in found[:-1]] == pytest.approx(corrected.tolist())
    assert [one.answer != "open" for one in found[:-1]] == rejected.tolist()
    assert (found[-1].p_value, found[-1].p_holm, found[-1].answer) == (None, None, "open")


def test_a_claim_of_27_true_zeros_is_rarely_decided_anywhere() -> None:
    """In at most 5 % of claims, where each comparison by itself would err in 75 % of them."""
    rng = np.random.default_rng(2)
    wrong = alone = 0
    for _ in range(200):
        values = rng.normal(0, 0.02, 27)
        found = judge_differences(
            [make_difference(v, (v - 1.984 * 0.02, v + 1.984 * 0.02), freedom=100) for v in values]
        )
        wrong += any(one.answer != "open" for one in found)
        alone += any(one.p_value is not None and one.p_value < 0.05 for one in found)
    # 200 draws of 5 %: 10, with a standard deviation of 3.1.
    assert wrong <= 19
    assert alone > 125


def test_an_interval_of_one_point_is_decided_and_a_zero_is_open() -> None:
    """A filter that leaves every image changes nothing."""
    assert judge_differences([make_difference(0.1, (0.1, 0.1))])[0].answer == "yes"
    assert judge_differences([make_difference(0.0, (0.0, 0.0))])[0].answer == "open"


def test_a_verdict_needs_most_answers_and_none_against() -> None:
    """Half is not most."""
    assert choose_verdict(["yes", "yes", "open"]) == "agrees"
    assert choose_verdict(["yes", "open"]) == "open"
    assert choose_verdict(["no", "no", "open"]) == "disagrees"
    assert choose_verdict(["yes", "yes", "no"]) == "mixed"
    assert choose_verdict([]) == "open"
