"""Strengths as columns of stored predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.strengths.axis import (
    SERIES_COLUMN,
    STRENGTH_COLUMN,
    Strengths,
    validate_series,
    validate_strengths,
)

if TYPE_CHECKING:
    import pyarrow as pa


def make_strength_columns(strengths: Strengths | None) -> dict[str, pa.Array]:
    """Arrow columns by name; none where the split does not say.

    Example:
        >>> sorted(make_strength_columns(Strengths(np.array([0.0, 1.0]), None)))
        ['strength']
    """
    import pyarrow as pa

    if strengths is None:
        return {}
    series = {} if strengths.series is None else {SERIES_COLUMN: pa.array(strengths.series, pa.string())}
    return {STRENGTH_COLUMN: pa.array(strengths.values, pa.float64()), **series}


def parse_strength_columns(table: pa.Table) -> Strengths | None:
    """Strengths from an arrow table of our columns; None where it has none.

    Raises:
        TypeError: A column is of another type, or lacks a value.
        ValueError: A value is no strength, or a series has two images of one strength.
    """
    import pyarrow as pa

    if STRENGTH_COLUMN not in table.column_names:
        return None
    column = table[STRENGTH_COLUMN]
    if not pa.types.is_float64(column.type) or column.null_count:
        raise TypeError(f"column '{STRENGTH_COLUMN}' holds {column.type} with nulls, not numbers")
    found = Strengths(np.asarray(column.to_numpy(), dtype=np.float64), _parse_series(table))
    try:
        validate_strengths(found.values)
        if found.series is not None:
            validate_series(found.values, found.series)
    except DataError as error:
        # Whoever reads a file adds its name to an error of this kind.
        raise ValueError(str(error)) from error
    return found


def _parse_series(table: pa.Table) -> tuple[str, ...] | None:
    if SERIES_COLUMN not in table.column_names:
        return None
    series = table[SERIES_COLUMN].to_pylist()
    if not all(isinstance(name, str) for name in series):
        raise TypeError(f"column '{SERIES_COLUMN}' must name the series of every image")
    return tuple(series)
