"""Precision, recall, density and coverage against torch-fidelity, scikit-learn and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors
from torch_fidelity.metric_prc import prc_features_to_metric

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.quality import neighbours
from imagenet_g.benchmark.quality.neighbours import compute_reach, find_reached
from imagenet_g.benchmark.statistics.accuracy import FloatArray
from imagenet_g.benchmark.statistics.intervals import compute_wilson_interval


def draw(seed: int, count: int, size: int = 6) -> FloatArray:
    """Standard normal points."""
    return np.random.default_rng(seed).normal(size=(count, size))


@pytest.mark.parametrize("block_rows", [7, 1000])
def test_reach_is_scikit_learns_distance_to_the_kth_neighbour(
    block_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks change nothing."""
    monkeypatch.setattr(neighbours, "BLOCK_ROWS", block_rows)
    points = draw(0, 50)
    found = NearestNeighbors(n_neighbors=4).fit(points).kneighbors()[0][:, 3]
    np.testing.assert_allclose(compute_reach(points, k=4), found**2)


def test_precision_and_recall_are_torch_fidelitys() -> None:
    """With other numbers of images on the two sides."""
    split, reference = draw(1, 60) + 0.8, draw(2, 80)
    found = find_reached(split, reference, k=3)
    expected = prc_features_to_metric(
        torch.from_numpy(split), torch.from_numpy(reference), prc_neighborhood=3, verbose=False
    )
    assert found.precision.mean() == pytest.approx(expected["precision"])
    assert found.recall.mean() == pytest.approx(expected["recall"])
    assert 0.1 < expected["precision"] < 0.95
    assert 0.1 < expected["recall"] < 0.95


def test_density_and_coverage_are_those_of_a_plain_loop() -> None:
    """Naeem et al., equations 4 and 5."""
    split, reference, k = draw(3, 40) + 0.5, draw(4, 50), 5
    own = np.sort(cdist(reference, reference), axis=1)[:, k]
    inside = cdist(split, reference) <= own
    found = find_reached(split, reference, k=k)
    assert found.density.mean() == pytest.approx(inside.sum() / (k * 40))
    assert found.coverage.mean() == pytest.approx(inside.any(axis=0).mean())


def test_a_set_reaches_itself_whole() -> None:
    """Precision, recall and coverage are 1; each image lies within the reach of k others and of itself."""
    points = draw(5, 100)
    found = find_reached(points, np.random.default_rng(0).permutation(points), k=5)
    assert [found.precision.mean(), found.recall.mean(), found.coverage.mean()] == [1.0, 1.0, 1.0]
    assert found.density.mean() == pytest.approx(6 / 5)


def test_a_collapsed_set_is_precise_and_covers_nothing() -> None:
    """One picture again and again, within the reach of the reference; copies differ by rounding."""
    reference = draw(6, 200)
    noise = 1e-8 * draw(7, 200)
    found = find_reached(reference[:1] + noise, reference, k=5)
    assert found.precision.mean() == 1.0
    assert found.coverage.mean() < 0.2
    # A copy reaches no farther than to its copies.
    assert found.recall.sum() == 1


def test_sets_far_apart_share_nothing() -> None:
    """All four are 0."""
    found = find_reached(draw(8, 30) + 100, draw(9, 30))
    assert [value.max() for value in (found.precision, found.recall, found.density, found.coverage)] == [
        0
    ] * 4


def test_a_set_that_is_not_shifted_has_its_expected_coverage() -> None:
    """1 - (N - 1)(N - 2)...(N - k) / ((2N - 1)...(2N - k)) for equal N, whatever the distribution (Naeem)."""
    count, k, trials = 100, 5, 100
    steps = np.arange(1, k + 1)
    expected = 1 - np.prod((count - steps) / (2 * count - steps))
    found = [
        find_reached(draw(100 + seed, count), draw(500 + seed, count), k=k).coverage.mean()
        for seed in range(trials)
    ]
    assert np.mean(found) == pytest.approx(expected, abs=4 * np.std(found) / trials**0.5)


def test_interval_comes_from_the_classes() -> None:
    """The value is the mean of all images."""
    split, reference = draw(10, 60) + 0.5, draw(11, 60)
    found = find_reached(split, reference)
    shares = found.bound(np.repeat(np.arange(6), 10))
    assert shares.precision.value == pytest.approx(found.precision.mean())
    assert shares.density.low is not None
    assert shares.density.high is not None
    assert shares.density.low < found.density.mean() < shares.density.high


def test_a_share_of_all_images_is_not_certain() -> None:
    """All classes alike show no spread; the interval is Wilson's of as many images."""
    reference = draw(11, 60)
    recall = find_reached(reference, reference).bound(np.repeat(np.arange(6), 10)).recall
    assert (recall.value, recall.high) == (1.0, 1.0)
    assert recall.low == pytest.approx(compute_wilson_interval(60, 60)[0])


def test_too_few_or_too_many_images_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the numbers that are allowed."""
    with pytest.raises(InputError, match=r"5 images, where more than k = 5"):
        find_reached(draw(12, 5), draw(13, 9))
    monkeypatch.setattr(neighbours, "MAX_IMAGES", 8)
    with pytest.raises(InputError, match=r"9 images.*at most 8"):
        find_reached(draw(12, 6), draw(13, 9))
