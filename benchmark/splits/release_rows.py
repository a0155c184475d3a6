"""Rows of a release from its parquet columns, every one checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagenet_g.benchmark.classes import NUM_CLASSES, load_index_by_wnid
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.images.parquet import ParquetImages
from imagenet_g.benchmark.splits.splits import SplitRows, make_labels
from imagenet_g.benchmark.strengths.axis import (
    GROUPING_COLUMNS,
    SERIES_COLUMN,
    STRENGTH_COLUMN,
    Strengths,
    is_grouping,
    make_strengths,
    name_series,
    validate_series,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from imagenet_g.benchmark.statistics.accuracy import FloatArray

REQUIRED_COLUMNS = ("image", "label", "image_id", "wnid", "source_image_id")
ALSO_COLUMN = "also"
"""Optional list column: other class indices an image may rightly be called by."""


def load_release_rows(images: ParquetImages) -> SplitRows:
    """Ids and labels from the columns of a release's shards, every row checked.

    Raises:
        DataError: A column is missing or of the wrong type, an id is repeated or empty, a label lies
            outside 0..999 or is not the class of its wnid.
    """
    _validate_schema(images.schema)
    ids, wnids = images.read_column("image_id"), images.read_column("wnid")
    labels, sources = images.read_column("label"), images.read_column("source_image_id")
    if None in ids or "" in ids or len(set(ids)) != len(ids):
        raise DataError("The release has image ids that are missing or repeated.")
    index_by_wnid = load_index_by_wnid()
    for image_id, wnid, label in zip(ids, wnids, labels, strict=True):
        # Both are stored, so that a release whose class order is another one is found out.
        if index_by_wnid.get(str(wnid)) != label or label is None:
            raise DataError(f"Image '{image_id}' has wnid '{wnid}' and label {label}, which do not agree.")
    return SplitRows(
        image_ids=tuple(map(str, ids)),
        labels=make_labels(_add_other_labels(images, [index_by_wnid[str(wnid)] for wnid in wnids])),
        source_image_ids=tuple(None if source is None else str(source) for source in sources),
        strengths=_read_strengths(images, [str(wnid) for wnid in wnids]),
    )


def _read_strengths(images: ParquetImages, wnids: Sequence[str]) -> Strengths | None:
    if STRENGTH_COLUMN not in images.schema.names:
        return None
    values = make_strengths(images.read_column(STRENGTH_COLUMN))
    return None if values is None else Strengths(values, _read_series(images, wnids, values))


def _read_series(images: ParquetImages, wnids: Sequence[str], values: FloatArray) -> tuple[str, ...] | None:
    known = images.schema.names
    given = images.read_column(SERIES_COLUMN) if SERIES_COLUMN in known else [None]
    if any(value is not None for value in given):
        series = name_series(given, wnids)
        if series is None:
            raise DataError(f"Column '{SERIES_COLUMN}' is empty for some images; name the series of each.")
        validate_series(values, series)
        return series
    columns = (name_series(images.read_column(name), wnids) for name in GROUPING_COLUMNS if name in known)
    return next((series for series in columns if series is not None and is_grouping(values, series)), None)


def _add_other_labels(images: ParquetImages, labels: Sequence[int]) -> list[tuple[int, ...]]:
    """Acceptable labels of each image, its own first."""
    if ALSO_COLUMN not in images.schema.names:
        return [(label,) for label in labels]
    found = []
    for label, others in zip(labels, images.read_column(ALSO_COLUMN), strict=True):
        also = others or []
        if not isinstance(also, list) or not all(isinstance(o, int) and 0 <= o < NUM_CLASSES for o in also):
            raise DataError(f"Column '{ALSO_COLUMN}' must hold lists of class indices 0..999, not {also!r}.")
        # The own label stays first: views and counts by class go by it.
        found.append((label, *(other for other in dict.fromkeys(also) if other != label)))
    return found


def _validate_schema(schema: pa.Schema) -> None:
    import pyarrow as pa

    for name in REQUIRED_COLUMNS:
        if schema.names.count(name) != 1:
            raise DataError(f"A release needs one column '{name}'. Columns: {', '.join(schema.names)}.")
    if not pa.types.is_integer(schema.field("label").type):
        raise DataError(f"Column 'label' holds {schema.field('label').type}, not class indices 0..999.")
    for name in ("image_id", "wnid", "source_image_id"):
        kind = schema.field(name).type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            raise DataError(f"Column '{name}' holds {kind}, not strings.")
