"""What is written beside trained weights: from what, how long, and where they were trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import JsonValue, ValidationError

from imagenet_g.benchmark.errors import DataError, describe_failure
from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.storage import write_text

RECORD_NAME = "training.json"
_DECIDING = ("content_sha256", "images")


class TrainingStageRecord(FileModel):
    """How one stage was trained."""

    stage: str
    steps: int
    """Over all runs, those before `start_from` included."""
    seconds: float
    """Spent training, over all runs."""
    device: str
    """Device of the last run."""
    seed: int
    recipe_sha256: str
    """Of the stage's part of the recipe."""
    data: dict[str, JsonValue]
    """The split that was learnt from, with its content hash."""
    versions: dict[str, str]
    """Libraries of the last run."""


class TrainingRecord(FileModel):
    """The stages behind one folder of weights, in the order they were trained.

    A stage that went on from weights of other data has a record for each; steps and time count on.
    """

    schema_version: Literal[1]
    name: str
    license: str
    stages: tuple[TrainingStageRecord, ...]

    def find_stage(self, stage: str) -> TrainingStageRecord | None:
        """The last record of a stage, None where the folder does not have it."""
        # The last one, because a stage that went on from other data has several.
        return next((record for record in reversed(self.stages) if record.stage == stage), None)

    def list_earlier(self, now: TrainingStageRecord) -> tuple[TrainingStageRecord, ...]:
        """Records that a stage which went on from this folder has behind it, of other data."""
        return tuple(
            record for record in self.stages if record.stage == now.stage and record.data != now.data
        )


def identify_data(record: Mapping[str, JsonValue]) -> JsonValue:
    """The part of a training's data record that decides the weights: content and number, no names or notes.

    Example:
        >>> identify_data({"ref": "folder:/home/ann/set", "content_sha256": "ab", "notice": None})
        {'content_sha256': 'ab'}
    """
    kept: dict[str, JsonValue] = {key: record[key] for key in _DECIDING if key in record}
    if isinstance(parts := record.get("parts"), list):
        kept["parts"] = [identify_data(part) for part in parts if isinstance(part, dict)]
    return kept


def write_record(folder: Path, record: TrainingRecord) -> None:
    """Write the record beside the weights; last, so that a folder with a record is complete.

    Raises:
        StorageError: The folder cannot be written.
    """
    write_text(folder / RECORD_NAME, record.model_dump_json(indent=1) + "\n")


def load_record(folder: Path) -> TrainingRecord:
    """The record of a folder of weights.

    Raises:
        DataError: It is missing or cannot be read.
    """
    path = folder / RECORD_NAME
    try:
        return TrainingRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise DataError(f"'{path}' is no record of a training: {describe_failure(error)}") from error
