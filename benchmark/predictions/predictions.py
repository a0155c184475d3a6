"""Predictions: the stored evidence, one row per image.

A predictions file is a parquet with these columns, rows in the split's own order:

    image_id            string
    label               list<int16>    acceptable class indices, nearly always one
    source_image_id     string or null the real image it was made from
    top5_index          list<int16>    best five of all 1000 classes, best first; null when unscored
    top5_probability    list<float>    their softmax probabilities, float32
    label_log_probability     float    natural log of the probability of the right answer; of their sum, where
                                       several classes are right
    squared_probability_sum   float    sum of all squared probabilities, classes that are right counted as one
    error               string or null why the image could not be scored
    strength            double         how strongly the image is shifted, 0 for not at all
    series              string         the scene that images of several strengths show
    ...@SET             the four of the outputs again, restricted to a class set; null where no label is in it

and a JSON `PredictionsMeta` in the parquet metadata. Scores, views, class subsets and gaps are computed from
this file alone. Files written before the two sums were stored lack these
columns; a split that does not say `strength` or `series` has no such column.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from imagenet_g.benchmark.answers.bounded_table import read_bounded
from imagenet_g.benchmark.answers.checks import ALL_CLASSES, check_top_five
from imagenet_g.benchmark.answers.ragged import make_ragged, parse_classes, parse_strings
from imagenet_g.benchmark.answers.top_five import TopFive, make_columns, parse_columns, stack_top_five
from imagenet_g.benchmark.errors import DataError, format_problems
from imagenet_g.benchmark.formats.runs import RunRecord
from imagenet_g.benchmark.records import (
    Count,
    FileModel,
    ModelRecord,
    Outputs,
    Sha256,
    SplitRecord,
)
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS
from imagenet_g.benchmark.storage import replace_file
from imagenet_g.benchmark.strengths.axis import Strengths, concatenate_strengths
from imagenet_g.benchmark.strengths.stored import make_strength_columns, parse_strength_columns

if TYPE_CHECKING:
    import pyarrow as pa

META_KEY = b"imagenet_g.predictions"
PART_KEY = b"imagenet_g.rows"
"""Of a share of the rows, which must not pass for the predictions on a split."""
Meta = TypeVar("Meta", bound=FileModel)
MAX_ROWS = 2_000_000
"""No split has more images than ImageNet's training set; a file that claims more is refused unread."""


class StoredClassSet(FileModel):
    """A class set that has its own restricted columns."""

    indices: tuple[Annotated[int, Field(ge=0, le=999)], ...]


class PredictionsMeta(FileModel):
    """What the rows are predictions of."""

    schema_version: Literal[1] = 1
    model: ModelRecord
    split: SplitRecord
    """The whole split, before any view."""
    classes: StoredClassSet
    """Classes the whole split covers."""
    outputs: Outputs
    """Which outputs this split is scored on when its reference covers the same classes."""
    run: RunRecord
    class_sets: dict[str, StoredClassSet]
    limit: Count | None
    key: Sha256
    """Cache key: weights, split manifest, preprocessing, dtype, backend."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """Rows of predictions in memory.

    Attributes:
        image_ids: N identities, unique.
        labels: `(N, L)` int16 acceptable class indices, padded with -1.
        source_image_ids: N identities of source images, or None each.
        top5: Best five of all classes.
        errors: N reasons why an image has no prediction, None for scored ones.
        restricted: Best five within a class set, by the set's name.
        strengths: How strongly each image is shifted; None where the split does not say.
    """

    image_ids: tuple[str, ...]
    labels: npt.NDArray[np.int16]
    source_image_ids: tuple[str | None, ...]
    top5: TopFive
    errors: tuple[str | None, ...]
    restricted: dict[str, TopFive] = field(default_factory=dict)
    strengths: Strengths | None = None

    def __len__(self) -> int:
        return len(self.image_ids)

    @property
    def scored(self) -> npt.NDArray[np.bool_]:
        """`(N,)`: whether an image has a prediction."""
        return np.array([error is None for error in self.errors], dtype=np.bool_)

    def take(self, rows: npt.NDArray[np.intp]) -> Predictions:
        """The given rows, in the given order."""
        return replace(
            self,
            image_ids=tuple(self.image_ids[row] for row in rows),
            labels=self.labels[rows],
            source_image_ids=tuple(self.source_image_ids[row] for row in rows),
            top5=self.top5.take(rows),
            errors=tuple(self.errors[row] for row in rows),
            restricted={name: top5.take(rows) for name, top5 in self.restricted.items()},
            strengths=None if self.strengths is None else self.strengths.take(rows),
        )


def write_predictions(path: Path, predictions: Predictions, meta: PredictionsMeta) -> None:
    """Write a predictions file in one step.

    Raises:
        StorageError: The place cannot be written.
    """
    write_rows(path, predictions, META_KEY, meta)


def write_rows(path: Path, predictions: Predictions, key: bytes, meta: FileModel) -> None:
    """Write rows with what they are, under a key of the parquet metadata, in one step.

    Raises:
        StorageError: The place cannot be written.
    """
    import pyarrow.parquet as pq

    # Inside the file: predictions that are copied elsewhere keep the record of what they are predictions of.
    table = make_table(predictions).replace_schema_metadata({key: meta.model_dump_json().encode()})
    with replace_file(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def load_predictions(path: Path) -> tuple[Predictions, PredictionsMeta]:
    """Read and validate a predictions file.

    Raises:
        DataError: It is missing, not parquet, not a predictions file, or breaks the contract.
    """
    return load_stored_rows(path, META_KEY, PredictionsMeta, find_meta=lambda meta: meta)


def load_stored_rows(
    path: Path, key: bytes, kind: type[Meta], *, find_meta: Callable[[Meta], PredictionsMeta]
) -> tuple[Predictions, Meta]:
    """Read and validate rows with what they are.

    Args:
        path: The file.
        key: Of the parquet metadata that says what they are.
        kind: What that is.
        find_meta: From it to the classes of the columns, among all else.

    Raises:
        DataError: The file is missing, not parquet, of another kind, or breaks the contract.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        # The footer is read before the rows; a submission is untrusted.
        if file.metadata.num_rows > MAX_ROWS:
            raise DataError(f"'{path}' claims {file.metadata.num_rows} rows; at most {MAX_ROWS} are read.")
        meta = _load_meta(path, file.schema_arrow, key, kind)
        predictions = parse_table(read_bounded(path))
    except FileNotFoundError as error:
        raise DataError(f"There is no predictions file '{path}'.") from error
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"'{path}' is not a predictions file: {error}") from error
    sets = {name: one.indices for name, one in find_meta(meta).class_sets.items()}
    validate_predictions(predictions, source=str(path), class_sets=sets)
    return predictions, meta


