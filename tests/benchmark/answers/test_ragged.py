"""Padded arrays and list columns are two spellings of the same rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.benchmark.answers.ragged import make_ragged, parse_classes, parse_ragged, parse_strings

rows = st.lists(st.none() | st.lists(st.integers(0, 999), max_size=5))


@given(rows=rows)
def test_arrow_lists_survive_the_way_through_a_padded_array(rows: list[list[int] | None]) -> None:
    """Lists of any length up to five, and null, come back as they were."""
    column = pa.chunked_array([pa.array(rows, pa.list_(pa.int16()))])
    padded = parse_ragged(column, fill=-1, width=5)
    present = np.array([row is not None for row in rows], dtype=np.bool_)
    assert make_ragged(padded.astype(np.int16), padded != -1, present, pa.int16()).to_pylist() == rows


@given(rows=rows, cut=st.integers(0, 10))
def test_chunks_and_slices_do_not_shift_values(rows: list[list[int] | None], cut: int) -> None:
    """A column read from several row groups, or sliced, is the same column."""
    whole = pa.array(rows, pa.list_(pa.int16()))
    cut = min(cut, len(rows))
    pieces = pa.chunked_array([whole.slice(0, cut), whole.slice(cut)], pa.list_(pa.int16()))
    expected = parse_ragged(pa.chunked_array([whole]), fill=-1, width=5)
    assert (parse_ragged(pieces, fill=-1, width=5) == expected).all()


def test_a_list_that_is_too_long_is_refused() -> None:
    """Six best of five there are not."""
    with pytest.raises(ValueError, match="at most 5"):
        parse_ragged(pa.chunked_array([pa.array([[1] * 6])]), fill=-1, width=5)


def test_a_null_inside_a_list_is_refused() -> None:
    """Half a prediction counts as no prediction."""
    with pytest.raises(ValueError, match="null"):
        parse_ragged(pa.chunked_array([pa.array([[1, None]])]), fill=-1, width=5)


def test_a_column_of_another_kind_is_refused() -> None:
    """Numbers are not lists of numbers."""
    with pytest.raises(TypeError, match="list"):
        parse_ragged(pa.chunked_array([pa.array([1])]), fill=-1, width=5)


@pytest.mark.parametrize(
    "values", [[[3.7]], [[65_540]], [[-2]], [[1000]], [[float("nan")]], [["3"]], [[True]], [[[1]]], [3]]
)
def test_what_is_no_class_never_becomes_one(values: list[object]) -> None:
    """3.7 was class 3, and 65540 class 4."""
    with pytest.raises((TypeError, ValueError), match=r"class numbers|outside 0\.\.999"):
        parse_classes(pa.table({"label": values}), "label", width=None)


@pytest.mark.parametrize("values", [[["a"]], [float("nan")], [1], [b"a"]])
def test_what_is_no_string_is_refused_as_an_id(values: list[object]) -> None:
    """Lists cannot be compared, and a NaN equals no other."""
    with pytest.raises(TypeError, match="not strings"):
        parse_strings(pa.table({"image_id": values}), "image_id")
