"""Tables from strangers, read within a budget of memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.benchmark.answers import bounded_table
from imagenet_g.benchmark.answers.bounded_table import read_bounded

rows = st.lists(
    st.tuples(
        st.none() | st.text(max_size=9),
        st.lists(st.integers(0, 999), max_size=5),
        st.floats(0, 1, width=32) | st.none(),
    ),
    max_size=20,
)


@given(rows, st.integers(1, 7))
def test_an_honest_file_is_read_as_pyarrow_reads_it(found: list[tuple[object, ...]], group: int) -> None:
    """Texts, lists and numbers, over several row groups."""
    kinds = {"image_id": pa.string(), "label": pa.list_(pa.int16()), "top": pa.float32()}
    columns = [pa.array([row[number] for row in found], kind) for number, kind in enumerate(kinds.values())]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        pq.write_table(pa.table(columns, names=list(kinds)), path, row_group_size=group)
        assert read_bounded(path).equals(pq.read_table(path, partitioning=None))


def write_bomb(path: Path, *, length: int, rows: int) -> Path:
    """One text, stored once and named in every row."""
    text = pa.array(["x" * length])
    column = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), text)
    pq.write_table(pa.table({"image_id": column.cast(pa.string())}), path, compression="zstd")
    return path


def test_a_long_text_in_every_row_is_refused_before_it_is_repeated(tmp_path: Path) -> None:
    """200 rows of 4 MB in a small file would take 800 MB."""
    path = write_bomb(tmp_path / "bomb.parquet", length=4_000_000, rows=200)
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    before = pa.default_memory_pool().bytes_allocated()
    with pytest.raises(ValueError, match="'image_id' has a text of 4000000 bytes"):
        read_bounded(path)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    assert pa.default_memory_pool().bytes_allocated() - before < 20_000_000


def test_many_texts_that_are_each_allowed_are_counted_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The budget is of all rows; a text counts in each row where it stands."""
    path = write_bomb(tmp_path / "bomb.parquet", length=1000, rows=200)
    monkeypatch.setattr(bounded_table, "MAX_TABLE_BYTES", 199_999)
    with pytest.raises(ValueError, match="more than 199999 bytes"):
        read_bounded(path)
    monkeypatch.setattr(bounded_table, "MAX_TABLE_BYTES", 200_000)
    assert len(read_bounded(path)) == 200


@pytest.mark.parametrize(
    "values",
    [
        pa.array([b"x"]),
        pa.array([["text"]]),
        pa.array([{"a": 1}]),
        pa.array([[[1]]]),
        pa.array(["x"]).dictionary_encode(),
    ],
    ids=["bytes", "texts in lists", "struct", "nested", "dictionary"],
)
def test_a_column_that_cannot_be_measured_is_refused_unread(tmp_path: Path, values: pa.Array) -> None:
    """No table of answers has one."""
    pq.write_table(pa.table({"label": values}), tmp_path / "odd.parquet")
    with pytest.raises(ValueError, match="column 'label' holds"):
        read_bounded(tmp_path / "odd.parquet")
