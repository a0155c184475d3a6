"""Visitors' uploads: checked in another process with limits of memory and time, then deleted."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from imagenet_g.benchmark.errors import UntrustedFileError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.leaderboard.submissions.problems import Problem, ValidationReport, error
from imagenet_g.leaderboard.submissions.submission import make_predictions_path, make_stem
from imagenet_g.leaderboard.submissions.untrusted import MAX_PREDICTIONS_BYTES, read_json, validate_plain_file
from imagenet_g.leaderboard.uploads.store import UploadStore
from imagenet_g.leaderboard.validation.bounded import validate_bounded
from imagenet_g.leaderboard.validation.validate import make_report, parse_submission

# Above the number of splits of any version; each file may have 200 MB.
MAX_FILES = 60
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}\.parquet")


def check_stored(paths: Sequence[object], store: UploadStore, submissions: Path) -> ValidationReport:
    """The report on files of a store, which are deleted with it, whatever happens.

    Args:
        paths: As the visitor's browser sends them; whatever does not lie in the store is not opened.
        store: Where they lie.
        submissions: Folder that they are compared with.
    """
    files = store.find(paths)
    try:
        if paths and len(files) != len(paths):
            message = "the files are no longer here; upload them again"
            return make_report(Path("upload"), None, None, [error("upload", "files", message)])
        return check_upload(files, submissions, scratch=store.folder)
    finally:
        store.drop(list({file.parent for file in files}))


def check_upload(
    files: Sequence[Path], submissions: Path, *, scratch: Path | None = None
) -> ValidationReport:
    """The report on uploaded files: one JSON, and its predictions, which are known by their hashes.

    Args:
        files: What was uploaded.
        submissions: Folder that it is compared with.
        scratch: Where the files are laid out while they are checked; None for the system's folder.
    """
    documents = [file for file in files if file.suffix == ".json"]
    predictions = [file for file in files if file.suffix == ".parquet"]
    if len(documents) != 1 or len(files) > MAX_FILES or len(documents) + len(predictions) != len(files):
        message = "upload one submission (.json) and its predictions (.parquet), nothing else"
        return make_report(Path("upload"), None, None, [error("upload", "files", message)])
    with TemporaryDirectory(prefix="imagenet-g-", dir=scratch) as folder:
        placed = place_files(documents[0], predictions, Path(folder))
        if isinstance(placed, ValidationReport):
            return placed
        # In a process of its own, which cannot crash this one.
        return next(validate_bounded([placed], submissions))


def place_files(document: Path, predictions: Sequence[Path], folder: Path) -> Path | ValidationReport:
    """Copy the files to the layout of the repository, under names made here; a report where that fails."""
    try:
        _, content = read_json(document)
    except UntrustedFileError as refused:
        return _refuse(document, [error("unreadable", document.name, str(refused))])
    # The likeliest mistake, which would otherwise show as a list of missing fields.
    if isinstance(content, dict) and "statement" not in content and "entries" in content:
        message = "this is a result; run 'imagenet-g submit RESULT' to make a submission"
        return _refuse(document, [error("upload", document.name, message)])
    submission, problems = parse_submission(content)
    if submission is None:
        return _refuse(document, problems)
    # Folders are named by the parsed content and never by the uploaded names, which may climb out with "..".
    stem = make_stem(submission.statement)
    target = folder / submission.version / f"{stem}.json"
    (target.parent / stem).mkdir(parents=True)
    shutil.copyfile(document, target)
    wanted = {
        entry.predictions.sha256: make_predictions_path(stem, entry) for entry in submission.result.entries
    }
    for file in predictions:
        try:
            validate_plain_file(file, max_bytes=MAX_PREDICTIONS_BYTES)
        except UntrustedFileError as refused:
            return _refuse(document, [error("upload", file.name, str(refused))])
        # A browser renames a second download of one name, and people rename files.
        place = wanted.get(hash_file(file))
        if place is None and not _PLAIN.fullmatch(file.name):
            message = "is none of the predictions that the submission names, by its hash"
            return _refuse(document, [error("upload", file.name, message)])
        shutil.copyfile(file, target.parent / (place or PurePosixPath(stem) / file.name))
    return target


def _refuse(path: Path, problems: Sequence[Problem]) -> ValidationReport:
    return make_report(path, None, None, problems)
