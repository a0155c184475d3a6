"""A submission as a file that holds a result, for `imagenet-g score --upgrade`."""

from __future__ import annotations

from pathlib import Path

from imagenet_g.benchmark.errors import DataError, UntrustedFileError
from imagenet_g.benchmark.results import Result
from imagenet_g.benchmark.storage import write_text
from imagenet_g.benchmark.upgrading.stored import StoredResult
from imagenet_g.leaderboard.submissions.reviews import find_review_path
from imagenet_g.leaderboard.submissions.submission import (
    REVIEW_SUFFIX,
    SUFFIX,
    Submission,
    format_submission,
    make_submission,
)
from imagenet_g.leaderboard.submissions.untrusted import read_json
from imagenet_g.leaderboard.validation.claim_checks import check_seal
from imagenet_g.leaderboard.validation.validate import parse_submission


def open_submission(path: Path) -> StoredResult | None:
    """A submission with its result; None for a file of another name.

    Raises:
        DataError: It is malformed, or was edited after it was sealed.
    """
    if "__" not in path.name or path.name.endswith(REVIEW_SUFFIX) or not path.name.endswith(SUFFIX):
        return None
    try:
        _, content = read_json(path)
    except UntrustedFileError as error:
        raise DataError(f"'{path}' cannot be read: {error}.") from error
    submission, problems = parse_submission(content)
    if submission is None:
        raise DataError(f"'{path}' is not a submission: {problems[0].where}: {problems[0].message}")
    # Sealed again, an edited file would pass for an honest one.
    for problem in check_seal(submission, content):
        raise DataError(f"'{path}': {problem.message}.")
    return _make_stored(path, submission)


def _make_stored(path: Path, submission: Submission) -> StoredResult:
    def write(result: Result) -> None:
        sealed = make_submission(submission.version, submission.statement, result)
        write_text(path, format_submission(sealed))

    advice = "Its review is of the earlier file: run 'imagenet-g validate --record' on it."
    return StoredResult(
        path=path,
        result=submission.result,
        write=write,
        baselines=tuple(sorted((path.parent / "baselines").glob("*.json"))),
        advice=advice if find_review_path(path).exists() else "",
    )
