"""The file of features: what is written is read, and what breaks the contract is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from factories import make_model_record, make_split_record
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.features import Features, load_features
from imagenet_g.benchmark.features.files import META_KEY, FeaturesMeta, write_features
from imagenet_g.benchmark.features.row_store import hash_vectors

VECTORS = np.array([[0.6, 0.8], [np.nan, np.nan], [1, 0]], dtype=np.float32)


def make_features() -> Features:
    """Three images, one of them unreadable, one with two labels."""
    meta = FeaturesMeta(
        model=make_model_record("open_clip:a/b"),
        tower_sha256="1" * 64,
        split=make_split_record("mini/real"),
        dtype="float32",
        backend="torch-2/cpu",
        limit=None,
        num_dimensions=2,
        values_sha256=hash_vectors(VECTORS[[0, 2]]),
        key="2" * 64,
    )
    labels = np.array([[3, -1], [4, -1], [5, 6]], dtype=np.int16)
    return Features(("a", "b", "c"), labels, VECTORS, (None, "unreadable", None), meta)


def write_changed(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """A file of features whose table was changed, metadata and all else kept."""
    write_features(path, make_features())
    table = pq.read_table(path)
    pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), path)


def set_column(name: str, values: list[object]) -> Callable[[pa.Table], pa.Table]:
    """A change of one column, its type kept."""

    def change(table: pa.Table) -> pa.Table:
        place = table.schema.get_field_index(name)
        return table.set_column(place, name, pa.array(values, table.schema.field(name).type))

    return change


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Ids, labels, features, reasons and all of the metadata."""
    write_features(tmp_path / "f.parquet", make_features())
    found, made = load_features(tmp_path / "f.parquet"), make_features()
    assert (found.image_ids, found.errors, found.meta) == (made.image_ids, made.errors, made.meta)
    assert (found.labels == made.labels).all()
    assert np.array_equal(found.vectors, VECTORS, equal_nan=True)
    assert found.present.tolist() == [True, False, True]


def test_any_reader_of_parquet_opens_it(tmp_path: Path) -> None:
    """Without this package."""
    write_features(tmp_path / "f.parquet", make_features())
    rows = pq.read_table(tmp_path / "f.parquet").to_pylist()
    assert rows[2]["image_id"] == "c"
    assert (rows[2]["label"], rows[2]["feature"]) == ([5, 6], [1.0, 0.0])
    assert rows[1]["feature"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_column("image_id", ["a", "a", "c"]), "repeated or missing"),
        (set_column("label", [[3], [4], [1000]]), "not a file of features|labels outside"),
        (set_column("feature", [[0.8, 0.6], None, [1, 0]]), "other features than its metadata says"),
        (set_column("feature", [[6, 8], None, [1, 0]]), "not of length 1"),
        (set_column("feature", [[np.nan, 1], None, [1, 0]]), "not finite"),
        (set_column("feature", [[0.6, 0.8], [1, 0], [1, 0]]), "both features and an error"),
        (set_column("error", [None, None, None]), "both features and an error, or neither"),
        (lambda table: table.drop_columns(["error"]), "not a file of features"),
        (lambda table: table.drop_columns(["feature"]), "not a file of features"),
        (lambda table: table.slice(0, 2), "other features than its metadata says"),
        (
            lambda table: table.set_column(
                2, "feature", pa.array([[0.6], None, [1.0]], pa.list_(pa.float32()))
            ),
            "features of type",
        ),
    ],
)
def test_what_breaks_the_contract_is_refused(
    change: Callable[[pa.Table], pa.Table], message: str, tmp_path: Path
) -> None:
    """A file may come from anyone."""
    write_changed(tmp_path / "f.parquet", change)
    with pytest.raises(DataError, match=message):
        load_features(tmp_path / "f.parquet")


@pytest.mark.parametrize("metadata", [None, {META_KEY: b"{}"}, {META_KEY: b"\xff"}])
def test_a_file_without_its_metadata_is_refused(metadata: dict[bytes, bytes] | None, tmp_path: Path) -> None:
    """Features of an unknown model are of no use."""
    write_features(tmp_path / "f.parquet", make_features())
    table = pq.read_table(tmp_path / "f.parquet").replace_schema_metadata(metadata)
    pq.write_table(table, tmp_path / "f.parquet")
    with pytest.raises(DataError, match="metadata"):
        load_features(tmp_path / "f.parquet")


def test_what_is_no_parquet_or_not_there_is_said(tmp_path: Path) -> None:
    """With the command that writes one."""
    (tmp_path / "f.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="not a file of features"):
        load_features(tmp_path / "f.parquet")
    with pytest.raises(DataError, match="--keep-features"):
        load_features(str(tmp_path / "absent.parquet"))


def test_claimed_dimensions_are_bounded(tmp_path: Path) -> None:
    """Before a row is read."""
    features = make_features()
    meta = features.meta.model_copy(update={"num_dimensions": 2})
    write_features(tmp_path / "f.parquet", replace(features, meta=meta))
    table = pq.read_table(tmp_path / "f.parquet")
    claimed = meta.model_copy(update={"num_dimensions": 10**9}).model_dump_json().encode()
    pq.write_table(table.replace_schema_metadata({META_KEY: claimed}), tmp_path / "f.parquet")
    with pytest.raises(DataError, match="claims features of 1000000000"):
        load_features(tmp_path / "f.parquet")