def _load_meta(path: Path, schema: pa.Schema, key: bytes, kind: type[Meta]) -> Meta:
    """What the rows are, from the parquet schema."""
    found = schema.metadata or {}
    if key not in found:
        if PART_KEY in found:
            raise DataError(
                f"'{path}' holds a share of the rows and is no result; join all shares by 'imagenet-g merge'."
            )
        raise DataError(f"'{path}' is a parquet file but carries no imagenet-g predictions metadata.")
    try:
        return kind.model_validate_json(found[key])
    except ValidationError as error:
        raise DataError(f"'{path}' has malformed metadata:\n{format_problems(error)}") from error


def make_table(predictions: Predictions) -> pa.Table:
    """Arrow table of the columns described at the top of this module."""
    import pyarrow as pa

    scored = predictions.scored
    everywhere = np.ones(len(predictions), dtype=np.bool_)
    columns: dict[str, pa.Array] = {
        "image_id": pa.array(predictions.image_ids, pa.string()),
        "label": make_ragged(predictions.labels, predictions.labels != NO_CLASS, everywhere, pa.int16()),
        "source_image_id": pa.array(predictions.source_image_ids, pa.string()),
        **make_columns("", predictions.top5, scored),
        "error": pa.array(predictions.errors, pa.string()),
        **make_strength_columns(predictions.strengths),
    }
    for name, top5 in sorted(predictions.restricted.items()):
        columns |= make_columns(f"@{name}", top5, scored & (top5.indices[:, 0] != NO_CLASS))
    return pa.table(columns)


def parse_table(table: pa.Table) -> Predictions:
    """Predictions from an arrow table of our columns.

    Raises:
        KeyError: A column is missing or doubled.
        TypeError: A column is of another type.
        ValueError: A list is longer than five, or a value does not fit.
    """
    suffixes = [name.split("@", 1)[1] for name in table.column_names if name.startswith("top5_index@")]
    return Predictions(
        image_ids=parse_strings(table, "image_id"),
        labels=parse_classes(table, "label", width=None),
        source_image_ids=parse_strings(table, "source_image_id"),
        top5=parse_columns(table, ""),
        errors=parse_strings(table, "error"),
        restricted={name: parse_columns(table, f"@{name}") for name in suffixes},
        strengths=parse_strength_columns(table),
    )


def concatenate_predictions(parts: Sequence[Predictions]) -> Predictions:
    """Join parts row-wise; all must have the same restricted class sets."""
    # Parts were padded one by one, each to its own longest list of labels.
    width = max(part.labels.shape[1] for part in parts)
    labels = [
        np.pad(part.labels, ((0, 0), (0, width - part.labels.shape[1])), constant_values=NO_CLASS)
        for part in parts
    ]
    return Predictions(
        image_ids=tuple(chain.from_iterable(part.image_ids for part in parts)),
        labels=np.concatenate(labels),
        source_image_ids=tuple(chain.from_iterable(part.source_image_ids for part in parts)),
        top5=stack_top_five([part.top5 for part in parts]),
        errors=tuple(chain.from_iterable(part.errors for part in parts)),
        restricted={
            name: stack_top_five([part.restricted[name] for part in parts]) for name in parts[0].restricted
        },
        strengths=concatenate_strengths([part.strengths for part in parts]),
    )


def validate_predictions(
    predictions: Predictions, *, source: str, class_sets: Mapping[str, tuple[int, ...]] | None = None
) -> None:
    """Check what no honest run can break.

    Args:
        predictions: The rows.
        source: What they are called in a message.
        class_sets: Classes of the restricted outputs, by name; any class is allowed in those left out.

    Raises:
        DataError: Repeated or missing ids, classes outside 0..999, repeated classes in a top-5,
            probabilities outside [0, 1] or increasing, sums over the outputs that contradict them, or
            rows that are both scored and failed.
    """
    if len(set(predictions.image_ids)) != len(predictions) or None in predictions.image_ids:
        raise DataError(f"'{source}' has repeated or missing image ids.")
    if ((predictions.labels < NO_CLASS) | (predictions.labels > 999)).any():
        raise DataError(f"'{source}' has labels outside 0..999.")
    if len(predictions) and (predictions.labels[:, 0] == NO_CLASS).any():
        raise DataError(f"'{source}' has an image without a label.")
    if ((predictions.top5.indices[:, 0] != NO_CLASS) != predictions.scored).any():
        raise DataError(f"'{source}' has rows that are neither a prediction nor an error, or both.")
    check_top_five(predictions.top5, predictions.labels, source=f"{source} (top5)")
    for name, top5 in predictions.restricted.items():
        classes = (class_sets or {}).get(name) or ALL_CLASSES
        check_top_five(top5, predictions.labels, source=f"{source} ({name})", classes=classes)
