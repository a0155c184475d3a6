"""Tones against the reference: intervals against scipy, and differences that were put in."""

from __future__ import annotations

import numpy as np
import pytest
from checked_images import check, draw
from PIL import ImageEnhance
from scipy import stats

from imagenet_g.generation.image_checks.tones import compare_tones, compute_welch_interval
from imagenet_g.generation.image_checks.variation import measure_variation

LABELS = [0] * 4 + [1] * 4 + [2] * 4


def test_the_interval_of_a_class_is_that_of_welch() -> None:
    """As scipy has it."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=9), rng.normal(1, 3, size=14)
    expected = stats.ttest_ind(first, second, equal_var=False).confidence_interval()
    assert compute_welch_interval(first, second) == pytest.approx((expected.low, expected.high))


def test_darkened_images_are_darker_with_an_interval_below_zero() -> None:
    """Half as bright."""
    pictures = [draw(seed) for seed in range(12)]
    dark = check([ImageEnhance.Brightness(one).enhance(0.5) for one in pictures], LABELS)
    tones = {one.tone: one for one in compare_tones(dark, check(pictures, LABELS, ref="real"))}
    brightness = tones["brightness"]
    assert brightness.difference.value == pytest.approx(-brightness.reference.value / 2, abs=0.01)
    assert brightness.difference.high is not None and brightness.difference.high < 0
    assert brightness.difference.num_classes == 3


def test_greyed_images_lose_their_saturation_and_have_no_hues_to_compare() -> None:
    """Every colour is taken away."""
    pictures = [draw(seed) for seed in range(12)]
    grey = check([one.convert("L").convert("RGB") for one in pictures], LABELS)
    tones = {one.tone: one for one in compare_tones(grey, check(pictures, LABELS))}
    assert tones["saturation"].split.value == 0
    assert "hue_entropy" not in tones


def test_the_class_that_differs_most_stands_first() -> None:
    """The images of one class of three are darkened."""
    pictures = [draw(seed) for seed in range(12)]
    changed = [ImageEnhance.Brightness(one).enhance(0.2) if k >= 8 else one for k, one in enumerate(pictures)]
    brightness = compare_tones(check(changed, LABELS), check(pictures, LABELS))[0]
    assert brightness.furthest[0].wnid == "n01484850"
    assert [one.value for one in brightness.furthest[1:]] == [0, 0]


def test_sets_without_a_shared_class_are_not_compared() -> None:
    """One class on each side."""
    section = measure_variation(check([draw(0)], [0]), check([draw(1)], [5]))
    assert section.tones == () and section.tones_reason == "the two sets share no class"


def test_what_is_not_measured_is_named() -> None:
    """Without embeddings and without a reference."""
    section = measure_variation(check([draw(0)], [0]), None)
    assert section.shares == () and section.shares_reason and section.tones_reason == "there is no reference"
    words = " ".join(section.not_measured)
    assert all(word in words for word in ("people", "countries", "Stereotypes"))
