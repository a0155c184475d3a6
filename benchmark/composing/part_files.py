"""Predictions on a share of the rows: a file that is no result and cannot be submitted.

A parquet with the columns of a predictions file and, under a key of its own, a `PartMeta`: which rows these
are, and all that is needed to score the whole once every share is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from imagenet_g.benchmark.composing.row_shares import MAX_SHARES, RowShare
from imagenet_g.benchmark.composing.scoring_plans import ScoringPlan
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.identity import make_slug
from imagenet_g.benchmark.predictions.predictions import (
    MAX_ROWS,
    PART_KEY,
    Predictions,
    PredictionsMeta,
    load_stored_rows,
    write_rows,
)
from imagenet_g.benchmark.records import FileModel, ModelRecord

FOLDER = "rows"
"""Of a model's folder: where its shares lie."""
RowNumber = Annotated[int, Field(ge=0, le=MAX_ROWS)]
ShareNumber = Annotated[int, Field(ge=1, le=MAX_SHARES)]


class PartMeta(FileModel):
    """What the rows of a share are."""

    schema_version: Literal[1] = 1
    number: ShareNumber
    of: ShareNumber
    start: RowNumber
    """First row, of those that the whole run has."""
    stop: RowNumber
    """The row behind the last one; the first one again for a share without rows."""
    num_rows: RowNumber
    """Rows of the whole run."""
    predictions: PredictionsMeta
    """As a run of all rows has it, but for the run, which is of this share."""
    model: ModelRecord
    """The model with what the user declared about its training."""
    plan: ScoringPlan
    imagenet_g: str
    """Version of the package."""
    statistics: int

    @model_validator(mode="after")
    def _validate_bounds(self) -> Self:
        if not (self.number <= self.of and self.start <= self.stop <= self.num_rows):
            raise ValueError(
                f"share {self.number}/{self.of} with rows {self.start} to {self.stop} of {self.num_rows}"
            )
        return self

    @property
    def share(self) -> RowShare:
        """Which share it is."""
        return RowShare(self.number, self.of)


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A share as it was read.

    Attributes:
        path: Its file.
        predictions: Its rows.
        meta: What they are.
    """

    path: Path
    predictions: Predictions
    meta: PartMeta


def name_part(folder: Path, *, split: str, key: str, share: RowShare) -> Path:
    """Where a share lies in the folder of a model: a file of its own for whatever could decide an answer.

    Example:
        >>> name_part(Path("net"), split="v1/sd-l", key="0123456789abcdef", share=RowShare(3, 8)).as_posix()
        'net/rows/v1-sd-l-0123456789ab/3-of-8.parquet'
    """
    return folder / FOLDER / f"{make_slug(split)}-{key[:12]}" / f"{share.number}-of-{share.of}.parquet"


def write_part(path: Path, predictions: Predictions, meta: PartMeta) -> None:
    """Write a share in one step.

    Raises:
        StorageError: The place cannot be written.
    """
    write_rows(path, predictions, PART_KEY, meta)


def load_part(path: Path) -> StoredPart:
    """Read and validate a share.

    Raises:
        DataError: It is missing, not such a file, or breaks the contract.
    """
    predictions, meta = load_stored_rows(path, PART_KEY, PartMeta, find_meta=lambda meta: meta.predictions)
    if len(predictions) != meta.stop - meta.start:
        raise DataError(
            f"'{path}' holds {len(predictions)} rows and says that it holds {meta.start} to {meta.stop}."
        )
    return StoredPart(path, predictions, meta)


def list_part_files(folder: Path) -> list[Path]:
    """The shares below a folder of results, of one model's, or of shares.

    Raises:
        DataError: It holds no share.
    """
    patterns = (f"*/{FOLDER}/*/*.parquet", f"{FOLDER}/*/*.parquet", "*-of-*.parquet")
    found = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    if not found:
        raise DataError(
            f"'{folder}' holds no shares of rows; name the --out folder of 'imagenet-g evaluate --rows'."
        )
    return found
