"""Probes on scikit-learn's digits against scikit-learn's own pipeline, and their parts in closed form."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from threadpoolctl import threadpool_limits

from imagenet_g.baselines.probing.dividing import draw_validation
from imagenet_g.baselines.probing.fitting import (
    RANGES,
    Features,
    Labels,
    Scaling,
    fit_lbfgs,
    fit_probe,
    fit_sgd,
    scale_features,
)
from imagenet_g.baselines.probing.records import ProbeEstimate
from imagenet_g.baselines.probing.scoring import (
    average_sets,
    compute_class_mean,
    compute_log_odds,
    estimate_accuracy,
)
from imagenet_g.baselines.probing.searching import choose_best, load_trials, search
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.intervals import compute_wilson_interval


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Small products are slower by several threads, and far slower where other processes use the cores."""
    with threadpool_limits(limits=1):
        yield


@pytest.fixture(scope="module")
def digits() -> tuple[Features, Labels, Features, Labels]:
    """Pixels and classes of both halves; the fixed division of the shipped set."""
    found: Any = load_digits()
    data, labels = found.data, found.target.astype(np.int64)
    return data[:898], labels[:898], data[898:], labels[898:]


@pytest.mark.parametrize(
    ("scaling", "steps"), [("none", []), ("standard", [StandardScaler()]), ("l2", [Normalizer()])]
)
def test_answers_on_digits_are_those_of_scikit_learn_s_own_pipeline(
    digits: tuple[Features, Labels, Features, Labels], scaling: Scaling, steps: list[Any]
) -> None:
    """With the same C, each way of scaling."""
    learnt, labels, asked, expected = digits
    C = 0.001  # noqa: N806
    pipeline = make_pipeline(*steps, LogisticRegression(C=C, max_iter=2000))
    peer = pipeline.fit(learnt, labels)
    scaled = scale_features(learnt, asked, scaling)
    found = fit_lbfgs(scaled[0], labels, scaled[1], C=C)
    assert found.converged
    assert np.mean(found.answers == expected) == peer.score(asked, expected)
    assert found.answers.tolist() == peer.predict(asked).tolist()


def test_a_fit_that_stops_at_its_limit_says_so(
    digits: tuple[Features, Labels, Features, Labels], monkeypatch: pytest.MonkeyPatch
) -> None:
    """scikit-learn warns; the record holds it."""
    monkeypatch.setattr("imagenet_g.baselines.probing.fitting.MAX_ITERATIONS", 2)
    found = fit_lbfgs(digits[0], digits[1], digits[2], C=1.0)
    assert (found.converged, found.iterations) == (False, 2)


def test_sgd_learns_two_clusters_and_repeats_itself() -> None:
    """By its seed alone: the state of the process has no part in it."""
    rng = np.random.default_rng(0)
    labels = np.arange(60, dtype=np.int64) % 2
    learnt = rng.normal(size=(60, 3)) + 6 * labels[:, None]
    first = fit_sgd(learnt, labels, learnt, learning_rate=0.5, weight_decay=1e-6, seed=3)
    rng.normal(size=5)
    second = fit_probe("sgd", learnt, labels, learnt, {"learning_rate": 0.5, "weight_decay": 1e-6}, seed=3)
    assert np.mean(first.answers == labels) == 1.0
    assert first.answers.tolist() == second.answers.tolist()


def test_sgd_that_diverges_says_so() -> None:
    """And stops."""
    learnt = np.array([[1e30], [-1e30]])
    labels = np.array([0, 1], dtype=np.int64)
    found = fit_sgd(learnt, labels, learnt, learning_rate=100.0, weight_decay=1e-4, seed=0)
    assert not found.converged
    assert found.iterations < 100


def test_the_search_finds_the_top_of_a_hill_within_the_printed_range() -> None:
    """30 trials on a log scale, the accuracy falling with the distance from C = 10."""
    trials = search("lbfgs", lambda v: (1 / (1 + abs(math.log10(v["C"]) - 1)), True), num_trials=30, seed=0)
    low, high = RANGES["lbfgs"]["C"]
    assert all(low <= trial.values["C"] <= high for trial in trials)
    assert 3 < choose_best(trials).values["C"] < 30


def test_both_hyper_parameters_of_sgd_are_searched_for_together() -> None:
    """Within the printed ranges, and always alike."""

    def judge(values: dict[str, float]) -> tuple[float, bool]:
        return 1 / (1 + abs(math.log10(values["learning_rate"]))), True

    trials = search("sgd", judge, num_trials=14, seed=2)
    for name, (low, high) in RANGES["sgd"].items():
        assert all(low <= trial.values[name] <= high for trial in trials)
    assert search("sgd", judge, num_trials=14, seed=2) == trials


