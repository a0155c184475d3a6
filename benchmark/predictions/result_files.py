"""Result files in and out."""

from __future__ import annotations

import stat
from pathlib import Path

from pydantic import ValidationError

from imagenet_g.benchmark.errors import DataError, format_problems
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.results import Entry, Result
from imagenet_g.benchmark.storage import write_text

RESULT_NAME = "result.json"
MAX_LISTED = 5
MAX_RESULT_BYTES = 50_000_000
"""A result of a thousand splits has a few megabytes; more is refused unread."""


def load_result(path: Path) -> Result:
    """Read and validate a result file, or the one in a folder.

    Raises:
        DataError: It is missing, too large or breaks the schema; every broken field is named.
    """
    folder = path
    path = path / RESULT_NAME if path.is_dir() else path
    try:
        status = path.stat()
        # Opening a pipe waits for a writer, and a device has no end.
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"'{path}' is a pipe, a device or a folder and no result file.")
        if status.st_size > MAX_RESULT_BYTES:
            raise DataError(f"'{path}' is larger than {MAX_RESULT_BYTES} bytes; that is no result file.")
        return Result.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"There is no result file '{path}'.{_list_results_inside(folder)}") from error
    except ValidationError as error:
        raise DataError(f"'{path}' is not a valid result:\n{format_problems(error)}") from error
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror or error}.") from error


def _list_results_inside(folder: Path) -> str:
    """Advice for a folder of several models' results, as `evaluate --out` writes them; else empty."""
    found = sorted(str(one.parent) for one in folder.glob(f"*/{RESULT_NAME}"))
    more = f" and {len(found) - MAX_LISTED} more" if len(found) > MAX_LISTED else ""
    return f" Name a result inside: {', '.join(found[:MAX_LISTED])}{more}." if found else ""


def find_result_folder(path: Path) -> Path:
    """The folder of a result, named by its file or by itself; its predictions lie there too.

    Example:
        >>> find_result_folder(Path("results/resnet50/result.json")).name
        'resnet50'
    """
    return path if path.is_dir() else path.parent


def has_predictions(folder: Path, entry: Entry) -> bool:
    """Whether the predictions beside a result are those that an entry was computed from."""
    path = folder / entry.predictions.file
    return path.is_file() and hash_file(path) == entry.predictions.sha256


def write_result(folder: Path, result: Result) -> Path:
    """Write `result.json` into a folder in one step and return its path."""
    path = folder / RESULT_NAME
    write_text(path, result.model_dump_json(indent=2) + "\n")
    return path
