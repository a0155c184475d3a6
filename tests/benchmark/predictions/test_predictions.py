"""Predictions files: what goes in comes out, and what is broken is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories import make_meta, make_predictions
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.predictions.predictions import (
    Predictions,
    concatenate_predictions,
    load_predictions,
    make_table,
    parse_table,
    write_predictions,
)


def assert_equal(left: Predictions, right: Predictions) -> None:
    """Same rows, same numbers."""
    assert left.image_ids == right.image_ids
    assert left.errors == right.errors
    assert left.source_image_ids == right.source_image_ids
    assert (left.labels == right.labels).all()
    for ours, theirs in [
        (left.top5, right.top5),
        *((t, right.restricted[n]) for n, t in left.restricted.items()),
    ]:
        assert (ours.indices == theirs.indices).all()
        assert (ours.probabilities == theirs.probabilities).all()


@given(rows=st.lists(st.tuples(st.integers(-1, 990), st.lists(st.integers(0, 999), min_size=1, max_size=3))))
def test_a_table_round_trip_keeps_every_value(rows: list[tuple[int, list[int]]]) -> None:
    """Arrow and back is the identity, for unscored rows and several labels too."""
    predictions = make_predictions([best for best, _ in rows], [labels for _, labels in rows])
    back = parse_table(make_table(predictions))
    assert back.labels.shape[1] <= max(predictions.labels.shape[1], 1)
    assert_equal(parse_table(make_table(back)), back)
    assert (back.top5.indices == predictions.top5.indices).all()
    assert (back.top5.probabilities == predictions.top5.probabilities).all()


def test_a_file_round_trip_keeps_rows_and_metadata(tmp_path: Path) -> None:
    """Written and loaded predictions are equal, with their metadata."""
    predictions = make_predictions([1, -1, 3], [1, 2, [3, 4]])
    meta = make_meta(predictions)
    write_predictions(tmp_path / "p.parquet", predictions, meta)
    loaded, loaded_meta = load_predictions(tmp_path / "p.parquet")
    assert_equal(loaded, predictions)
    assert loaded_meta == meta


def test_the_same_predictions_give_the_same_bytes(tmp_path: Path) -> None:
    """A predictions hash identifies predictions."""
    predictions = make_predictions([1, 2], [1, 2])
    for name in ("a", "b"):
        write_predictions(tmp_path / name, predictions, make_meta(predictions))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_joined_parts_equal_the_whole() -> None:
    """Cutting into parts and joining changes nothing."""
    whole = make_predictions([1, 2, -1, 4], [[1, 5], 2, 3, 4])
    parts = [whole.take(np.arange(0, 2)), whole.take(np.arange(2, 4))]
    assert_equal(concatenate_predictions(parts), whole)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The message says which file is not there."""
    with pytest.raises(DataError, match="no predictions file"):
        load_predictions(tmp_path / "absent.parquet")


def test_a_file_that_is_not_parquet_is_refused(tmp_path: Path) -> None:
    """Any bytes may come in; none get out as a traceback."""
    (tmp_path / "p.parquet").write_bytes(b"PAR1 not really PAR1")
    with pytest.raises(DataError, match="not a predictions file"):
        load_predictions(tmp_path / "p.parquet")


def test_a_parquet_without_our_metadata_is_refused(tmp_path: Path) -> None:
    """Somebody else's parquet is not predictions."""
    pq.write_table(pa.table({"image_id": ["a"]}), tmp_path / "p.parquet")
    with pytest.raises(DataError, match="no imagenet-g predictions metadata"):
        load_predictions(tmp_path / "p.parquet")


def write_broken(path: Path, column: str, values: list[object]) -> None:
    """A predictions file with one column replaced."""
    predictions = make_predictions([1, 2], [1, 2])
    write_predictions(path, predictions, make_meta(predictions))
    table = pq.read_table(path)
    place = table.schema.get_field_index(column)
    field = table.schema.field(column)
    pq.write_table(table.set_column(place, field, pa.array(values, field.type)), path)


@pytest.mark.parametrize(
    ("column", "values", "complaint"),
    [
        ("image_id", ["a", "a"], "repeated"),
        ("image_id", ["a", None], "missing"),
        ("label", [[1], []], "without a label"),
        ("label", [[1], [1000]], "outside 0..999"),
        ("top5_index", [[1, 2, 3, 4, 1000], [1, 2, 3, 4, 5]], "outside 0..999"),
        ("top5_index", [[1, 1, 3, 4, 5], [1, 2, 3, 4, 5]], "twice"),
        ("top5_index", [[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5]], "at most 5"),
        ("top5_index", [None, [1, 2, 3, 4, 5]], "neither a prediction nor an error"),
        ("error", ["broken", None], "neither a prediction nor an error"),
        ("top5_probability", [[0.1, 0.2, 0.1, 0.1, 0.05], [0.5, 0.2, 0.1, 0.1, 0.05]], "not sorted"),
        ("top5_probability", [[1.5, 0.2, 0.1, 0.1, 0.05], [0.5, 0.2, 0.1, 0.1, 0.05]], r"outside \[0, 1\]"),
        ("top5_probability", [[float("nan")] * 5, [0.5, 0.2, 0.1, 0.1, 0.05]], r"outside \[0, 1\]"),
    ],
)
def test_what_no_honest_run_can_write_is_refused(
    tmp_path: Path, column: str, values: list[object], complaint: str
) -> None:
    """Each impossible value is found and named."""
    write_broken(tmp_path / "p.parquet", column, values)
    with pytest.raises(DataError, match=complaint):
        load_predictions(tmp_path / "p.parquet")
