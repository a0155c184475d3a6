"""What a column of strengths may hold, and how images come into series."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from datasets import Value
from image_sets import write_release

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.splits.releases import load_release_split
from imagenet_g.benchmark.strengths.axis import (
    MAX_STRENGTHS,
    Strengths,
    concatenate_strengths,
    make_strengths,
)

KINDS = {
    "strength": Value("float64"),
    "series": Value("string"),
    "seed": Value("int64"),
    "source_image_id": Value("string"),
}
TWO_CLASSES = [3, 3, 3, 5, 5, 5]
LADDER = [0, 1, 2, 0, 1, 2]


def load_strengths(folder: Path, **columns: Sequence[object]) -> Strengths | None:
    """Of a release of two classes with the given columns."""
    extra = {name: KINDS[name] for name in columns if name in ("strength", "series")}
    release = write_release(folder, TWO_CLASSES, extra=extra, columns=columns)
    return load_release_split(release, "sd-l", cache=None).rows.strengths


def test_a_release_without_the_column_has_no_strengths(tmp_path: Path) -> None:
    """Its results have none either."""
    assert load_strengths(tmp_path) is None


def test_a_column_of_nulls_says_nothing(tmp_path: Path) -> None:
    """Another split of the release may need it."""
    assert load_strengths(tmp_path, strength=[None] * 6) is None


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        ({"series": ["a", "a", "a", "a", "a", "a"]}, ["a"]),
        ({"source_image_id": ["p", "p", "p", "q", "q", "q"]}, ["p", "q"]),
        ({"seed": [0, 0, 0, 0, 0, 0]}, ["0"]),
        ({"seed": [0] * 6, "source_image_id": ["p", "p", "p", "q", "q", "q"]}, ["p", "q"]),
        ({"seed": [0] * 6, "series": ["s"] * 6}, ["s"]),
    ],
)
def test_series_are_named_within_their_class(
    columns: dict[str, Sequence[object]], names: list[str], tmp_path: Path
) -> None:
    """By the column `series`, else the source image, else the seed, each of which may begin again."""
    found = load_strengths(tmp_path, strength=LADDER, **columns)
    assert found is not None
    assert found.values.tolist() == LADDER
    assert found.series is not None
    assert [name.split("/")[1] for name in dict.fromkeys(found.series)] == (names * 2)[:2]
    assert len(set(found.series)) == 2


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"seed": [1, 2, 3, 4, 5, 6]},
        {"source_image_id": ["p", "p", "p", "q", None, "q"]},
    ],
    ids=["nothing", "a seed for each image", "a source that is missing"],
)
def test_what_names_no_scene_at_two_strengths_makes_no_series(
    columns: dict[str, Sequence[object]], tmp_path: Path
) -> None:
    """Accuracy by strength needs none."""
    found = load_strengths(tmp_path, strength=LADDER, **columns)
    assert found is not None
    assert found.series is None


def test_several_images_of_a_source_at_one_strength_are_no_series(tmp_path: Path) -> None:
    """A first wrong answer would depend on which of them is looked at."""
    found = load_strengths(tmp_path, strength=[0, 1, 1, 0, 1, 2], source_image_id=["p"] * 3 + ["q"] * 3)
    assert found is not None
    assert found.series is None


@pytest.mark.parametrize(
    ("strength", "series", "message"),
    [
        ([0, 1, -1, 0, 1, 2], None, "-1.0 in row 2"),
        ([0, 1, float("nan"), 0, 1, 2], None, "nan in row 2"),
        ([0, 1, float("inf"), 0, 1, 2], None, "inf in row 2"),
        ([0, 1, None, 0, 1, 2], None, "None in row 2"),
        ([0, 1, 1, 0, 1, 2], ["a"] * 6, "'n01491361/a' has two images of strength 1"),
        (LADDER, ["a", "a", None, "b", "b", "b"], "'series' is empty for some"),
        (LADDER, ["a", "a", "", "b", "b", "b"], "'series' is empty for some"),
    ],
)
def test_impossible_columns_are_refused(
    strength: list[object], series: list[object] | None, message: str, tmp_path: Path
) -> None:
    """With the row or the series."""
    columns: dict[str, Sequence[object]] = {
        "strength": strength,
        **({} if series is None else {"series": series}),
    }
    with pytest.raises(DataError, match=message):
        load_strengths(tmp_path, **columns)


@pytest.mark.parametrize("value", ["1", True, [1]])
def test_what_is_no_number_is_no_strength(value: object) -> None:
    """True would pass for 1."""
    with pytest.raises(DataError, match="needs a number"):
        make_strengths([0.0, value])


def test_minus_zero_is_no_strength_of_its_own() -> None:
    """Its images are of the same strength as those of 0."""
    found = make_strengths([-0.0, 0.0])
    assert found is not None
    assert not np.signbit(found).any()


def test_a_strength_for_nearly_every_image_is_refused() -> None:
    """A result has a row for each."""
    with pytest.raises(DataError, match=f"{MAX_STRENGTHS + 1} strengths; at most {MAX_STRENGTHS}"):
        make_strengths(list(range(MAX_STRENGTHS + 1)))


def test_parts_join_and_one_that_does_not_say_leaves_the_whole_unsaid() -> None:
    """Half a ladder would pass for the whole."""
    one, other = Strengths(np.array([0.0]), ("a",)), Strengths(np.array([1.0]), None)
    whole = concatenate_strengths([one, one])
    assert whole is not None
    assert (whole.values.tolist(), whole.series) == ([0.0, 0.0], ("a", "a"))
    mixed = concatenate_strengths([one, other])
    assert mixed is not None
    assert mixed.series is None
    assert concatenate_strengths([one, None]) is None
    assert concatenate_strengths([]) is None
