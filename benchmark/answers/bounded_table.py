"""Rows of a parquet file, read within a budget of memory that does not rest on what the file says of itself.

A text that is stored once in a dictionary may stand in every row, and a footer may claim any size: a file of
a hundred kilobytes can become gigabytes of Python strings. So texts are read as dictionaries, one row group
at a time, and measured before any of them becomes a string.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MAX_TABLE_BYTES = 500_000_000
"""Of all rows, with each text counted in every row where it stands. Two million rows take half of that."""
MAX_TEXT_BYTES = 10_000
"""Of one text. Ids are paths, and errors are sentences."""


def read_bounded(path: Path, *, columns: Sequence[str] | None = None) -> pa.Table:
    """All rows of a file.

    Args:
        path: The file.
        columns: Those that are read, in the file's own order; None for all. One that it lacks is left out.

    Raises:
        ValueError: A column holds neither texts nor numbers nor lists of numbers, or the rows, or one of
            their texts, take more memory than those of any honest file.
        pyarrow.ArrowException: It is no parquet file.
        OSError: It cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as opened:
        texts = [field.name for field in opened.schema_arrow if _is_text(field)]
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        pieces, taken = [], 0
        for number in range(file.num_row_groups):
            piece = _read_group(file, number, columns)
            taken += measure_bytes(piece)
            if taken > MAX_TABLE_BYTES:
                raise ValueError(f"its rows take more than {MAX_TABLE_BYTES} bytes of memory")
            pieces.append(piece)
        table = pa.concat_tables(pieces) if pieces else file.schema_arrow.empty_table()
    return table.cast(_undo_dictionaries(table.schema))


def _read_group(file: pq.ParquetFile, number: int, columns: Sequence[str] | None) -> pa.Table:
    # Each row group has a dictionary of its own; those of several are never held at once.
    piece = file.read_row_group(number, None if columns is None else list(columns))
    for name, column in zip(piece.column_names, piece.columns, strict=True):
        if (longest := _find_longest(column)) > MAX_TEXT_BYTES:
            raise ValueError(
                f"column '{name}' has a text of {longest} bytes; at most {MAX_TEXT_BYTES} are read"
            )
    return piece


def measure_bytes(table: pa.Table) -> int:
    """Memory that the rows of a table take once each text stands in its own row.

    Example:
        >>> import pyarrow as pa
        >>> once = pa.array(["x" * 1000]).dictionary_encode()
        >>> measure_bytes(pa.table({"id": pa.DictionaryArray.from_arrays([0] * 500, once.dictionary)}))
        500000
    """
    return sum(_measure_column(column) for column in table.columns)


def _measure_column(column: pa.ChunkedArray) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    total = 0
    for chunk in column.chunks:
        lengths = pc.binary_length(chunk.dictionary)
        # A dictionary may hold gigabytes of texts that no row has.
        total += max(pc.sum(lengths.take(chunk.indices)).as_py() or 0, chunk.dictionary.nbytes)
    return int(total)


def _find_longest(column: pa.ChunkedArray) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        return 0
    return max(
        (pc.max(pc.binary_length(chunk.dictionary)).as_py() or 0 for chunk in column.chunks), default=0
    )


def _is_text(field: pa.Field) -> bool:
    """Whether a column holds texts, which are then measured; what cannot be measured is refused."""
    import pyarrow as pa

    kind = field.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return True
    values = kind.value_type if pa.types.is_list(kind) else kind
    # Only these have values of one small size each; no table of answers has bytes or nested lists.
    if not (pa.types.is_primitive(values) or pa.types.is_null(values)):
        raise ValueError(f"column '{field.name}' holds {kind}, not texts, numbers or lists of numbers")
    return False


def _undo_dictionaries(schema: pa.Schema) -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
            for field in schema
        ],
        metadata=schema.metadata,
    )
