"""Simulated worlds of honest models and of readers of labels, against what can be computed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from imagenet_g.benchmark.siblings.matched import LEVEL
from imagenet_g.benchmark.siblings.simulation import (
    HONEST_SIZES,
    SiblingWorld,
    count_accused,
    count_false_alarms,
    find_needed_pairs,
    format_power,
)


@pytest.mark.parametrize(("pairs", "accuracy"), [(50, 0.65), (200, 0.9)])
def test_power_is_that_of_the_binomial_where_all_labels_are_read(pairs: int, accuracy: float) -> None:
    """Every wrong private answer is then a pair for the public side; 17 of them have p below 1e-5."""
    found = count_accused(
        SiblingWorld(pairs=pairs, accuracy=accuracy, share=1.0, kind="alike"), worlds=4000, seed=0
    )
    expected = float(binom.sf(16, pairs, 1 - accuracy))
    assert 0.2 < expected < 0.9
    assert found.found / found.worlds == pytest.approx(expected, abs=4 * np.sqrt(0.25 / 4000))


def test_a_reader_of_all_labels_is_found_with_a_thousand_private_images() -> None:
    """In 99 % of cases, at the lower bound; what is documented for models that are right on 95 %."""
    world = SiblingWorld(pairs=1000, accuracy=0.95, share=1.0, kind="alike")
    assert count_accused(world, worlds=2000, seed=0).low >= 0.99
    assert find_needed_pairs(world, worlds=400, seed=0) is not None
    assert find_needed_pairs(SiblingWorld(pairs=1, accuracy=0.5), worlds=50, seed=0) is None


def test_honest_models_are_accused_as_seldom_as_the_level_says() -> None:
    """At a level where there is something to count, in every kind of world together."""
    worlds = [
        SiblingWorld(pairs=pairs, accuracy=accuracy, kind=kind)
        for pairs in HONEST_SIZES
        for accuracy in (0.2, 0.95)
        for kind in ("alike", "mixed")
    ]
    found = sum(count_accused(world, worlds=500, seed=n, level=0.05).found for n, world in enumerate(worlds))
    # 16 x 500 worlds: four standard errors above 400; and a test that never accuses finds nothing.
    assert 100 < found <= 478
    assert count_false_alarms(worlds=50, seed=0).found == 0
    assert LEVEL * 10 <= 1e-4


def test_the_table_has_a_row_for_each_cheat_and_kind_of_images() -> None:
    """And says how many private images are enough."""
    lines = list(format_power(worlds=20, seed=0))
    assert len(lines) == 12
    # Twenty worlds cannot show a power of 99 %, however often the cheat is found.
    assert lines[2].startswith("| all | alike | more than 50,000")
