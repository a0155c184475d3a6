"""Columns that are a mean over splits of the same images: against answers image by image."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt
import pytest
from pydantic import ValidationError

from imagenet_g.baselines.replays.columns import ColumnSpec, average_splits
from imagenet_g.baselines.replays.counting import gather_counts, list_column_splits
from imagenet_g.baselines.replays.experiment_files import load_experiments
from imagenet_g.baselines.replays.seeds import RunCounts, estimate_accuracy, estimate_sum
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.predictions.class_counts import PairCounts, SetCounts
from imagenet_g.benchmark.results import Result
from imagenet_g.benchmark.statistics.intervals import find_student_quantile

CLASSES, IMAGES, KINDS = 30, 6, 15
ONE_RUN = np.zeros(1, int)
Answers = npt.NDArray[np.bool_]


def draw_answers(rng: np.random.Generator, *, rows: int = 1, alike: float = 1.0) -> list[Answers]:
    """`(C, n, K)` for each row: hard classes, hard images and hard kinds, all the same for every row."""
    shared = rng.normal(size=(CLASSES, 1, 1)) * 0.7 + rng.normal(size=(CLASSES, IMAGES, 1)) * alike
    level = shared + rng.normal(size=KINDS)
    return [rng.random(level.shape) < 1 / (1 + np.exp(-level)) for _ in range(rows)]


def count_kinds(answers: Answers) -> list[RunCounts]:
    """Right answers by class of each kind."""
    total = np.full(CLASSES, float(IMAGES))
    return [
        RunCounts(right=answers[:, :, kind].sum(axis=1, dtype=float)[None], total=total)
        for kind in range(KINDS)
    ]


def test_every_kind_weighs_the_same() -> None:
    """The value is the mean of the kinds' accuracies."""
    (answers,) = draw_answers(np.random.default_rng(0))
    found = estimate_accuracy(average_splits(count_kinds(answers), "c"), ONE_RUN)
    assert found.value == pytest.approx(np.mean([answers[:, :, kind].mean() for kind in range(KINDS)]))


def test_a_difference_of_rows_has_the_interval_of_leaving_out_source_images_class_by_class() -> None:
    """With all that the kinds made of them: against a plain loop over the answers of all images."""
    first, second = draw_answers(np.random.default_rng(1), rows=2)
    parts = [(sign, average_splits(count_kinds(one), "c")) for sign, one in ((1.0, first), (-1.0, second))]
    found = estimate_sum(parts, ONE_RUN)
    differences = first.astype(float) - second
    without = np.array([np.delete(differences, index, axis=0).mean() for index in range(CLASSES)])
    # Classes are as large as one another, so leaving one out and the influence of each say the same.
    variance = (CLASSES - 1) / CLASSES * ((without - without.mean()) ** 2).sum()
    reach = find_student_quantile(CLASSES - 1) * np.sqrt(variance)
    assert found.value == pytest.approx(differences.mean())
    assert found.interval == pytest.approx((found.value - reach, found.value + reach), rel=1e-9)


def test_an_accuracy_covers_over_new_images_and_would_not_with_each_counted_fifteen_times() -> None:
    """Images of given classes are drawn anew; kinds that agree on an image are no fifteen images."""
    rng = np.random.default_rng(2)
    level = rng.normal(size=(CLASSES, 1, 1)) * 0.7 + rng.normal(size=KINDS)
    grid = np.linspace(-4, 4, 401)
    density = np.exp(-((grid / 2) ** 2) / 2)
    rates = 1 / (1 + np.exp(-(level[..., None] + grid)))
    truth = float((rates * density).sum() / density.sum() / level.size)
    covered = np.zeros(2)
    for _ in range(300):
        shown = level + 2 * rng.normal(size=(CLASSES, IMAGES, 1))
        counts = count_kinds(rng.random(shown.shape) < 1 / (1 + np.exp(-shown)))
        mean = average_splits(counts, "c")
        added = RunCounts(right=mean.right * KINDS, total=mean.total * KINDS)
        for number, one in enumerate((mean, added)):
            interval = estimate_accuracy(one, ONE_RUN).interval
            assert interval is not None
            covered[number] += interval[0] <= truth <= interval[1]
    assert covered[0] / 300 > 0.95
    assert covered[1] / 300 < 0.75


def test_kinds_that_always_agree_are_one_kind() -> None:
    """The interval is that of the single split."""
    one, *_ = count_kinds(draw_answers(np.random.default_rng(3))[0])
    assert estimate_accuracy(average_splits([one] * KINDS, "c"), ONE_RUN) == estimate_accuracy(one, ONE_RUN)


def test_a_column_gathers_its_splits_and_another_takes_some_of_them() -> None:
    """From the counts of each split; the clean images are counted once."""
    parts = count_kinds(draw_answers(np.random.default_rng(5))[0])[:3]
    clean = SetCounts(right=parts[0].right[0] * 0 + IMAGES, total=parts[0].total)
    pairs = {
        f"mini-c/{number}": PairCounts(
            shifted=SetCounts(right=part.right[0], total=part.total), reference=clean, class_indices=()
        )
        for number, part in enumerate(parts)
    }
    columns = [
        ColumnSpec(column="all", refs=tuple(pairs)),
        ColumnSpec(column="one", ref="mini-c/1"),
    ]
    assert list_column_splits(columns) == list(pairs)
    # The result itself has nothing that counts are made of.
    found = gather_counts("row", [(cast(Result, None), pairs)] * 2, columns)
    expected = sum(part.right[0] for part in parts) / 3
    np.testing.assert_allclose(found["all"].shifted.right, [expected, expected])
    np.testing.assert_array_equal(found["one"].shifted.right, [parts[1].right[0]] * 2)
    assert found["all"].clean.total.sum() == found["all"].shifted.total.sum() == CLASSES * IMAGES


def test_splits_of_other_images_have_no_mean() -> None:
    """A kind that lost an image would weigh less."""
    first, second, *_ = count_kinds(draw_answers(np.random.default_rng(4))[0])
    fewer = second.total.copy()
    fewer[3] -= 1
    with pytest.raises(DataError, match=r"'15 kinds'.*other numbers"):
        average_splits([first, RunCounts(right=second.right, total=fewer)], "15 kinds")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "needs ref"),
        ({"ref": "mini/real", "refs": ["mini/real"]}, "needs ref"),
        ({"refs": ["mini-c/fog", "mini-c/fog"]}, "weigh twice"),
    ],
)
def test_a_column_names_a_split_or_several(content: dict[str, object], message: str) -> None:
    """And none twice."""
    with pytest.raises(ValidationError, match=message):
        ColumnSpec.model_validate({"column": "c", **content})


def test_the_shipped_experiment_has_a_column_of_fifteen_kinds_and_one_of_nineteen() -> None:
    """Of the table that does not say which."""
    from imagenet_g.baselines.corrupting.kinds import COMMON, KINDS

    spec = next(one for one in load_experiments("three-papers-mini").experiments if one.name == "corruptions")
    assert spec.published == ("imagenet-g-paper/table-5",)
    assert [column.splits for column in spec.columns] == [
        tuple(f"mini-c/{kind}" for kind in kinds) for kinds in (COMMON, KINDS)
    ]
