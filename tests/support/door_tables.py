"""Arrow tables as other programs leave them: columns gone, renamed, of other types, with holes."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

ODD_COLUMNS: tuple[list[object], ...] = (
    [None],
    [1],
    [-1],
    [70_000],
    [2**62],
    [2.5],
    [float("nan")],
    [float("inf")],
    ["7"],
    [""],
    [True],
    [b"bytes"],
    [[]],
    [[None]],
    [[1, 1]],
    [[5, 4, 3, 2, 1, 0]],
    [[1000]],
    [[-1]],
    [[65_540]],
    [[3.7]],
    [["3"]],
    [[float("nan")]],
    [[[1]]],
    [{"a": 1}],
    [{"bytes": None, "path": "x"}],
    [{"bytes": "text"}],
    [{"bytes": b"no image"}],
)
"""Values that fill a whole column, each of a type of its own."""


@st.composite
def altered(draw: st.DrawFn, table: pa.Table) -> pa.Table:
    """The table after up to three changes that another program may have made."""
    for _ in range(draw(st.integers(0, 3))):
        if table.num_columns:
            table = draw(altered_once(table))
    return table


@st.composite
def altered_once(draw: st.DrawFn, table: pa.Table) -> pa.Table:
    """The table after one change; its metadata stays."""
    at = draw(st.integers(0, table.num_columns - 1))
    name = table.column_names[at]
    match draw(
        st.sampled_from(["drop", "rename", "odd", "nulls", "rows", "doubled", "more", "order", "large"])
    ):
        case "drop":
            return table.remove_column(at)
        case "rename":
            names = [
                *table.column_names[:at],
                draw(st.sampled_from(ODD_NAMES)),
                *table.column_names[at + 1 :],
            ]
            return table.rename_columns(names)
        case "odd":
            value = draw(st.sampled_from(ODD_COLUMNS))
            return table.set_column(at, name, pa.array(value * table.num_rows))
        case "nulls":
            holes = draw(st.lists(st.booleans(), min_size=table.num_rows, max_size=table.num_rows))
            kept = [
                None if hole else value
                for hole, value in zip(holes, table.column(at).to_pylist(), strict=True)
            ]
            return table.set_column(at, name, pa.array(kept, table.schema.field(at).type))
        case "rows":
            return (
                table.take(
                    pa.array(
                        draw(st.lists(st.integers(0, max(table.num_rows - 1, 0)), max_size=10)), pa.int64()
                    )
                )
                if table.num_rows
                else table
            )
        case "doubled":
            return table.append_column(name, table.column(at))
        case "more":
            return table.append_column(draw(st.sampled_from(ODD_NAMES)), pa.array([1] * table.num_rows))
        case "order":
            return table.select(draw(st.permutations(range(table.num_columns))))
        case _:
            return table.set_column(at, name, widen(table.column(at)))


ODD_NAMES = (
    "",
    "label",
    "image",
    "image_id",
    "top5_index@imagenet-a",
    "top5_index@none",
    "LABEL",
    "[/data]",
    "also",
)


def widen(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same values in the types that polars and pandas write."""
    kind = column.type
    if pa.types.is_list(kind):
        return column.cast(pa.large_list(kind.value_type))
    if pa.types.is_string(kind):
        return column.cast(pa.large_string())
    if pa.types.is_integer(kind):
        return column.cast(pa.int64())
    return column


@st.composite
def altered_metadata(draw: st.DrawFn, table: pa.Table, key: bytes) -> pa.Table:
    """The table with one part of its JSON metadata gone or of another kind, or with none at all."""
    metadata = dict(table.schema.metadata or {})
    if key not in metadata:
        return table
    kind = draw(st.sampled_from(["whole", "whole", "whole", "none", "text", "part"]))
    if kind == "none":
        return table.replace_schema_metadata(None)
    if kind == "text":
        text = draw(st.sampled_from([b"", b"{", b"\xff", b"[]", b"null", b"[" * 100_000, b"1" * 5000]))
        return table.replace_schema_metadata(metadata | {key: text})
    if kind == "part":
        value = alter_json(
            json.loads(metadata[key]),
            draw(st.lists(st.integers(0, 30), min_size=1, max_size=3)),
            draw(st.sampled_from(ODD_JSON)),
        )
        return table.replace_schema_metadata(metadata | {key: json.dumps(value).encode()})
    return table


ODD_JSON: tuple[object, ...] = (
    None,
    True,
    -1,
    0,
    1e300,
    1000,
    "",
    "x",
    "[/data]",
    [],
    [0],
    [999, 0],
    {},
    {"a": 1},
    "\ud800",
    "w" * 300,
)


def alter_json(value: object, path: Sequence[int], odd: object) -> object:
    """The value with what lies at the path, a number a step, replaced."""
    if not path or not isinstance(value, dict | list) or not value:
        return odd
    step = path[0] % len(value)
    if isinstance(value, list):
        return [*value[:step], alter_json(value[step], path[1:], odd), *value[step + 1 :]]
    key = list(value)[step]
    return value | {key: alter_json(value[key], path[1:], odd)}


def encode_table(table: pa.Table, *, row_group_size: int = 3) -> bytes:
    """A parquet file with several row groups."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, row_group_size=row_group_size)
    return buffer.getvalue()
