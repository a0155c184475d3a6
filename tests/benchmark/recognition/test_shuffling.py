"""The level under shuffled labels against all permutations, one by one."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.recognition.shuffling import find_named_classes, shuffle_labels


def share_by_loops(answers: list[np.ndarray], labels: np.ndarray, k: int) -> float:
    """The share of images with a label among the first `k` answers of a judge."""
    hits = 0
    for row, own in enumerate(labels):
        wanted = {int(label) for label in own if label >= 0}
        hits += any(int(one) in wanted for judge in answers for one in judge[row, :k])
    return hits / len(labels)


@pytest.mark.parametrize("k", [1, 2])
def test_the_expectation_is_the_mean_over_all_permutations(k: int) -> None:
    """Six images, two judges, unequal labels, one image with two."""
    labels = np.array([[3, -1], [3, -1], [7, 3], [7, -1], [5, -1], [9, -1]])
    answers = [
        np.array([[3, 7], [3, 1], [5, 7], [9, 5], [-1, -1], [3, 9]]),
        np.array([[1, 2], [7, 3], [3, 5], [3, 1], [5, 9], [7, 5]]),
    ]
    every = [share_by_loops(answers, labels[list(order)], k) for order in permutations(range(6))]
    found = shuffle_labels(answers, labels, k=k, num_permutations=4000, seed=1)
    assert found.value == pytest.approx(float(np.mean(every)))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(every, [0.025, 0.975])), abs=1e-9)


def test_answers_without_regard_to_the_image_lie_inside_the_level() -> None:
    """Judges who answer at random reach no more than the level."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 20, (400, 1))
    answers = [np.argsort(rng.random((400, 20)), axis=1)[:, :5] for _ in range(2)]
    found = shuffle_labels(answers, labels, k=5)
    assert found.low <= share_by_loops(answers, labels, 5) <= found.high
    assert found.value == pytest.approx(1 - (15 / 20) ** 2, abs=0.02)


def test_the_level_repeats_by_its_seed() -> None:
    """And is another by another."""
    rng = np.random.default_rng(3)
    answers, labels = [rng.integers(0, 30, (50, 5))], rng.integers(0, 30, (50, 1))
    first, again, other = (shuffle_labels(answers, labels, k=5, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert (first.low, first.high) != (other.low, other.high) or first.value == other.value


def test_no_answer_names_no_class() -> None:
    """-1 must not stand for the last class."""
    assert not find_named_classes([np.full((2, 5), -1)], k=5).any()


@pytest.mark.parametrize("k", [0, 6])
def test_a_k_beyond_the_stored_answers_is_refused(k: int) -> None:
    """Rather than cut."""
    with pytest.raises(InputError, match=r"1\.\.5"):
        find_named_classes([np.zeros((1, 5), dtype=int)], k=k)
