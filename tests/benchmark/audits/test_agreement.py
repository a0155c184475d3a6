"""Krippendorff's alpha against the package `krippendorff` and the examples of its documentation."""

from __future__ import annotations

import krippendorff
import numpy as np
import numpy.typing as npt
import pytest

from imagenet_g.benchmark.audits.agreement import Level, compute_alpha, compute_raw_agreement

NAN = np.nan
# Examples of the package's documentation: raters by images, NaN where a rater gave no answer.
FIRST = [
    [NAN, NAN, NAN, NAN, NAN, 3, 4, 1, 2, 1, 1, 3, 3, NAN, 3],
    [1, NAN, 2, 1, 3, 3, 4, 3, NAN, NAN, NAN, NAN, NAN, NAN, NAN],
    [NAN, NAN, 2, 1, 3, 4, 4, NAN, 2, 1, 1, 3, 3, NAN, 4],
]
SECOND = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
    [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
]


def count(answers: list[list[float]], num_values: int) -> npt.NDArray[np.int64]:
    """Images by values from 1."""
    table = np.array(answers)
    return np.stack([(table == value).sum(axis=0) for value in range(1, num_values + 1)], axis=1)


@pytest.mark.parametrize(
    ("answers", "num_values", "level", "printed"),
    [
        (FIRST, 4, "nominal", 0.691358),
        (SECOND, 5, "ordinal", 0.815),
        (SECOND, 5, "nominal", 0.743),
    ],
)
def test_alpha_is_as_the_documentation_prints_it(
    answers: list[list[float]], num_values: int, level: Level, printed: float
) -> None:
    """Of the package, and of the paper that it cites."""
    assert compute_alpha(count(answers, num_values), level=level) == pytest.approx(printed, abs=5e-4)


@pytest.mark.parametrize("level", ["nominal", "ordinal"])
@pytest.mark.parametrize("seed", range(20))
def test_alpha_is_that_of_the_package_on_random_answers(level: Level, seed: int) -> None:
    """With missing answers, values that nobody gave, and images that nobody rated."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(0.5 * rng.random(5) + 0.2, size=(40, 5))
    expected = krippendorff.alpha(value_counts=counts, level_of_measurement=level)
    assert compute_alpha(counts, level=level) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("level", ["nominal", "ordinal"])
def test_alpha_is_unknown_where_all_answers_are_the_same(level: Level) -> None:
    """0/0, where the raw agreement is 1."""
    counts = np.array([[3, 0, 0], [2, 0, 0], [0, 1, 0]])
    assert compute_alpha(counts, level=level) is None
    assert compute_raw_agreement(counts) == 1.0


def test_nothing_is_known_of_agreement_where_no_image_has_two_answers() -> None:
    """One rater."""
    counts = np.eye(3, dtype=np.int64)
    assert compute_alpha(counts, level="nominal") is None
    assert compute_raw_agreement(counts) is None


def test_raw_agreement_is_the_share_of_equal_pairs() -> None:
    """Counted pair by pair."""
    from itertools import combinations

    rng = np.random.default_rng(0)
    answers = rng.integers(0, 3, size=(30, 4))
    counts = np.stack([(answers == value).sum(axis=1) for value in range(3)], axis=1)
    shares = [np.mean([a == b for a, b in combinations(row, 2)]) for row in answers]
    assert compute_raw_agreement(counts) == pytest.approx(np.mean(shares))
