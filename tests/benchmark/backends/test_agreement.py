"""When a backend's logits count as those of PyTorch."""

from __future__ import annotations

import pytest
import torch

from imagenet_g.benchmark.backends.agreement import compare_answers

LOGITS = torch.linspace(0, 20, 1000)[None]


@pytest.mark.parametrize(("off", "agrees"), [(9e-4, True), (1.2e-3, False)])
def test_a_thousandth_is_the_limit_for_logits_of_a_usual_range(off: float, agrees: bool) -> None:
    """The range of these is 20."""
    answers = LOGITS.clone()
    answers[0, 3] += off
    assert (compare_answers(answers, LOGITS)[0] is not None) == agrees


def test_cosines_are_compared_by_their_range() -> None:
    """A thousandth would be the whole range of these."""
    cosines = LOGITS / 20_000
    assert compare_answers(cosines + 5e-8 * torch.rand(1, 1000), cosines)[0] is not None
    assert compare_answers(cosines.flip(1), cosines)[0] is None


def test_huge_logits_are_compared_by_what_float32_can_hold() -> None:
    """Of a range of two million."""
    huge = LOGITS * 1e5
    assert compare_answers(huge + 1, huge)[0] is not None
    assert compare_answers(huge + 100, huge)[0] is None


def test_a_tie_may_have_another_top_1() -> None:
    """Both classes lead by less than the tolerance; the record counts the image apart."""
    first, second = LOGITS.clone(), LOGITS.clone()
    first[0, 5], first[0, 9], second[0, 5], second[0, 9] = 30.0, 30.0002, 30.0002, 30.0
    check, _ = compare_answers(first, second)
    assert check is not None
    assert check.top1_equal == 0


def test_another_top_1_that_is_no_tie_is_refused() -> None:
    """Two classes change places."""
    assert compare_answers(LOGITS.flip(1), LOGITS)[0] is None


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_must_stand_in_the_same_places(value: float) -> None:
    """Classes that a model does not have are -inf in both."""
    missing = LOGITS.clone()
    missing[0, 7] = value
    assert compare_answers(missing, missing)[0] is not None
    assert compare_answers(missing, LOGITS)[0] is None
    assert compare_answers(LOGITS, missing)[0] is None


def test_minus_infinity_is_not_nan() -> None:
    """Both are not finite, and only one of them is an answer."""
    missing, broken = LOGITS.clone(), LOGITS.clone()
    missing[0, 7], broken[0, 7] = -torch.inf, torch.nan
    assert compare_answers(broken, missing)[0] is None
