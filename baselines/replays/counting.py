"""Right answers of the runs of a row on its columns, gathered from their results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imagenet_g.baselines.lines.measure import Measurement
from imagenet_g.baselines.replays.columns import ColumnSpec, average_splits
from imagenet_g.baselines.replays.seeds import RunCounts
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.splits.references import parse_split_ref


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnCounts:
    """Right answers of the runs of a row on a column, and on the clean images of the same classes."""

    shifted: RunCounts
    clean: RunCounts


def gather_counts(
    row: str, measured: Sequence[Measurement], columns: Sequence[ColumnSpec]
) -> dict[str, ColumnCounts]:
    """Right answers of several results by column.

    Raises:
        InputError: The clean set has no image of a split's classes, so there is no gap.
        DataError: Two results are of other images.
    """
    found = {}
    for column in columns:
        parts = [_gather_split(row, measured, ref) for ref in column.splits]
        found[column.column] = ColumnCounts(
            shifted=average_splits([part.shifted for part in parts], column.column),
            clean=average_splits([part.clean for part in parts], column.column),
        )
    return found


def list_column_splits(columns: Sequence[ColumnSpec]) -> list[str]:
    """The splits of some columns, each once: two means may share most of theirs."""
    return list(dict.fromkeys(ref for column in columns for ref in column.splits))


def _gather_split(row: str, measured: Sequence[Measurement], text: str) -> ColumnCounts:
    ref = str(parse_split_ref(text))
    pairs = [counts.get(ref) for _, counts in measured]
    clean = [None if pair is None else pair.reference for pair in pairs]
    kept = [(pair.shifted, own) for pair, own in zip(pairs, clean, strict=True) if pair and own]
    if len(kept) < len(measured):
        raise InputError(f"'{row}' has no gap on '{ref}': the reference has no image of its classes.")
    stacked = []
    for side in zip(*kept, strict=True):
        # Runs are compared image set by image set; a split that changed between two runs must not pass.
        if any(not np.array_equal(one.total, side[0].total) for one in side):
            raise DataError(f"'{row}': two runs were evaluated on other images of '{ref}'.")
        stacked.append(RunCounts(right=np.stack([one.right for one in side]), total=side[0].total))
    return ColumnCounts(shifted=stacked[0], clean=stacked[1])
