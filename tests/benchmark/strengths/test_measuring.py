"""Accuracy by strength and the failure point, counted by hand and by a plain loop."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.duration.survfunc import SurvfuncRight

from imagenet_g.benchmark.formats.strengths import FailurePoint
from imagenet_g.benchmark.statistics.intervals import compute_wilson_interval
from imagenet_g.benchmark.strengths.axis import Strengths
from imagenet_g.benchmark.strengths.measuring import measure_strengths

GRID = (0.0, 0.5, 1.0, 1.5, 2.0)


def measure(answers: dict[str, str], *, without: tuple[float, ...] = ()) -> FailurePoint | None:
    """The failure point of series given as strings: "+" for right, "-" for wrong, " " for no image."""
    rows = [
        (name, strength, answer == "+")
        for name, series in answers.items()
        for strength, answer in zip(GRID, series, strict=False)
        if answer != " " and strength not in without
    ]
    names, values, correct = zip(*rows, strict=True)
    classes = np.array([ord(name[0]) for name in names])
    return measure_strengths(Strengths(np.array(values), names), np.array(correct), classes).failure


def test_series_are_sorted_by_hand() -> None:
    """Wrong at 0 apart, first wrong counts, never wrong is censored at its greatest strength."""
    found = measure({
        "a": "-++++",  # wrong before any shift
        "b": "+-+++",  # right again later: it failed at 0.5 all the same
        "c": "++---",
        "d": "+++++",
        "e": "++ ++",  # one image is missing
        "f": " ++--",  # nothing at 0
        "g": "+",  # nothing else
        "h": "+++",  # ends early
    })  # fmt: skip
    assert found is not None
    assert (found.num_series, found.wrong_at_zero, found.not_followed, found.followed) == (8, 1, 2, 5)
    assert (found.failed, found.never.value) == (2, 0.6)
    steps = [(step.strength, step.at_risk, step.failed) for step in found.steps]
    assert steps == [(0.5, 5, 1), (1.0, 4, 1), (2.0, 2, 0)]
    assert [step.survival for step in found.steps] == pytest.approx([0.8, 0.6, 0.6])
    assert found.median is None


def test_with_no_image_at_zero_the_first_strength_may_turn_the_answer() -> None:
    """Nobody knows what the answer was before."""
    found = measure({"a": " -+++", "b": " ++-+", "c": " +++-"})
    assert found is not None
    assert (found.begins_at_zero, found.wrong_at_zero, found.followed) == (False, 0, 3)
    assert found.median == 1.5


@pytest.mark.parametrize("answers", [{"a": "-++", "b": "--"}, {"a": "+", "b": "+"}, {"a": "-", "b": " ++"}])
def test_with_no_series_to_follow_there_is_no_failure_point(answers: dict[str, str]) -> None:
    """All are wrong at 0, or have nothing beyond it."""
    assert measure(answers) is None


def test_without_series_there_is_accuracy_by_strength_alone() -> None:
    """With Wilson's interval, as top-1 has."""
    values = np.repeat([0.0, 2.0, 0.5], [10, 4, 6])
    correct = np.arange(20) % 4 != 0
    found = measure_strengths(Strengths(values, None), correct, np.zeros(20, dtype=np.int64))
    assert found.failure is None
    assert [(point.strength, point.n, point.right) for point in found.points] == [
        (0.0, 10, 7), (0.5, 6, 5), (2.0, 4, 3),
    ]  # fmt: skip
    assert (found.points[0].top1.low, found.points[0].top1.high) == compute_wilson_interval(7, 10)


images = st.lists(
    st.tuples(st.integers(0, 7), st.sampled_from(GRID), st.booleans()),
    min_size=1, max_size=40, unique_by=lambda image: image[:2],
)  # fmt: skip


@given(images, st.randoms(use_true_random=False))
def test_it_is_what_a_plain_loop_and_statsmodels_find_in_any_order(
    rows: list[tuple[int, float, bool]], random: object
) -> None:
    """Series by series, strength by strength."""
    random.shuffle(rows)  # type: ignore[attr-defined]
    series, values, correct = zip(*rows, strict=True)
    ladder = Strengths(np.array(values), tuple(map(str, series)))
    found = measure_strengths(ladder, np.array(correct), np.array(series) % 3).failure
    answers: dict[int, dict[float, bool]] = defaultdict(dict)
    for name, strength, right in rows:
        answers[name][strength] = right
    zero = any(0.0 in one for one in answers.values())
    followed = [one for one in answers.values() if max(one) > 0 and (one.get(0.0, False) if zero else True)]
    ends = [next(((s, 1) for s in sorted(one) if not one[s]), (max(one), 0)) for one in followed]
    if not followed:
        assert found is None
        return
    assert found is not None
    assert found.wrong_at_zero == sum(not one.get(0.0, True) for one in answers.values())
    assert (found.followed, found.failed) == (len(followed), sum(failed for _, failed in ends))
    assert found.num_series == found.wrong_at_zero + found.not_followed + found.followed
    times, failed = np.array(ends).T
    if not failed.any():
        assert [step.survival for step in found.steps] == [1.0] * len(found.steps)
        return
    theirs = SurvfuncRight(times, failed)
    ours = {step.strength: step.survival for step in found.steps}
    assert [ours[time] for time in theirs.surv_times] == pytest.approx(theirs.surv_prob.tolist())


def test_a_share_of_images_that_all_turn_is_bounded() -> None:
    """An interval of one strength alone, from fifty series of which each fails there."""
    found = measure({f"{chr(97 + number % 5)}{number}": "++-" for number in range(50)})
    assert found is not None
    assert (found.median, found.low, found.high) == (1.0, 1.0, 1.0)
    assert found.steps[-1].high < 0.1
