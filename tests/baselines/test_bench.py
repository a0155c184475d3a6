"""The benchmark of the interval is of the size it prints, and its work stays small."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from imagenet_g.baselines.bench import (
    IMAGES_PER_CLASS,
    LIMIT_SECONDS,
    NUM_CLASSES,
    NUM_MODELS,
    build_case,
    format_seconds,
)
from imagenet_g.benchmark.robustness.intervals import compute_interval
from imagenet_g.benchmark.robustness.points import BaselinePoints, EvaluatedModel


@pytest.fixture(scope="module")
def case() -> tuple[BaselinePoints, EvaluatedModel]:
    """The full size: 50,000 images of 1000 classes, 85 baseline models."""
    labels = np.repeat(np.arange(NUM_CLASSES), IMAGES_PER_CLASS)
    rng = np.random.default_rng(0)
    clean, shifted = (
        [rng.random(len(labels)) < rate for rate in np.linspace(low, high, NUM_MODELS + 1)]
        for low, high in ((0.56, 0.85), (0.20, 0.60))
    )
    return build_case(labels, clean, shifted)


def test_the_full_size_is_fifty_thousand_images_and_85_models(
    case: tuple[BaselinePoints, EvaluatedModel],
) -> None:
    """ImageNet's validation set beside the models of the testbed."""
    points, evaluated = case
    assert len(points.models) == NUM_MODELS == 85
    assert points.reference_n == (50_000,)
    assert evaluated.shifted.n == 50_000


def test_the_interval_needs_little_memory(case: tuple[BaselinePoints, EvaluatedModel]) -> None:
    """Classes by classes by models would take 680 MB; families by classes by models are 12 MB."""
    tracemalloc.start()
    try:
        compute_interval(*case, "logit", value=0.0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < NUM_CLASSES * NUM_CLASSES * NUM_MODELS * 8 / 7


def test_the_bench_says_when_it_is_too_slow() -> None:
    """How long it takes is for `make bench` to measure, on a machine with nothing else to do."""
    assert format_seconds(LIMIT_SECONDS + 1).rstrip().endswith("TOO SLOW")
    assert "TOO SLOW" not in format_seconds(LIMIT_SECONDS)
