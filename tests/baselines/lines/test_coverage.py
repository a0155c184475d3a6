"""Intervals cover the truth of a simulation as often as they say: a slice of the stored table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from noisy_models import run_command

from imagenet_g.baselines.lines.coverage import (
    load_table,
    measure_coverage,
    parse_table,
    summarise,
    write_table,
)
from imagenet_g.baselines.lines.worlds import EIGHT_FAMILIES, WORLDS, World, draw_replications
from imagenet_g.benchmark.errors import InputError

MIDDLE = World(
    num_classes=50, images_per_class=20, clean=0.7, shifted=0.4, class_sd=1.0, families=EIGHT_FAMILIES
)


def test_the_worlds_are_those_of_the_table() -> None:
    """Each once, with its place as the seed, 2,000 replications."""
    rows = load_table()
    assert [(row.seed, row.replications) for row in rows] == [(seed, 2000) for seed in range(len(WORLDS))]
    for row, world in zip(rows, WORLDS, strict=True):
        assert (row.num_classes, row.images_per_class, row.clean, row.shifted, row.class_sd) == (
            world.num_classes, world.images_per_class, world.clean, world.shifted, world.class_sd
        )  # fmt: skip
        assert (row.num_families, row.num_models) == (len(world.families), world.num_models)
        assert row.gap + row.gap_below + row.gap_above == pytest.approx(1, abs=2e-4)


@pytest.mark.parametrize("seed", [5, 37, 71, 99])
def test_a_slice_of_the_table_is_measured_again(seed: int) -> None:
    """The shipped functions on 250 replications: the stored coverage, within four standard deviations."""
    found, stored = measure_coverage(WORLDS[seed], replications=250, seed=1000 + seed), load_table()[seed]
    for ours, theirs in ((found.gap, stored.gap), (found.robustness, stored.robustness)):
        assert ours == pytest.approx(theirs, abs=4 * np.sqrt(0.05 * 0.95 / 250))


def test_intervals_that_take_images_as_independent_cover_too_seldom() -> None:
    """On the same data, where nominal 95 % is 95 %."""
    found = measure_coverage(MIDDLE, replications=400, seed=5)
    assert 0.92 <= found.gap <= 0.985
    assert 0.92 <= found.robustness <= 0.985
    assert found.gap_naive < 0.85
    assert found.robustness_naive < 0.85


@pytest.mark.parametrize("link", ["linear", "probit"])
def test_other_axes_cover_too(link: str) -> None:
    """A line that is straight on the link's own scale."""
    found = measure_coverage(replace(MIDDLE, link=link), replications=250, seed=6)
    assert 0.91 <= found.robustness <= 0.995


@pytest.mark.parametrize(("num_classes", "images"), [(10, 1), (10, 4), (50, 2), (50, 50)])
def test_classes_that_are_alike_or_have_few_images_are_covered(num_classes: int, images: int) -> None:
    """No spread of classes at all: the images are the only doubt."""
    world = replace(MIDDLE, num_classes=num_classes, images_per_class=images, class_sd=0.0)
    found = measure_coverage(world, replications=200, seed=7)
    # Three standard deviations of a share of 200 below 95 %.
    assert found.gap >= 0.904
    assert found.robustness >= 0.904


def test_the_true_accuracy_is_that_over_all_classes() -> None:
    """Over many replications the evaluated model's mean accuracy is the world's."""
    world = replace(MIDDLE, num_classes=200, clean=0.98, shifted=0.02)
    drawn = [one.evaluated for one in draw_replications(world, 100, seed=1)]
    assert np.mean([one.reference[0].top1 for one in drawn]) == pytest.approx(0.98, abs=0.002)
    assert np.mean([one.shifted.top1 for one in drawn]) == pytest.approx(0.02, abs=0.002)


def test_a_world_without_a_line_is_counted() -> None:
    """Models that are all right on six images have one clean accuracy."""
    world = replace(MIDDLE, num_classes=3, images_per_class=2, clean=0.97, families=(1, 1, 1, 1, 1))
    assert 0 < measure_coverage(world, replications=60, seed=2).no_line < 1
    with pytest.raises(InputError, match="No replication has a line"):
        measure_coverage(replace(world, clean=0.9999, families=(1, 1)), replications=5, seed=2)


def test_a_table_is_read_as_it_was_written() -> None:
    """All columns, and the summary has a row for each size."""
    rows = load_table()
    assert parse_table(write_table(rows)) == rows
    assert len(summarise(rows)) == 10


def test_the_command_prints_a_row_a_world_and_the_summary(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Only the worlds of six classes."""
    assert run_command("baselines", "coverage", "--replications", "3", "--classes", "6") == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("      6 ") for line in lines) == 32
    assert lines[-1].startswith("| 6 × 50 |")


def test_the_stored_table_is_printed_without_a_simulation(capsys: pytest.CaptureFixture[str]) -> None:
    """All 160 worlds."""
    assert run_command("baselines", "coverage", "--stored") == 0
    assert capsys.readouterr().out.count("| ") > 10


def test_an_unknown_number_of_classes_is_refused() -> None:
    """The message lists those there are."""
    with pytest.raises(InputError, match="choose among 6, 10, 20, 200, 1000"):
        run_command("baselines", "coverage", "--classes", "7")
