"""How often published models would be accused by their accuracy alone."""

from __future__ import annotations

import numpy as np
import pytest

from imagenet_g.leaderboard.validation.false_alarms.published import (
    LEAST_MODELS,
    compute_leap_rate,
    find_most_robust,
    format_published,
    list_leaps,
    load_published,
)
from imagenet_g.leaderboard.validation.plausibility.verdicts import MOST_ROBUST


def test_the_rate_of_leaps_is_that_of_draws() -> None:
    """A newcomer and its others drawn 20,000 times, with NumPy."""
    rng = np.random.default_rng(0)
    top1 = rng.beta(2, 2, 40)
    drawn = [1 - top1[rng.permutation(40)[:4]] for _ in range(20_000)]
    rate = np.mean([one[0] < one[1:].min() / 3 for one in drawn])
    assert compute_leap_rate(top1, 3, 1 / 3) == pytest.approx(rate, abs=4 * np.sqrt(rate / 20_000))


def test_fewer_than_one_published_model_in_a_thousand_leaps() -> None:
    """On every set of every table, beside any number of others."""
    leaps = list(list_leaps(load_published()))
    assert len(leaps) > 20
    assert {one.num_models > LEAST_MODELS for one in leaps} == {True}
    assert max(rate for one in leaps for rate in one.rates) < 0.001


def test_a_third_of_the_errors_was_too_high_a_bound() -> None:
    """Beside three others, one in 20 published models has fewer, on the set where most do."""
    frame = load_published()
    clean = frame[(frame["axis"] == "imagenet_val_a_classes") & (frame["table"] == "testbed")]
    top1 = clean.drop_duplicates("model")["reference"].to_numpy()
    assert compute_leap_rate(top1, 3, 1 / 3) == pytest.approx(0.05, abs=0.005)


def test_no_published_model_is_beyond_what_is_known() -> None:
    """The bound of effective robustness lies above all of them, by less than half of it."""
    low, name, models = find_most_robust(load_published())
    assert MOST_ROBUST / 2 < low < MOST_ROBUST
    assert name == "nllb-clip-large-siglip/v1 on imagenet-sketch"
    assert models > 1700


def test_what_is_printed_names_the_bound() -> None:
    """None of all models flagged."""
    *_, last = format_published()
    assert last.endswith("0 of 1722 flagged, at most 0.17 %")