def test_a_stopped_search_goes_on_and_ends_as_one_that_was_not(tmp_path: Path) -> None:
    """Trials that were kept are not judged again, and a damaged file only costs time."""
    asked: list[float] = []

    def judge(values: dict[str, float]) -> tuple[float, bool]:
        asked.append(values["C"])
        return 1 / (1 + abs(math.log10(values["C"]))), True

    whole = search("lbfgs", judge, num_trials=14, seed=5)
    kept = tmp_path / "trials.jsonl"
    search("lbfgs", judge, num_trials=12, seed=5, kept=kept)
    asked.clear()
    resumed = search("lbfgs", judge, num_trials=14, seed=5, kept=kept)
    assert resumed == whole == load_trials(kept)
    assert len(asked) == 2
    kept.write_text("{damaged")
    assert search("lbfgs", judge, num_trials=14, seed=5, kept=kept) == whole


def test_a_printed_number_of_validation_images_is_drawn_in_proportion() -> None:
    """7 of 35: a fifth of each class, exactly that many, never the last image of a class."""
    labels = np.repeat(np.arange(4), [20, 10, 4, 1])
    rows = np.arange(35, dtype=np.intp)
    drawn = draw_validation(labels, rows, count=7, seed=0)
    assert np.bincount(labels[drawn], minlength=4).tolist() == [4, 2, 1, 0]
    assert drawn.tolist() == draw_validation(labels, rows, count=7, seed=0).tolist()
    assert drawn.tolist() != draw_validation(labels, rows, count=7, seed=1).tolist()


def test_as_shipped_a_fifth_of_each_class_is_drawn_and_at_least_one() -> None:
    """Rounded down; of a class with one image, none."""
    labels = np.repeat(np.arange(4), [19, 10, 2, 1])
    drawn = draw_validation(labels, np.arange(32, dtype=np.intp), count=None, seed=0)
    assert np.bincount(labels[drawn], minlength=4).tolist() == [3, 2, 1, 0]


def test_large_classes_give_what_small_ones_cannot() -> None:
    """12 of 15 images: both classes of two give one each."""
    labels = np.repeat(np.arange(3), [2, 2, 11])
    drawn = draw_validation(labels, np.arange(15, dtype=np.intp), count=12, seed=0)
    assert np.bincount(labels[drawn], minlength=3).tolist() == [1, 1, 10]


def test_more_validation_images_than_there_can_be_are_refused() -> None:
    """Each class keeps one to learn from."""
    with pytest.raises(InputError, match="at most 2"):
        draw_validation(np.array([0, 0, 1, 1]), np.arange(4, dtype=np.intp), count=3, seed=0)


def test_one_seed_has_wilson_s_interval() -> None:
    """Over images."""
    right = np.array([[True] * 30 + [False] * 10])
    found = estimate_accuracy(right)
    assert (found.low, found.high) == compute_wilson_interval(30, 40)


def test_several_seeds_add_their_variance_to_that_of_the_images() -> None:
    """By the two variances in plain loops."""
    right = np.random.default_rng(0).random((4, 50)) < np.array([[0.6], [0.7], [0.5], [0.9]])
    found = estimate_accuracy(right)
    shares = [sum(column) / 4 for column in right.T.tolist()]
    seeds = [sum(row) / 50 for row in right.tolist()]
    mean = sum(seeds) / 4
    by_image = sum((one - mean) ** 2 for one in shares) / 49 / 50
    by_seed = sum((one - mean) ** 2 for one in seeds) / 3 / 4
    half = (found.high - found.low) / 2
    assert found.value == pytest.approx(mean)
    # Student's t lies above the normal quantile.
    assert 1.96 * math.sqrt(by_image + by_seed) < half < 3.2 * math.sqrt(by_image + by_seed)
    alone = estimate_accuracy(np.repeat(right[:1], 2, axis=0))
    assert alone.high - alone.low < 2 * half


def test_the_mean_per_class_is_balanced_accuracy() -> None:
    """Of scikit-learn, averaged over seeds."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 4, 80)
    answers = rng.integers(0, 4, (3, 80))
    expected = np.mean([balanced_accuracy_score(labels, row) for row in answers])
    assert compute_class_mean(labels, answers == labels) == pytest.approx(expected)


def test_means_over_sets_are_plain_and_in_log_odds() -> None:
    """0.5 and 0.9: plain 0.7; in log odds log(9) / 2, which is 0.75."""
    rows = [
        (name, ProbeEstimate(value=value, low=value - 0.02, high=value + 0.02, method="wilson"), 1000)
        for name, value in (("a", 0.5), ("b", 0.9))
    ]
    found = average_sets(rows)
    assert found.mean == pytest.approx(0.7)
    assert found.mean_log_odds == pytest.approx(math.log(9) / 2)
    assert found.accuracy_at_mean_log_odds == pytest.approx(0.75)
    assert found.mean_high - found.mean == pytest.approx(0.02 * math.sqrt(2) / 2)
    half = math.hypot(0.02 / 0.25, 0.02 / 0.09) / 2
    assert found.log_odds_high - found.mean_log_odds == pytest.approx(half)


@pytest.mark.parametrize(("accuracy", "sign"), [(0.0, -1), (1.0, 1)])
def test_all_right_and_all_wrong_have_finite_log_odds(accuracy: float, sign: int) -> None:
    """Moved by half an image."""
    assert compute_log_odds(accuracy, 50) == pytest.approx(sign * math.log(99))
