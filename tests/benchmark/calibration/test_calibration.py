"""Calibration and selective prediction against the package of Kumar et al. (2019) and plain loops."""

from __future__ import annotations

import calibration as verified
import numpy as np
import pytest

from imagenet_g.benchmark.calibration.bins import (
    compute_debiased_ece,
    compute_ece,
    compute_excess,
    compute_largest_excess,
    sum_bins,
)
from imagenet_g.benchmark.calibration.selective import (
    compute_accuracy_at,
    compute_aurc,
    leave_out_of_accuracy,
    leave_out_of_aurc,
    sort_by_confidence,
)
from imagenet_g.benchmark.statistics.accuracy import BoolArray, FloatArray

N = 400


def draw(seed: int = 0, shift: float = -0.1) -> tuple[FloatArray, BoolArray]:
    """Confidences and right answers of a model that is too sure of itself by 0.1, every bin filled."""
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.0, 1.0, N)
    return confidence, rng.random(N) < np.clip(confidence + shift, 0, 1)


def sum_all(confidence: FloatArray, correct: BoolArray) -> FloatArray:
    """All images as one unit."""
    return sum_bins(confidence, correct, np.zeros(len(correct), dtype=np.intp), 1)


def test_the_plain_error_is_that_of_the_package() -> None:
    """15 bins of equal width."""
    confidence, correct = draw()
    expected = verified.get_ece(confidence, correct.astype(int), num_bins=15)
    assert compute_ece(sum_all(confidence, correct))[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("shift", [0.0, -0.1, -0.3])
def test_the_debiased_error_is_that_of_the_package(shift: float) -> None:
    """Which draws 1000 times what has a closed form here."""
    confidence, correct = draw(shift=shift)
    np.random.seed(0)
    expected = verified.get_ece(confidence, correct.astype(int), debias=True, num_bins=15)
    assert compute_debiased_ece(sum_all(confidence, correct))[0] == pytest.approx(expected, abs=2e-3)


def test_the_area_is_the_rest_of_the_package_s_area_under_accuracies() -> None:
    """Its mean of accuracies and our mean of errors add up to 1."""
    confidence, correct = draw()
    area, _ = verified.get_selective_stats(confidence, correct)
    assert compute_aurc(*sort_by_confidence(confidence, correct)) == pytest.approx(1 - area, abs=1e-12)


def test_accuracy_at_coverage_is_that_of_the_most_confident_images() -> None:
    """320 of 400."""
    confidence, correct = draw()
    kept = sorted(zip(confidence, correct, strict=True), reverse=True)[:320]
    expected = np.mean([right for _, right in kept])
    ordered = sort_by_confidence(confidence, correct)
    assert compute_accuracy_at(*ordered, coverage=0.8) == pytest.approx(expected)


def test_equal_confidences_have_no_order() -> None:
    """Each number is its mean over all orders: a file's order decides nothing."""
    confidence, correct = np.array([0.9, 0.5, 0.5, 0.5]), np.array([True, False, True, True])
    orders = [[True, *rest] for rest in ((False, True, True), (True, False, True), (True, True, False))]
    areas = [compute_aurc(np.array([4.0, 3.0, 2.0, 1.0]), 1.0 - np.array(order)) for order in orders]
    assert compute_aurc(*sort_by_confidence(confidence, correct)) == pytest.approx(np.mean(areas))
    backwards = sort_by_confidence(confidence[::-1], correct[::-1])
    assert compute_accuracy_at(*backwards, coverage=0.5) == pytest.approx((1 + 2 / 3) / 2)


@pytest.mark.parametrize("num_units", [3, 40])
def test_what_is_left_without_a_unit_is_computed_as_if_it_were_not_there(num_units: int) -> None:
    """By look-ups, for every unit."""
    confidence, correct = draw()
    confidence, wrong = sort_by_confidence(confidence, correct)
    units = np.random.default_rng(1).integers(0, num_units, N)
    areas = leave_out_of_aurc(confidence, wrong, units, num_units)
    accuracies = leave_out_of_accuracy(confidence, wrong, units, num_units, coverage=0.8)
    for unit in range(num_units):
        rows = units != unit
        assert areas[unit] == pytest.approx(compute_aurc(confidence[rows], wrong[rows]))
        expected = compute_accuracy_at(confidence[rows], wrong[rows], coverage=0.8)
        assert accuracies[unit] == pytest.approx(expected)


def test_leaving_out_images_of_equal_confidence_leaves_the_others_as_they_are() -> None:
    """A model that is certain of most answers; by a plain loop. Half of the classes are easy."""
    confidence, correct = draw()
    units = np.arange(N) % 8
    confidence = np.where(confidence > 0.4, 1.0, confidence)
    order = np.argsort(-confidence, kind="stable")
    sure, wrong = sort_by_confidence(confidence, np.where(units % 2 == 0, correct, False))
    units = units[order]
    areas = leave_out_of_aurc(sure, wrong, units, 8)
    accuracies = leave_out_of_accuracy(sure, wrong, units, 8, coverage=0.8)
    for unit in range(8):
        rest = units != unit
        assert areas[unit] == pytest.approx(compute_aurc(sure[rest], wrong[rest]))
        assert accuracies[unit] == pytest.approx(compute_accuracy_at(sure[rest], wrong[rest], coverage=0.8))
    assert np.ptp(areas) > 0.01


def test_large_units_are_left_out_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the table would be large; the areas are the same."""
    confidence, wrong = sort_by_confidence(*draw())
    units = np.arange(N) % 4
    by_table = leave_out_of_aurc(confidence, wrong, units, 4)
    monkeypatch.setattr("imagenet_g.benchmark.calibration.selective.MAX_TABLE", 0)
    assert leave_out_of_aurc(confidence, wrong, units, 4) == pytest.approx(by_table)


def test_without_its_only_unit_nothing_is_left() -> None:
    """NaN, and no division by 0."""
    confidence, wrong = sort_by_confidence(*draw())
    only = np.zeros(N, dtype=np.intp)
    assert np.isnan(leave_out_of_aurc(confidence, wrong, only, 1)).all()
    assert np.isnan(leave_out_of_accuracy(confidence, wrong, only, 1, coverage=0.8)).all()


def test_the_excess_is_that_of_the_folded_normal_distribution() -> None:
    """Against a draw of a million."""
    drawn = np.abs(np.random.default_rng(0).normal(0.7, 1.3, 1_000_000)).mean()
    assert compute_excess(np.array(0.7), np.array(1.3)) == pytest.approx(drawn - 0.7, abs=3e-3)


def test_the_largest_excess_is_no_less_than_the_expected_one() -> None:
    """It bounds what chance may have added to the error of a calibrated model."""
    confidence, correct = draw(shift=0.0)
    sums = sum_bins(confidence, correct, np.arange(N) % 20, 20)
    plain = float(compute_ece(sums.sum(axis=0)))
    assert plain - compute_largest_excess(sums) <= float(compute_debiased_ece(sums.sum(axis=0)))
