"""The gap of an average class."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from imagenet_g.benchmark.statistics.balanced import compute_balanced_gap
from imagenet_g.benchmark.statistics.observations import Observation


def observe(right: list[float], total: list[float]) -> Observation:
    """An accuracy with its classes."""
    k, n = np.array(right), np.array(total)
    return Observation(top1=float(k.sum() / n.sum()), n=int(n.sum()), right=k, total=n)


def test_each_class_counts_alike() -> None:
    """Of the pooled gap the large class takes nearly all; of this one, half."""
    one, other = observe([90, 1], [100, 2]), observe([100, 100], [100, 100])
    found = compute_balanced_gap(one, other)
    assert found is not None
    assert found.value == pytest.approx((-0.1 - 0.5) / 2)
    assert one.top1 - other.top1 == pytest.approx(-0.108, abs=1e-3)


def test_a_class_that_one_set_lacks_counts_on_neither_side() -> None:
    """A filter may keep no image of it."""
    found = compute_balanced_gap(observe([5, 0, 2], [10, 0, 10]), observe([8, 9, 0], [10, 10, 0]))
    assert found is not None
    assert found.value == pytest.approx(-0.3)
    assert (found.num_classes, found.bounds) == (1, None)


def test_sets_that_share_no_class_and_published_accuracies_have_none() -> None:
    """There is nothing to take a mean over."""
    assert compute_balanced_gap(observe([5, 0], [10, 0]), observe([0, 5], [0, 10])) is None
    assert compute_balanced_gap(observe([5, 3], [10, 10]), Observation(top1=0.8, n=50_000)) is None


def test_with_many_images_the_interval_is_students_over_the_differences_of_classes() -> None:
    """As a paired t-test by scipy."""
    rng = np.random.default_rng(7)
    total = [4000.0] * 40
    easy = rng.uniform(0.6, 0.9, 40)
    hard = easy - rng.uniform(0.1, 0.4, 40)
    one, other = (observe((rates * 4000).round().tolist(), total) for rates in (hard, easy))
    found = compute_balanced_gap(one, other)
    assert found is not None
    assert found.bounds is not None
    assert one.right is not None
    assert other.right is not None
    differences = one.right / 4000 - other.right / 4000
    expected = stats.ttest_1samp(differences, 0).confidence_interval()
    assert found.bounds == pytest.approx((expected.low, expected.high), abs=0.004)


def test_the_interval_covers_where_a_filter_keeps_few_images_of_hard_classes() -> None:
    """60 classes of 1 to 10 images, 400 drawn pairs: 95 % give or take three standard errors."""
    rng = np.random.default_rng(11)
    held, count = 0, 400
    for _ in range(count):
        logits = rng.normal(0.5, 1.0, 60)
        hard, easy = (1 / (1 + np.exp(-logits - shift)) for shift in (0.0, 1.5))
        kept = 1 + rng.binomial(9, hard)
        # The classes are drawn anew each time, so that the truth is the mean over all such classes.
        one = observe(rng.binomial(kept, hard).astype(float).tolist(), kept.astype(float).tolist())
        other = observe(rng.binomial(10, easy).astype(float).tolist(), [10.0] * 60)
        found = compute_balanced_gap(one, other)
        assert found is not None
        assert found.bounds is not None
        held += found.bounds[0] <= TRUTH <= found.bounds[1]
    assert held / count >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / count)


def _expect(shift: float) -> float:
    """Mean accuracy over classes whose logits are normal with mean 0.5 and standard deviation 1."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    return float(weights @ (1 / (1 + np.exp(-nodes - 0.5 - shift)))) / math.sqrt(2 * math.pi)


TRUTH = _expect(0.0) - _expect(1.5)
