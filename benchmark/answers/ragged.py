"""Padded arrays in memory, lists of their true length in parquet; columns read by the type they must have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.classes import NUM_CLASSES
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS

if TYPE_CHECKING:
    import pyarrow as pa

MAX_WIDTH = 1000
"""No image has more acceptable labels than there are classes."""


def make_ragged(
    values: npt.NDArray[Any], kept: npt.NDArray[np.bool_], present: npt.NDArray[np.bool_], kind: pa.DataType
) -> pa.Array:
    """A list column from a padded array.

    Args:
        values: `(N, W)` values.
        kept: `(N, W)` which of them are there; the others are padding.
        present: `(N,)` rows that have a list at all; the others are null.
        kind: Arrow type of a value.

    Returns:
        N lists, or null.

    Example:
        >>> import pyarrow as pa
        >>> values = np.array([[4, 2], [-1, -1]])
        >>> make_ragged(values, values != -1, np.array([True, False]), pa.int16()).to_pylist()
        [[4, 2], None]
    """
    import pyarrow as pa

    kept = kept & present[:, None]
    ends = np.cumsum(kept.sum(axis=1), dtype=np.int32)
    offsets = np.concatenate([np.zeros(1, dtype=np.int32), ends])
    # By offsets alone a missing list equals an empty one; the mask separates them.
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values[kept], kind), mask=pa.array(~present))


def parse_ragged(column: pa.ChunkedArray, *, fill: float, width: int | None) -> npt.NDArray[np.float64]:
    """A padded array from a list column.

    Args:
        column: N lists of numbers, or null.
        fill: What stands where a list has ended.
        width: Most values a list may have; None to take the longest as it is, up to `MAX_WIDTH`.

    Returns:
        `(N, W)` float64; W is `width`, or the longest list's length and at least 1.

    Raises:
        ValueError: A list is too long, or holds a null.
        TypeError: The column does not hold lists of numbers.

    Example:
        >>> import pyarrow as pa
        >>> parse_ragged(pa.chunked_array([[[4, 2], None, [7]]]), fill=-1, width=None).tolist()
        [[4.0, 2.0], [-1.0, -1.0], [7.0, -1.0]]
    """
    import pyarrow as pa

    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if not (pa.types.is_list(array.type) and _is_number(array.type.value_type)):
        raise TypeError(f"{array.type} where a list of numbers belongs")
    lengths = array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    longest = int(lengths.max(initial=1))
    # Before the padded array is made: one list of a billion numbers would take its width for every row.
    if longest > (width or MAX_WIDTH):
        raise ValueError(f"a list of {longest} values where at most {width or MAX_WIDTH} belong")
    # `flatten` and not `values`: the latter holds what null lists and slices leave out.
    flat = array.flatten()
    if flat.null_count:
        raise ValueError("a list holds a null")
    padded = np.full((len(array), width or longest), fill, dtype=np.float64)
    padded[np.arange(padded.shape[1]) < lengths[:, None]] = flat.to_numpy(zero_copy_only=False)
    return padded


def parse_classes(table: pa.Table, name: str, *, width: int | None) -> npt.NDArray[np.int16]:
    """Class indices of a list column, `(N, W)` in 0..999, padded with -1; as `parse_ragged`.

    Raises:
        KeyError: There is no such column, or there are several.
        ValueError: A list is too long, or a class lies outside 0..999.
        TypeError: The column does not hold lists of integers.

    Example:
        >>> import pyarrow as pa
        >>> parse_classes(pa.table({"label": [[4, 2], [7]]}), "label", width=None).tolist()
        [[4, 2], [7, -1]]
        >>> parse_classes(pa.table({"label": [[3.7]]}), "label", width=None)
        Traceback (most recent call last):
            ...
        TypeError: column 'label' holds list<item: double>, not lists of class numbers
    """
    import pyarrow as pa

    kind = table[name].type
    # 3.7 would become class 3, and 65540 class 4.
    if not (pa.types.is_list(kind) and pa.types.is_integer(kind.value_type)):
        raise TypeError(f"column '{name}' holds {kind}, not lists of class numbers")
    classes = parse_ragged(table[name], fill=NO_CLASS, width=width)
    if ((classes < NO_CLASS) | (classes >= NUM_CLASSES)).any():
        raise ValueError(f"column '{name}' has classes outside 0..{NUM_CLASSES - 1}")
    return classes.astype(np.int16)


def parse_strings(table: pa.Table, name: str) -> tuple[Any, ...]:
    """Strings of a column, None for null.

    Raises:
        KeyError: There is no such column, or there are several.
        TypeError: The column does not hold strings.

    Example:
        >>> import pyarrow as pa
        >>> parse_strings(pa.table({"error": ["empty file", None]}), "error")
        ('empty file', None)
    """
    import pyarrow as pa

    kind = table[name].type
    # A column of nulls alone has no type of its own where another program has written the file.
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)):
        raise TypeError(f"column '{name}' holds {kind}, not strings")
    return tuple(table[name].to_pylist())


def parse_numbers(table: pa.Table, name: str) -> npt.NDArray[np.float32]:
    """Numbers of a column, `(N,)` float32; NaN for null.

    Raises:
        KeyError: There is no such column, or there are several.
        TypeError: The column does not hold floating-point numbers.

    Example:
        >>> import pyarrow as pa
        >>> parse_numbers(pa.table({"sum": [0.5, None]}), "sum").tolist()
        [0.5, nan]
    """
    import pyarrow as pa

    kind = table[name].type
    # A column of nulls alone has no type of its own where another program has written the file.
    if not (pa.types.is_floating(kind) or pa.types.is_null(kind)):
        raise TypeError(f"column '{name}' holds {kind}, not floating-point numbers")
    return np.asarray(table[name].cast(pa.float64()).to_numpy(), dtype=np.float32)


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    # Lists that are all empty have no type of their own.
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind))
