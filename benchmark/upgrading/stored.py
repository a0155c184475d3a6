"""Files that hold a result: `result.json`, and what other folders of the package add by entry point.

An entry point of the group `imagenet_g.result_files` names a function from a path to a `StoredResult`, or to
None where the file is of another kind. So a submission is brought up in its own form, and this folder need
not know that form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.plugins import list_points, load_point, make_broken
from imagenet_g.benchmark.predictions.result_files import RESULT_NAME, load_result, write_result
from imagenet_g.benchmark.results import Result

RESULT_FILES_GROUP = "imagenet_g.result_files"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResult:
    """A result in its file.

    Attributes:
        path: The file.
        result: What it holds.
        write: Replaces the result in the file in one step.
        baselines: Measured baselines that lie where the file's kind keeps them.
        advice: What to do after the file has changed; empty for nothing.
    """

    path: Path
    result: Result
    write: Callable[[Result], object]
    baselines: tuple[Path, ...] = ()
    advice: str = ""


Opener = Callable[[Path], StoredResult | None]


def open_result_file(path: Path) -> StoredResult | None:
    """A `result.json`; None for a file of another name.

    Raises:
        DataError: It is malformed.
    """
    if path.name != RESULT_NAME:
        return None
    return StoredResult(
        path=path, result=load_result(path), write=lambda result: write_result(path.parent, result)
    )


def list_openers() -> list[Opener]:
    """How each kind of file is opened, `result.json` first.

    Raises:
        InputError: Another package's entry point cannot be used.
    """
    openers: list[Opener] = [open_result_file]
    for points in list_points(RESULT_FILES_GROUP).values():
        for point in points:
            loaded = load_point(point, "kind of result file")
            if not callable(loaded):
                raise make_broken(point, "kind of result file", f"'{point.value}' cannot be called")
            openers.append(loaded)
    return openers


def list_result_files(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The JSON files below folders, and the files that are named themselves; each once."""
    found = [sorted(path.rglob("*.json")) if path.is_dir() else [path] for path in paths]
    return tuple(dict.fromkeys(file for files in found for file in files))


def open_stored(path: Path, openers: Sequence[Opener]) -> StoredResult | None:
    """The result in a file; None where no kind of file fits.

    Raises:
        DataError: It is malformed.
    """
    opened = (opener(path) for opener in openers)
    return next((stored for stored in opened if stored is not None), None)


def make_unknown(paths: Sequence[Path]) -> InputError:
    """The error about paths that hold no result."""
    named = ", ".join(f"'{path}'" for path in paths)
    return InputError(
        f"There is no result in {named}. Name a {RESULT_NAME}, a submission, or a folder of them."
    )
