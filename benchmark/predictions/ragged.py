"""Padded arrays in memory, lists of their true length in parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

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
    if not pa.types.is_list(array.type):
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
