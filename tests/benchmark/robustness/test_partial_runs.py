"""A line on all images says nothing of a run on some of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from baseline_cases import make_points_on_line
from result_cases import make_result

from imagenet_g.benchmark.predictions.class_counts import PairCounts, SetCounts
from imagenet_g.benchmark.results import Entry
from imagenet_g.benchmark.robustness.partial_runs import explain_partial
from imagenet_g.benchmark.robustness.points import BaselinePoints, ClassCounts, PointCounts

TOTAL = np.array([3.0, 3.0, 0.0])


def make_counted_points() -> BaselinePoints:
    """A line on 30,000 images of 10,000 clean ones, its classes of three images each."""
    from dataclasses import replace

    points = make_points_on_line("logit")
    side = ClassCounts(right=np.ones((8, 3)), total=TOTAL)
    counts = PointCounts(reference=side, shifted=side)
    return replace(points, reference_n=(10_000,), shifted_n=30_000, counts=counts)


def make_entry(**changes: Any) -> Entry:
    """A whole run, changed."""
    entry = make_result(split="imagenet-r", top1=0.6, clean=0.8).entries[0]
    reference = entry.gaps[0].reference.model_copy(update={"n": changes.pop("clean_n", 10_000)})
    gap = entry.gaps[0].model_copy(update={"reference": reference})
    return entry.model_copy(update={"gaps": (gap,), **changes})


def test_a_whole_run_has_no_reason() -> None:
    """As many images on both sides as the line."""
    assert explain_partial(make_entry(), make_counted_points(), None) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"limit": 104, "n": 104}, "only 104 images were run, and the line is on all 30000"),
        # A view of a limited run may have as many images as the line by chance.
        ({"limit": 500}, "only 500 images were run"),
        # A local copy with a part of the files is no limited run.
        ({"n": 29_000}, "29000 images count here and 30000 in the line"),
        # The split has fewer images than --limit, the clean set more.
        ({"clean_n": 300}, "300 clean images count here and 10000 in the line"),
        ({"n_unscored": 1, "unscored_count_as": "left-out"}, "29999 images count here and 30000 in the line"),
    ],
)
def test_a_run_on_part_of_the_images_has_a_reason(changes: dict[str, Any], reason: str) -> None:
    """Limited on either side, partial copies, and images that were left out."""
    assert reason in str(explain_partial(make_entry(**changes), make_counted_points(), None))


def test_unreadable_images_that_count_as_wrong_are_part_of_a_whole_run() -> None:
    """They count in the line as well."""
    assert explain_partial(make_entry(n_unscored=1), make_counted_points(), None) is None


@pytest.mark.parametrize("side", ["shifted", "reference"])
def test_as_many_images_of_other_classes_are_not_the_same_images(side: str) -> None:
    """Six images, spread over the classes otherwise."""
    same = SetCounts(right=np.zeros(3), total=TOTAL)
    other = SetCounts(right=np.zeros(3), total=np.array([4.0, 2.0, 0.0]))
    pair = PairCounts(**({"shifted": same, "reference": same} | {side: other}), class_indices=(0, 1))
    assert "spread over the classes otherwise" in str(
        explain_partial(make_entry(), make_counted_points(), pair)
    )


def test_the_same_images_by_class_have_no_reason() -> None:
    """Counts that are the line's own."""
    same = SetCounts(right=np.zeros(3), total=TOTAL)
    pair = PairCounts(shifted=same, reference=same, class_indices=(0, 1))
    assert explain_partial(make_entry(), make_counted_points(), pair) is None
