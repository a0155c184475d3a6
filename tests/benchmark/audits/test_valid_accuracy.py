"""AG on valid images against direct sums, and where the truth is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from imagenet_g.benchmark.audits.records import Treatment
from imagenet_g.benchmark.audits.valid_accuracy import (
    RatedImages,
    join_answers,
    measure_rated,
    measure_valid_accuracy,
)
from imagenet_g.benchmark.audits.verdicts import Verdict
from imagenet_g.benchmark.classes import load_classes, load_index_by_wnid
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.observations import Observation

STRICT: Treatment = "cannot say counts as not valid"
LENIENT: Treatment = "cannot say is left out"
WNIDS = [info.wnid for info in load_classes()]


def make_verdicts(
    valid: Sequence[bool | None], classes: Sequence[int], weights: Sequence[float] | None = None
) -> tuple[Verdict, ...]:
    """Rated images; None for one on which every rater cannot say."""
    return tuple(
        Verdict(
            item=f"{number:012x}",
            image_id=f"image-{number}",
            wnid=WNIDS[index],
            role="generated",
            weight=1.0 if weights is None else weights[number],
            valid=one is True,
            valid_left_out=one,
            num_ratings=3,
        )
        for number, (one, index) in enumerate(zip(valid, classes, strict=True))
    )


def make_rated(verdicts: Sequence[Verdict], correct: Sequence[bool]) -> RatedImages:
    """With a model's answers."""
    right = {one.image_id: hit for one, hit in zip(verdicts, correct, strict=True)}
    return join_answers(verdicts, right, load_index_by_wnid())


def observe(right: Sequence[float], total: Sequence[float]) -> Observation:
    """Right answers and images of the first classes of a reference."""
    shape = (np.zeros(1000), np.zeros(1000))
    shape[0][: len(right)], shape[1][: len(total)] = right, total
    return Observation(top1=sum(right) / sum(total), n=int(sum(total)), right=shape[0], total=shape[1])


def test_the_accuracy_is_a_weighted_share_of_the_valid_images() -> None:
    """By a loop, with unequal weights."""
    rng = np.random.default_rng(0)
    valid, correct = (rng.random(80) < share for share in (0.6, 0.7))
    weights, classes = (rng.random(80) + 1).tolist(), (np.arange(80) % 8).tolist()
    verdicts = make_verdicts(valid.tolist(), classes, weights)
    found = measure_valid_accuracy(make_rated(verdicts, correct.tolist()), verdicts, STRICT, None)
    right = sum(weight for weight, one, hit in zip(weights, valid, correct, strict=True) if one and hit)
    assert found.accuracy is not None
    assert found.accuracy.value == pytest.approx(right / sum(np.array(weights)[valid]))
    assert found.share_valid == pytest.approx(sum(np.array(weights)[valid]) / sum(weights))


def test_it_is_not_the_accuracy_over_the_share_of_valid_images() -> None:
    """A model that names the class of images that do not show it has another accuracy on the valid ones."""
    verdicts = make_verdicts([True, True, False, False], [0, 0, 1, 1])
    rated = make_rated(verdicts, [True, False, True, False])
    whole, _ = measure_rated(rated, None)
    found = measure_valid_accuracy(rated, verdicts, STRICT, None)
    assert found.accuracy is not None
    assert found.not_valid is not None
    assert (found.accuracy.value, found.not_valid.value) == (0.5, 0.5)
    assert found.share_valid is not None
    assert whole.value / found.share_valid == 1.0


def test_cannot_say_counts_in_two_ways() -> None:
    """As not valid it is among the images that are not; left out it is among neither."""
    verdicts = make_verdicts([True, False, None], [0, 0, 0])
    rated = make_rated(verdicts, [True, False, True])
    strict = measure_valid_accuracy(rated, verdicts, STRICT, None)
    lenient = measure_valid_accuracy(rated, verdicts, LENIENT, None)
    assert (strict.num_verdicts, strict.num_valid) == (3, 1)
    assert strict.share_valid == pytest.approx(1 / 3)
    assert (lenient.num_verdicts, lenient.num_valid, lenient.share_valid) == (2, 1, 0.5)
    assert strict.not_valid is not None
    assert lenient.not_valid is not None
    assert (strict.not_valid.value, lenient.not_valid.value) == (0.5, 0.0)


def test_the_gap_is_taken_from_the_reference_and_from_its_own_class_mix() -> None:
    """Valid images of the hard class alone are compared with the hard class of the reference too."""
    verdicts = make_verdicts([True] * 4 + [False] * 4, [0] * 4 + [1] * 4)
    rated = make_rated(verdicts, [True, False] * 4)
    clean = observe([4, 9], [10, 10])
    found = measure_valid_accuracy(rated, verdicts, STRICT, clean)
    assert found.gap is not None
    assert found.gap_same_classes is not None
    assert found.gap.value == pytest.approx(0.5 - 0.65)
    assert found.gap_same_classes.value == pytest.approx(0.5 - 0.4)
    assert found.gap.low < found.gap.value < found.gap.high


def test_without_a_valid_image_there_is_no_accuracy() -> None:
    """And no gap of it."""
    verdicts = make_verdicts([False, None], [0, 1])
    found = measure_valid_accuracy(make_rated(verdicts, [True, True]), verdicts, STRICT, observe([1], [2]))
    assert (found.accuracy, found.gap, found.num_valid) == (None, None, 0)


def test_without_a_verdict_the_share_of_valid_images_is_unknown() -> None:
    """Raters who cannot say leave no share, and none of 0."""
    verdicts = make_verdicts([None, None], [0, 1])
    found = measure_valid_accuracy(make_rated(verdicts, [True, True]), verdicts, LENIENT, None)
    assert (found.num_verdicts, found.share_valid, found.accuracy) == (0, None, None)


def test_a_rated_image_that_was_not_run_is_refused() -> None:
    """Left out, it would change the sample."""
    verdicts = make_verdicts([True, True], [0, 1])
    with pytest.raises(InputError, match=r"1 rated images were not run.*image-1.*--limit"):
        join_answers(verdicts, {"image-0": True}, load_index_by_wnid())


def test_intervals_of_the_gap_cover_the_truth() -> None:
    """Of a split of 40 classes of 12, three rated each; the reference is drawn anew too. Nominal 95 %."""
    rng = np.random.default_rng(5)
    size, classes = (40, 12), np.repeat(np.arange(40), 3)
    valid = rng.random(size) < 0.6
    hard = rng.beta(3, 2, 40)
    right = rng.random(size) < np.where(valid, hard[:, None], 0.1)
    clean_truth = rng.beta(6, 2, 40)
    truth = right[valid].mean() - clean_truth.mean()
    rows, covered = np.arange(40)[:, None], 0
    for seed in range(150):
        chosen = np.argsort(rng.random(size), axis=1)[:, :3]
        verdicts = make_verdicts(valid[rows, chosen].ravel().tolist(), classes.tolist(), [4.0] * 120)
        rated = make_rated(verdicts, right[rows, chosen].ravel().tolist())
        clean = observe(rng.binomial(10, clean_truth).tolist(), [10] * 40)
        found = measure_valid_accuracy(rated, verdicts, STRICT, clean, num_resamples=150, seed=seed)
        assert found.gap is not None
        covered += found.gap.low <= truth <= found.gap.high
    assert covered / 150 >= 0.92
