"""A split with strengths, as a user evaluates it, scores it again and has it validated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from strength_cases import FAILS_AT, GRID, write_ladder
from toy_models import make_toy_split

from factories import SHA, make_meta, make_model_record, make_predictions
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.evaluation.cache import make_predictions_key
from imagenet_g.benchmark.evaluation.memos import ModelMemo
from imagenet_g.benchmark.predictions.predictions import (
    META_KEY,
    Predictions,
    concatenate_predictions,
    load_predictions,
    make_table,
    parse_table,
)
from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.benchmark.results import Entry, Result
from imagenet_g.benchmark.splits.releases import load_release_split
from imagenet_g.benchmark.strengths.axis import Strengths
from imagenet_g.leaderboard.validation.compare_numbers import compare_entries
from imagenet_g.leaderboard.validation.file_checks import check_rows

COLOUR = "python:toy_models:make_colour_model"


def evaluate(place: Path, *words: str, named: bool = True) -> tuple[Result, Path]:
    """The result of the colour model on the ladder, and its folder."""
    release = write_ladder(place / "v9", named=named)
    places = ["--data", f"v9={release}", "--out", str(place / "out"), "--cache", str(place / "cache")]
    assert main(["evaluate", "--model", COLOUR, "--split", "v9/sd-l", *words, *places]) == 0
    folder = next((place / "out").glob("*/result.json")).parent
    return load_result(folder), folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one evaluation lies that several tests look at."""
    return tmp_path_factory.mktemp("ladder")


@pytest.fixture(scope="module")
def evaluated(place: Path) -> tuple[Result, Path]:
    """That evaluation."""
    return evaluate(place)


def test_each_strength_has_its_accuracy(evaluated: tuple[Result, Path]) -> None:
    """Of three classes with six scenes each, under both choices of outputs."""
    lost = [sum(place <= step for place in FAILS_AT.values() if place is not None) for step in range(4)]
    for score in evaluated[0].entries[0].scores:
        assert score.strength is not None
        points = [(point.strength, point.n, point.right) for point in score.strength.points]
        assert points == [(strength, 18, 18 - 3 * gone) for strength, gone in zip(GRID, lost, strict=True)]


def test_the_failure_point_leaves_out_what_was_wrong_before(evaluated: tuple[Result, Path]) -> None:
    """Of five scenes a class one fails at 0.5, two at 1, one at 2, one never."""
    strength = evaluated[0].entries[0].scores[0].strength
    assert strength is not None
    failure = strength.failure
    assert failure is not None
    assert (failure.num_series, failure.wrong_at_zero, failure.followed, failure.failed) == (18, 3, 15, 12)
    assert (failure.never.value, failure.median) == (0.2, 1.0)
    assert [step.survival for step in failure.steps] == pytest.approx([0.8, 0.4, 0.2])


def test_score_and_an_upgrade_find_the_same_from_the_predictions(
    evaluated: tuple[Result, Path], tmp_path: Path
) -> None:
    """No image is read."""
    result, folder = evaluated
    path = folder / result.entries[0].predictions.file
    assert main(["score", str(path), "--out", str(tmp_path)]) == 0
    again = load_result(next(tmp_path.rglob("result.json")))
    assert again.entries[0].scores == result.entries[0].scores


def test_a_validator_finds_a_greater_failure_point_and_a_missing_one(evaluated: tuple[Result, Path]) -> None:
    """Against what the stored predictions give."""
    entry = evaluated[0].entries[0]
    assert not list(compare_entries(entry, entry))
    changes: list[dict[str, object]] = [
        {"median": 2.0},
        {"wrong_at_zero": 0},
        {"never": entry.scores[0].top1},
    ]
    for change in changes:
        problems = list(compare_entries(_change_failure(entry, change), entry))
        assert {problem.code for problem in problems} == {"not-reproduced"}
        assert next(iter(change)) in problems[0].message
    without = entry.scores[0].model_copy(update={"strength": None})
    hidden = entry.model_copy(update={"scores": (without, *entry.scores[1:])})
    assert [problem.code for problem in compare_entries(hidden, entry)] == ["not-reproduced"]


def _change_failure(entry: Entry, change: dict[str, object]) -> Entry:
    first = entry.scores[0]
    assert first.strength is not None
    assert first.strength.failure is not None
    failure = first.strength.failure.model_copy(update=change)
    strength = first.strength.model_copy(update={"failure": failure})
    return entry.model_copy(
        update={"scores": (first.model_copy(update={"strength": strength}), *entry.scores[1:])}
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda known: Strengths(known.values * 2, known.series), "54 images have other strengths"),
        (lambda known: Strengths(known.values, known.series[::-1]), "other series"),
        (lambda known: Strengths(known.values, None), "other series"),
        (lambda known: None, "state no strengths"),
    ],
)
def test_a_validator_finds_strengths_that_are_not_the_splits(
    change: object, message: str, place: Path, evaluated: tuple[Result, Path]
) -> None:
    """A forger would call hard images strongly shifted."""
    result, folder = evaluated
    predictions = load_predictions(folder / result.entries[0].predictions.file)[0]
    split = load_release_split(place / "v9", "sd-l", cache=None)
    assert not list(check_rows(predictions, split, "v9/sd-l"))
    forged = replace(predictions, strengths=change(predictions.strengths))  # type: ignore[operator]
    problems = list(check_rows(forged, split, "v9/sd-l"))
    assert [problem.code for problem in problems] == ["wrong-strength"]
    assert message in problems[0].message


