"""Intervals of effective robustness cover the truth of a simulation as often as they say."""

from __future__ import annotations

import pytest

from imagenet_g.baselines.lines.coverage import SimulationSetup, simulate_coverage


def test_nominal_95_percent_covers_93_to_97_percent_of_1000_models() -> None:
    """AG and ER on clustered answers; intervals that take images as independent fail on the same data."""
    world = SimulationSetup(num_classes=50, families=(3, 2, 2, 1, 1, 1, 1, 1, 1, 1))
    found = simulate_coverage(world, num_models=1000, num_resamples=400, seed=5)
    assert 0.93 <= found.gap <= 0.97
    assert 0.93 <= found.robustness <= 0.97
    assert found.gap_naive < 0.80
    assert found.robustness_naive < 0.80


def test_few_classes_need_the_stretched_interval() -> None:
    """With ten classes the plain percentile interval falls below 93 %, the stretched one does not."""
    world = SimulationSetup(num_classes=10, families=(1, 1, 1, 1, 1, 1))
    found = simulate_coverage(world, num_models=1000, num_resamples=200, seed=6)
    assert found.gap_percentile < 0.93 <= found.gap <= 0.97


@pytest.mark.parametrize(("num_classes", "images"), [(10, 1), (10, 4), (50, 2), (50, 50)])
@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_nominal_coverage_also_where_classes_are_alike_or_have_few_images(
    num_classes: int, images: int, spread: float
) -> None:
    """With one to fifty images a class, of one difficulty or of many, AG and ER cover what they say."""
    world = SimulationSetup(
        num_classes=num_classes,
        images_per_class=images,
        families=(1,) * 8,
        class_sd=spread,
        own_sd=spread / 2,
    )
    found = simulate_coverage(world, num_models=200, num_resamples=60, seed=7)
    # Three standard deviations of a share of 200 below 95 %.
    assert 0.904 <= found.gap <= 0.995
    assert 0.904 <= found.robustness <= 0.995
