"""From answers and a result to a validated file with its predictions beside it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
from imagenet_g.benchmark.errors import DataError, InputError, UntrustedFileError, format_problems
from imagenet_g.benchmark.results import Result
from imagenet_g.benchmark.storage import replace_file, translate_storage_errors, write_text
from imagenet_g.leaderboard.submissions.problems import ValidationReport
from imagenet_g.leaderboard.submissions.submission import (
    SUFFIX,
    Statement,
    Submission,
    format_submission,
    make_stem,
)
from imagenet_g.leaderboard.submissions.untrusted import read_json
from imagenet_g.leaderboard.submitting.proposals import propose_name
from imagenet_g.leaderboard.validation.peers import KnownSubmission
from imagenet_g.leaderboard.validation.split_store import SplitStore
from imagenet_g.leaderboard.validation.validate import (
    ValidationContext,
    load_known_baselines,
    load_known_submissions,
    parse_submission,
    validate_submission,
)


def choose_version(result: Result, asked: str | None) -> str:
    """The version of the splits of a result.

    Raises:
        InputError: It has splits of several versions or without one, or not of the version asked for.
    """
    found = sorted({entry.split.version for entry in result.entries if entry.split.version is not None})
    if asked is not None and asked in found:
        return asked
    if asked is None and len(found) == 1:
        return found[0]
    if not found:
        raise InputError(
            "The result is on real sets, folders or sets of your own only; such results cannot be submitted. "
            "A submission is on the splits of one version of ImageNet-G: evaluate the model on those."
        )
    if asked is not None:
        raise InputError(f"The result has no split of '{asked}'. It has splits of: {', '.join(found)}.")
    raise InputError(
        f"The result has splits of {len(found)} versions, and a submission is on one. Choose it with "
        f"--version: {', '.join(found)}."
    )


def refuse_partial(result: Result) -> None:
    """Refuse part of a split before any question is asked.

    Raises:
        InputError: Some split was run with --limit.
    """
    partial = [entry.split.ref for entry in result.entries if entry.partial]
    if partial:
        raise InputError(
            f"Only part of {', '.join(partial)} was run; evaluate again without --limit to submit."
        )


def suggest_answers(result: Result, known: Sequence[KnownSubmission] = ()) -> dict[str, str]:
    """Answers that follow from the result.

    Args:
        result: The result.
        known: What is on the board. A model that is there keeps its name, and another must not look like it.
    """
    same = (
        one.submission.statement.model
        for one in known
        if one.submission.result.model.weights_sha256 == result.model.weights_sha256
    )
    name = next(same, "") or propose_name(
        result.model.spec, [one.submission.statement.model for one in known]
    )  # fmt: skip
    model = result.model
    generated = model.generated_training_data
    # Any other data set that the result names is more than ImageNet-1k; a person can correct the suggestion.
    known_data = {"imagenet-1k": "imagenet-1k", None: "unknown"}
    return {
        "name": name,
        "training_data": known_data.get(model.training_data, "more-data"),
        "generated_training_data": "unknown" if generated is None else "; ".join(generated) or "none",
        "supervision": "zero-shot" if model.zero_shot else "unknown",
    }


def make_statement(answers: Mapping[str, str]) -> Statement:
    """A statement from answers by field, as people type them.

    Raises:
        InputError: An answer is not one of those allowed.
    """
    optional = ("url", "family", "training_data_details", "license", "notes")
    try:
        return Statement.model_validate(
            {
                "organisation": answers["organisation"],
                "model": answers["name"],
                "authors": _split_list(answers["authors"]),
                "contact": answers["contact"],
                "supervision": answers["supervision"],
                "training_data": answers["training_data"],
                "generated_training_data": _parse_generators(answers["generated_training_data"]),
                **{field: answers[field] or None for field in optional},
            }
        )
    except ValidationError as error:
        raise InputError(f"The statement is incomplete:\n{format_problems(error)}") from error


def is_submission(path: Path) -> bool:
    """Whether a file is a submission that was written before, judged by its content."""
    if not path.is_file():
        return False
    try:
        _, content = read_json(path)
    except UntrustedFileError:
        return False
    return isinstance(content, dict) and "statement" in content


def load_again(
    path: Path, *, root: Path, data: Sequence[str], board: Path | None = None
) -> tuple[Path, Submission, ValidationReport]:
    """A submission that was written before, validated as it lies there.

    Raises:
        InputError: It is malformed.
    """
    report = validate_submission(path, make_context(root, data, board))
    submission, problems = parse_submission(read_json(path)[1])
    if submission is None:
        raise InputError(f"'{path}' is not a submission: {problems[0].where}: {problems[0].message}")
    return path, submission, report


def make_context(root: Path, data: Sequence[str], board: Path | None = None) -> ValidationContext:
    """What a submission is checked with: available splits, submissions and baselines.

    Args:
        root: Folder of submissions and baselines.
        data: Local copies of splits, as NAME=PATH.
        board: Another such folder, as it was fetched from the Hub.
    """
    here = load_known_submissions(root)
    there = () if board is None else load_known_submissions(board)
    baselines = [*load_known_baselines(root), *(() if board is None else load_known_baselines(board))]
    return ValidationContext(
        SplitStore(parse_data_pairs(data)),
        join_known(here, there),
        # A baseline may lie in both.
        tuple({one.sha256: one for one in baselines}.values()),
    )


def join_known(
    here: Sequence[KnownSubmission], there: Sequence[KnownSubmission]
) -> tuple[KnownSubmission, ...]:
    """Submissions of a folder and of the board, each once.

    The board's where both have one of the same model, because it decides; the folder's where the two are
    equal, because its predictions lie beside it.
    """
    found = {_name_known(known): known for known in here}
    for known in there:
        own = found.get(_name_known(known))
        if own is None or own.submission.seal != known.submission.seal:
            found[_name_known(known)] = known
    return tuple(found.values())


def _name_known(known: KnownSubmission) -> tuple[str, str]:
    return known.submission.version, make_stem(known.submission.statement)


def write_submission(
    submission: Submission,
    *,
    results_folder: Path,
    source: Result,
    root: Path,
    data: Sequence[str],
    board: Path | None = None,
) -> tuple[Path, ValidationReport]:
    """Write the file and copy its predictions, validate, and remove both where it is refused.

    An earlier submission of the same model stays as it was unless the new one is accepted.

    Raises:
        DataError: Predictions the result names are missing.
        StorageError: The folder cannot be written.
    """
    context = make_context(root, data, board)
    final = root / submission.version / f"{make_stem(submission.statement)}{SUFFIX}"
    # Within the root, so that the files move by renaming. Its name keeps the version folder, which validation
    # compares with the content.
    draft = root / ".draft" / submission.version / final.name
    try:
        _write_files(draft, submission, results_folder, source)
        report = validate_submission(draft, context)
        if report.accepted:
            _move_files(draft, final)
    finally:
        shutil.rmtree(root / ".draft", ignore_errors=True)
    return final, report


def _write_files(path: Path, submission: Submission, folder: Path, source: Result) -> None:
    for before, after in zip(source.entries, submission.result.entries, strict=True):
        origin = folder / before.predictions.file
        if not origin.is_file():
            raise DataError(f"The predictions '{origin}' are missing; run 'imagenet-g evaluate' again.")
        with replace_file(path.parent / after.predictions.file) as temporary:
            shutil.copyfile(origin, temporary)
    write_text(path, format_submission(submission))


def _move_files(draft: Path, final: Path) -> None:
    """Move by renaming, the submission last; predictions that it no longer names are removed."""
    # The submission last: a crash in between leaves predictions without a file that names them, never a file
    # whose predictions are missing.
    there, wanted = final.with_suffix(""), draft.with_suffix("")
    names = [file.relative_to(wanted) for file in sorted(wanted.rglob("*.parquet"))]
    with translate_storage_errors(final):
        for name in names:
            (there / name).parent.mkdir(parents=True, exist_ok=True)
            (wanted / name).replace(there / name)
        draft.replace(final)
        for file in sorted(there.rglob("*.parquet")):
            if file.relative_to(there) not in names:
                file.unlink()


def _split_list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";") if part.strip())


def _parse_generators(text: str) -> tuple[str, ...] | None:
    # Unknown is no claim; an empty list is the claim that the model saw no generated image.
    if text.strip().lower() == "unknown":
        return None
    return () if text.strip().lower() == "none" else _split_list(text)
