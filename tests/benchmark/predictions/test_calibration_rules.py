"""The metrics of confidence on scored images: values, intervals, and what is not stored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from imagenet_g.benchmark.answers.top_five import OutputSums, TopFive
from imagenet_g.benchmark.predictions.interval_rules import CLASS_JACKKNIFE
from imagenet_g.benchmark.predictions.metric import Metric, estimate_metric
from imagenet_g.benchmark.predictions.metrics import load_metrics
from imagenet_g.benchmark.predictions.scored_images import ScoredImages
from imagenet_g.benchmark.records import MetricEstimate
from imagenet_g.benchmark.statistics.accuracy import FloatArray

NEW = ("ece", "ece_debiased", "brier", "nll", "aurc", "accuracy_at_80")


def draw_probabilities(seed: int, classes: int, each: int) -> tuple[FloatArray, FloatArray]:
    """`(N, 5)` probabilities, and `(N,)` which of the five is right: calibrated."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet([4.0, 1.0, 1.0, 1.0, 1.0], classes * each)
    probabilities = -np.sort(-probabilities, axis=1)
    place = (rng.random(len(probabilities))[:, None] > probabilities.cumsum(axis=1)).sum(axis=1)
    return probabilities, np.minimum(place, 4)


def make_images(seed: int = 0, classes: int = 12, each: int = 15) -> ScoredImages:
    """Images of some classes, answered by a calibrated model with five outputs."""
    probabilities, place = draw_probabilities(seed, classes, each)
    labels = np.repeat(np.arange(classes), each)
    # The right class stands in its place; the others are classes that no image has.
    indices = np.tile(np.arange(900, 905), (len(labels), 1))
    indices[np.arange(len(labels)), place] = labels
    right = probabilities[np.arange(len(labels)), place]
    sums = OutputSums(np.log(right).astype(np.float32), (probabilities**2).sum(axis=1).astype(np.float32))
    top5 = TopFive(indices.astype(np.int16), probabilities.astype(np.float32), sums)
    return ScoredImages(labels[:, None].astype(np.int16), top5, 1000)


def estimate(name: str, images: ScoredImages) -> MetricEstimate:
    """A metric that is there."""
    found = estimate_metric(load_metrics()[name], images)
    assert found is not None
    return found


def test_brier_and_nll_are_those_of_scikit_learn() -> None:
    """On five outputs, of which the right one is known."""
    images = make_images()
    probabilities, place = draw_probabilities(0, 12, 15)
    assert estimate("nll", images).value == pytest.approx(log_loss(place, probabilities, labels=range(5)))
    expected = brier_score_loss(place, probabilities, labels=range(5), scale_by_half=False)
    assert estimate("brier", images).value == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", ["brier", "nll", "aurc", "accuracy_at_80"])
def test_a_fast_interval_is_that_of_the_general_rule(name: str) -> None:
    """One class left out at a time, and one group within the classes."""
    images, metric = make_images(), load_metrics()[name]
    found = estimate(name, images)
    bounds = CLASS_JACKKNIFE.compute(images, found.value, metric.function)
    assert bounds is not None
    assert found.method == CLASS_JACKKNIFE.name
    assert (found.low, found.high) == pytest.approx((max(bounds[0], 0.0), bounds[1]))


def test_intervals_of_the_calibration_error_hold_the_truth_of_a_calibrated_model() -> None:
    """Whose plain error is never 0: 40 models, of which an interval around it would miss every one."""
    for seed in range(40):
        images = make_images(seed, classes=20, each=10)
        plain, debiased = estimate("ece", images), estimate("ece_debiased", images)
        assert plain.low == debiased.low == 0.0
        assert 0 < plain.value < 0.2
        assert debiased.value < plain.value


@pytest.mark.parametrize("seed", range(5))
def test_a_model_that_is_too_sure_is_told_from_a_calibrated_one(seed: int) -> None:
    """The excess that chance may have added does not swallow a true error."""
    images = make_images(seed, classes=20, each=40)
    sure = images.top5.probabilities.copy()
    sure[:, 0] = np.sqrt(sure[:, 0])
    images = replace(images, top5=replace(images.top5, probabilities=sure))
    low = estimate("ece", images).low
    assert low is not None
    assert low > 0.03


def test_an_image_without_an_answer_is_wrong_and_last_or_left_out() -> None:
    """It has no confidence that could be wrong."""
    images = make_images()
    rows = np.arange(len(images)) % 10 == 0
    top5 = images.top5
    assert top5.sums is not None
    log_label = np.where(rows, np.nan, top5.sums.log_label).astype(np.float32)
    squares = np.where(rows, np.nan, top5.sums.squares).astype(np.float32)
    missing = TopFive(
        np.where(rows[:, None], -1, top5.indices).astype(np.int16),
        np.where(rows[:, None], 0, top5.probabilities).astype(np.float32),
        OutputSums(log_label, squares),
    )
    holed, kept = replace(images, top5=missing), images.take(np.flatnonzero(~rows))
    for name in ("ece", "ece_debiased", "brier", "nll"):
        assert estimate(name, holed).value == pytest.approx(estimate(name, kept).value)
    # The 80 % with the most confident answers are 144 of the 162 that have one.
    ordered = np.argsort(-kept.top5.probabilities[:, 0], kind="stable")[:144]
    right = kept.top5.indices[ordered, 0] == kept.labels[ordered, 0]
    assert estimate("accuracy_at_80", holed).value == pytest.approx(right.mean())
    assert estimate("aurc", holed).value > estimate("aurc", kept).value


def test_without_the_stored_sums_proper_scores_are_not_there() -> None:
    """Predictions of the first releases; the others follow from the best five."""
    images = make_images()
    old = replace(images, top5=replace(images.top5, sums=None))
    found = {name for name in NEW if estimate_metric(load_metrics()[name], old) is not None}
    assert found == {"ece", "ece_debiased", "aurc", "accuracy_at_80"}


def test_a_right_class_without_an_output_has_no_finite_nll() -> None:
    """A mean that is infinite is no number; the Brier score is one."""
    images = make_images()
    assert images.top5.sums is not None
    images.top5.sums.log_label[0] = -np.inf
    assert estimate_metric(load_metrics()["nll"], images) is None
    assert estimate("brier", images).value > 0


def test_one_class_gives_no_interval() -> None:
    """There is nothing that varies."""
    images = make_images(classes=1)
    for name in NEW:
        assert (estimate(name, images).low, estimate(name, images).method) == (None, "none")


def test_they_have_an_end_and_a_direction() -> None:
    """Errors are best at 0, accuracy at 1."""
    rows: list[Metric] = [load_metrics()[name] for name in NEW]
    assert [metric.higher_is_better for metric in rows] == [False] * 5 + [True]
    assert all(metric.low == 0 for metric in rows)
