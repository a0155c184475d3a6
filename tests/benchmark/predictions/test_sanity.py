"""The check of a model's clean accuracy against the published one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories import make_evidence, make_predictions
from imagenet_g.benchmark.predictions.evidence import Evidence
from imagenet_g.benchmark.predictions.sanity import (
    check_clean_accuracy,
    compute_first_tolerance,
    compute_tolerance,
)
from imagenet_g.benchmark.records import PublishedAccuracy

NUM_IMAGES = 2000
"""Two of each class, so that the published figure of all classes is for these very images."""


def measure(off: float, ref: str = "imagenet-val") -> Evidence:
    """A model that is right on 80 % of the images, and `off` more."""
    labels = [number % 1000 for number in range(NUM_IMAGES)]
    wrong = round((0.2 - off) * NUM_IMAGES)
    predicted = [(label + 1) % 1000 if row < wrong else label for row, label in enumerate(labels)]
    return make_evidence(make_predictions(predicted, labels), ref=ref)


def doubt(evidence: Evidence, *, statistics: int = 2, n: int = NUM_IMAGES) -> bool:
    """Whether the check finds anything."""
    figure = PublishedAccuracy(set="imagenet-val", class_set="all", top1=0.8, n=n, source="paper")
    return bool(check_clean_accuracy(evidence, [figure], spec="timm:x", statistics=statistics))


@pytest.mark.parametrize("off", [0.003, -0.003])
def test_on_the_images_of_the_figure_three_tenths_of_a_point_are_seen(off: float) -> None:
    """A wrong interpolation costs about as much. Nothing of it is chance: the images are the same."""
    assert doubt(measure(off))
    assert not doubt(measure(off), statistics=1)


def test_rounding_and_numerics_are_no_doubt() -> None:
    """A tenth of a point: other decoders and precisions."""
    assert not doubt(measure(0.001))


def test_other_images_of_the_kind_leave_room_for_chance() -> None:
    """A folder of other photographs, or a figure of more images."""
    assert not doubt(measure(-0.003, ref="mine"))
    assert not doubt(measure(-0.003), n=50_000)


@given(top1=st.floats(0, 1), n=st.integers(1, 50_000))
def test_the_band_of_a_part_is_between_that_of_the_whole_and_of_other_images(top1: float, n: int) -> None:
    """0.15 points for all 50,000; never wider than for as many other images."""
    whole, part, other = (
        compute_tolerance(top1, 50_000, population=50_000),
        compute_tolerance(top1, n, population=50_000),
        compute_tolerance(top1, n),
    )
    assert whole == pytest.approx(0.0015)
    assert whole - 1e-12 <= part <= other + 1e-12
    assert other == pytest.approx(compute_first_tolerance(top1, n) + 0.001)
