"""What became of the models of a sweep: one small file in the folder of the results.

A journal that is lost costs little: predictions are in the cache, and every model is scored again from there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import Field, ValidationError

from imagenet_g.benchmark.errors import DataError, format_problems
from imagenet_g.benchmark.predictions.result_files import RESULT_NAME
from imagenet_g.benchmark.records import Count, FileModel, Sha256
from imagenet_g.benchmark.storage import write_text

JOURNAL_NAME = "sweep.json"


class DoneRecord(FileModel):
    """A model with a result."""

    asked: Sha256
    """Hash of all that was asked of it: splits, clean sets, baselines and options."""
    folder: str
    """Of its result, below the folder of all results."""
    predictions: dict[str, Sha256]
    """Hash of the predictions on each split and clean set that was asked for, by its reference."""
    num_images: Count
    """On all splits together."""
    seconds_per_image: float | None
    """As measured when they were computed; null where nothing was measured."""


class FailedRecord(FileModel):
    """A model without a result."""

    asked: Sha256
    error: str
    """The message, without what follows its first line."""
    failed_utc: str


class Journal(FileModel):
    """The models of a sweep by their full spec."""

    done: dict[str, DoneRecord] = Field(default_factory=dict)
    failed: dict[str, FailedRecord] = Field(default_factory=dict)
    running: tuple[str, ...] = ()
    """Those at work; where the process died, they are still here."""


def load_journal(out: Path) -> Journal:
    """The journal of a folder of results; an empty one where no file is.

    Raises:
        DataError: It cannot be read, or breaks the schema.
    """
    path = out / JOURNAL_NAME
    try:
        return Journal.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Journal()
    except ValidationError as error:
        raise DataError(
            f"'{path}' is no journal of a sweep:\n{format_problems(error)}\nRemove it and run the same "
            "command again: predictions that are done are in the cache."
        ) from error
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror or error}.") from error


def change_journal(out: Path, change: Callable[[Journal], Journal]) -> Journal:
    """Read the journal, change it and write it in one step.

    Args:
        out: The folder of results.
        change: From the journal as it is to what it becomes.

    Raises:
        DataError: As `load_journal`.
        StorageError: It cannot be written.
    """
    # Read each time: another sweep into the same folder may have added to it.
    journal = change(load_journal(out))
    write_text(out / JOURNAL_NAME, journal.model_dump_json(indent=1) + "\n")
    return journal


def add_done(journal: Journal, spec: str, record: DoneRecord) -> Journal:
    """The journal after a model was done.

    Example:
        >>> record = DoneRecord(
        ...     asked="0" * 64, folder="a", predictions={}, num_images=1, seconds_per_image=None
        ... )
        >>> list(add_done(Journal(running=("a", "b")), "a", record).done)
        ['a']
    """
    return Journal(
        done={**journal.done, spec: record},
        failed=_without(journal.failed, spec),
        running=tuple(name for name in journal.running if name != spec),
    )


def add_failed(journal: Journal, spec: str, record: FailedRecord) -> Journal:
    """The journal after a model failed.

    Example:
        >>> record = FailedRecord(asked="0" * 64, error="no weights", failed_utc="2026-01-01T00:00:00+00:00")
        >>> add_failed(Journal(running=("a", "b")), "a", record).running
        ('b',)
    """
    return Journal(
        done={name: found for name, found in journal.done.items() if name != spec},
        failed={**journal.failed, spec: record},
        running=tuple(name for name in journal.running if name != spec),
    )


def set_running(journal: Journal, specs: tuple[str, ...]) -> Journal:
    """The journal with these models at work."""
    return journal.model_copy(update={"running": specs})


def is_done(journal: Journal, spec: str, asked: str, out: Path) -> bool:
    """Whether a model has its result, for the same question, and the result still holds what it held."""
    record = journal.done.get(spec)
    if record is None or record.asked != asked:
        return False
    found = _read_predictions(out / record.folder / RESULT_NAME)
    # A later run of the same model on fewer images replaces the entries.
    return all(found.get(ref) == sha256 for ref, sha256 in record.predictions.items())


def _read_predictions(path: Path) -> dict[str, object]:
    """Hashes in a result file by reference, without checking all of it: a thousand are read at each start."""
    try:
        entries = json.loads(path.read_bytes())["entries"]
        return {entry["split"]["ref"]: entry["predictions"]["sha256"] for entry in entries}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _without(records: Mapping[str, FailedRecord], spec: str) -> dict[str, FailedRecord]:
    return {name: found for name, found in records.items() if name != spec}
