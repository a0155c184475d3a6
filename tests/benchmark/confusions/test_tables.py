"""Classes and confusions, against scikit-learn and statsmodels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix
from statsmodels.stats.proportion import confint_proportions_2indep

from factories import make_predictions
from imagenet_g.benchmark.confusions.answers import AnsweredPair, FirstAnswers, count_confusions, make_answers
from imagenet_g.benchmark.confusions.shares import Share, compare_shares
from imagenet_g.benchmark.confusions.tables import tabulate_classes, tabulate_confusions


def make_pair(shifted: FirstAnswers, clean: FirstAnswers | None) -> AnsweredPair:
    """A pair of one split and its clean set."""
    return AnsweredPair(
        model="timm:x",
        split="v9/sd-l",
        shifted=shifted,
        reference=None if clean is None else "imagenet-val",
        clean=clean,
        outputs="all",
    )


def answer(predicted: list[int], labels: list[int]) -> FirstAnswers:
    """Answers with the given best classes."""
    return make_answers(make_predictions(predicted, labels), "all")


SHIFTED = answer([2, 2, 1, 5, 5, -1], [1, 1, 1, 5, 5, 5])
CLEAN = answer([1, 1, 2, 1, 5, 7], [1, 1, 1, 1, 5, 7])


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=60),
)
def test_confusions_are_those_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    """Off the diagonal of its matrix."""
    labels, predicted = [label for label, _ in pairs], [best for _, best in pairs]
    matrix = confusion_matrix(labels, predicted, labels=range(7))
    expected = {(a, b): n for (a, b), n in np.ndenumerate(matrix) if n and a != b}
    assert count_confusions(answer(predicted, labels), 7) == expected


def test_the_class_of_the_greatest_loss_comes_first() -> None:
    """Class 1 falls from 3 of 4 to 1 of 3, class 5 from 1 of 1 to 2 of 3."""
    rows = tabulate_classes(make_pair(SHIFTED, CLEAN))
    assert [(row.index, row.split, row.reference) for row in rows] == [
        (1, Share(1, 3), Share(3, 4)),
        (5, Share(2, 3), Share(1, 1)),
    ]
    assert rows[0].mistaken_for == (2, 2)


def test_an_image_without_a_prediction_is_wrong_and_confused_with_nothing() -> None:
    """So class 5 has three images and no wrong answer."""
    row = next(row for row in tabulate_classes(make_pair(SHIFTED, CLEAN)) if row.index == 5)
    assert (row.split.total, row.mistaken_for) == (3, None)


def test_a_class_without_clean_images_is_not_compared() -> None:
    """Its own accuracy stands alone."""
    rows = tabulate_classes(make_pair(answer([3], [3]), CLEAN))
    assert [(row.index, row.reference, row.change, row.p_fdr) for row in rows] == [(3, None, None, None)]


def test_without_a_clean_set_the_least_accurate_class_comes_first() -> None:
    """And no row has a difference."""
    rows = tabulate_classes(make_pair(SHIFTED, None))
    assert [row.index for row in rows] == [1, 5]
    assert all(row.change is None for row in rows)


def test_an_added_confusion_is_counted_beyond_the_clean_share() -> None:
    """Two of three images of class 1 are called 2; one of four on the clean set: 2 - 3/4 images more."""
    row = tabulate_confusions(make_pair(SHIFTED, CLEAN))[0]
    assert (row.index, row.answer, row.split, row.reference) == (1, 2, Share(2, 3), Share(1, 4))
    assert row.added == pytest.approx(1.25)


def test_a_confusion_of_the_clean_set_alone_is_compared_and_stands_last() -> None:
    """It counts among the comparisons, and the split adds no image to it."""
    rows = tabulate_confusions(make_pair(answer([1, 1], [1, 1]), CLEAN))
    assert [(row.answer, row.split.count, row.added) for row in rows] == [(2, 0, -0.5)]


def test_an_answer_that_another_label_allows_is_no_confusion() -> None:
    """An image may have several labels."""
    found = make_answers(make_predictions([2, 3], [[1, 2], [1, 2]]), "all")
    assert count_confusions(found, 1000) == {(1, 3): 1}


@given(
    st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
)
def test_the_interval_of_a_change_is_that_of_statsmodels(
    first: tuple[int, int], second: tuple[int, int]
) -> None:
    """Newcombe's, without a correction for continuity."""
    change = compare_shares(Share(*first), Share(*second))
    expected = confint_proportions_2indep(*first, *second, method="newcomb", correction=False)
    assert (change.low, change.high) == pytest.approx(expected, abs=1e-9)
    assert change.low - 1e-12 <= change.value <= change.high + 1e-12


def test_false_discoveries_over_equal_classes_are_rare() -> None:
    """On 40 boards of 200 classes that are equally hard on both sets, nearly none has a finding."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(200), 20)
    found = 0
    for _ in range(40):
        sides = [
            replace(answer([0], [0]), classes=labels, correct=rng.random(len(labels)) < 0.7) for _ in "ab"
        ]
        rows = tabulate_classes(
            make_pair(*(replace(side, answered=np.where(side.correct, labels, 999)) for side in sides))
        )
        found += any(row.p_fdr is not None and row.p_fdr < 0.05 for row in rows)
    assert found <= 5