def test_rows_in_another_order_are_the_same_strengths(place: Path, evaluated: tuple[Result, Path]) -> None:
    """An image is found by its id."""
    result, folder = evaluated
    predictions = load_predictions(folder / result.entries[0].predictions.file)[0]
    split = load_release_split(place / "v9", "sd-l", cache=None)
    backwards = predictions.take(np.arange(len(predictions))[::-1])
    assert not list(check_rows(backwards, split, "v9/sd-l"))


def test_shares_of_the_rows_merge_to_the_same(evaluated: tuple[Result, Path], tmp_path: Path) -> None:
    """A series may lie in two of them."""
    release = write_ladder(tmp_path / "v9")
    data, cache = ["--data", f"v9={release}"], ["--cache", str(tmp_path / "cache")]
    for share in ("1/2", "2/2"):
        words = ["--model", COLOUR, "--split", "v9/sd-l", "--batch-size", "7", "--rows", share]
        assert main(["evaluate", *words, *data, *cache, "--out", str(tmp_path / "shares")]) == 0
    merged = ["merge", str(tmp_path / "shares"), "--out", str(tmp_path / "whole"), *data]
    assert main(merged) == 0
    found = load_result(next((tmp_path / "whole").rglob("result.json")))
    assert found.entries[0].scores == evaluated[0].entries[0].scores


def test_a_view_of_some_classes_has_their_series(tmp_path: Path) -> None:
    """All of its images and no other."""
    entry = evaluate(tmp_path, "--split", "v9/sd-l:imagenet-r")[0].entries[1]
    strength = entry.scores[0].strength
    assert strength is not None
    assert strength.failure is not None
    assert strength.failure.num_series == entry.n / len(GRID)


def test_without_series_only_accuracy_is_reported(tmp_path: Path) -> None:
    """Each image has an id and no more."""
    strength = evaluate(tmp_path, named=False)[0].entries[0].scores[0].strength
    assert strength is not None
    assert (len(strength.points), strength.failure) == (4, None)


def make_ladder() -> Predictions:
    """Two rows with strengths."""
    return replace(make_predictions([1, 2], [1, 2]), strengths=Strengths(np.array([0.0, 1.0]), ("a", "a")))


def test_predictions_keep_strengths_through_a_table_and_parts() -> None:
    """Those without have no column."""
    ladder = make_ladder()
    again = parse_table(make_table(ladder))
    joined = concatenate_predictions([ladder.take(np.array([0])), ladder.take(np.array([1]))])
    for found in (again, joined):
        assert found.strengths is not None
        assert found.strengths.values.tolist() == [0.0, 1.0]
        assert found.strengths.series == ("a", "a")
    assert "strength" not in make_table(replace(ladder, strengths=None)).column_names


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"strength": [0.0, -1.0]}, "Strength -1.0 in row 1"),
        ({"strength": [0.0, None]}, "with nulls"),
        ({"strength": ["0", "1"]}, "holds string"),
        ({"strength": [0.0, 0.0]}, "two images of strength 0"),
        ({"series": ["a", None]}, "must name the series of every image"),
    ],
)
def test_stored_strengths_that_cannot_be_are_refused_by_the_name_of_the_file(
    columns: dict[str, list[object]], message: str, tmp_path: Path
) -> None:
    """Predictions may come from strangers."""
    ladder = make_ladder()
    meta = {META_KEY: make_meta(ladder).model_dump_json().encode()}
    table = make_table(ladder)
    for name, values in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(values))
    pq.write_table(table.replace_schema_metadata(meta), tmp_path / "x.parquet")
    with pytest.raises(DataError, match=message) as refused:
        load_predictions(tmp_path / "x.parquet")
    assert "x.parquet" in str(refused.value)


def test_predictions_of_before_are_not_taken_for_a_split_with_strengths() -> None:
    """They lack the columns; all other keys are as they were."""
    plain = make_toy_split([3, 5])
    ladder = replace(plain, rows=replace(plain.rows, strengths=Strengths(np.array([0.0, 1.0]), None)))
    memo = ModelMemo(
        record=make_model_record(),
        architecture_sha256=SHA,
        code_sha256=SHA,
        behaviour_sha256=SHA,
        choice="",
        device="cpu",
        dtype="float32",
        files=(),
    )
    keys = {make_predictions_key(memo, split, limit=None, backend="x") for split in (plain, ladder)}
    assert len(keys) == 2


def test_a_result_of_before_says_nothing_of_strengths() -> None:
    """The field is optional, and unknown in older files."""
    from imagenet_g.benchmark.results import Score

    assert Score.model_fields["strength"].default is None
