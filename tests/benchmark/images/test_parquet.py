"""Parquet files that are damaged after they were written."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.images.parquet import ParquetImages


def test_each_flipped_bit_gives_every_row_or_a_data_error(tmp_path: Path) -> None:
    """Among them those by which a column has fewer values than the footer states."""
    path = tmp_path / "a.parquet"
    rows = pa.table({"image": pa.array([b"a", b"b", b"c"]), "label": pa.array([1, 2, 3], pa.int8())})
    pq.write_table(rows, path, compression="none", use_dictionary=False, write_statistics=False)
    data = path.read_bytes()
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 2
        path.write_bytes(damaged)
        with suppress(DataError):
            images = ParquetImages([path], "image")
            for row in range(len(images)):
                assert isinstance(images.read_image(row), bytes)
            assert len(images.read_column("label")) == len(images)
