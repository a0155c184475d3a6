"""The submission of a pull request on the Hub, validated as a stranger's files are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from imagenet_g.leaderboard.submissions.problems import ValidationReport, error
from imagenet_g.leaderboard.submitting.board_files import (
    FOLDER,
    BoardCopy,
    fetch_board,
    fetch_proposed,
)
from imagenet_g.leaderboard.submitting.verdicts import PullVerdict, make_verdict
from imagenet_g.leaderboard.validation.bounded import validate_bounded
from imagenet_g.leaderboard.validation.validate import make_report

_PART = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_FILE = re.compile(rf"{FOLDER}/{_PART}/[A-Za-z0-9._-]+__[A-Za-z0-9._-]+(?<!\.review)\.json")


def validate_proposed(
    repo: str,
    number: int,
    *,
    data: Mapping[str, Path] | None = None,
    baselines: Sequence[Path] = (),
    cache: Path | None = None,
) -> PullVerdict:
    """The verdict on a pull request, from its files against the board's main branch.

    Args:
        repo: Data set on the Hub.
        number: Of the pull request.
        data: Local copies of splits by name.
        baselines: More measured baselines.
        cache: Where a copy of the board is kept; None for the user's own cache folder.

    Raises:
        FetchError: No network, no access, or no such data set.
        UnknownNameError: There is no such pull request.
        DataError: It changes more than a submission has.
    """
    board = fetch_board(repo, cache=cache)
    with TemporaryDirectory(prefix="imagenet-g-") as name:
        proposed, changed = fetch_proposed(repo, number, main=board.commit, folder=Path(name))
        path = find_submission(changed)
        report = _validate(proposed, board, path, changed, data or {}, baselines)
    return make_verdict(number, proposed.commit, path or f"{FOLDER}/none", report)


def find_submission(changed: Sequence[str]) -> str | None:
    """The one submission that paths of a pull request belong to; None where they are of none, or of several.

    Example:
        >>> find_submission(["submissions/mini/a__b.json", "submissions/mini/a__b/mini-real.parquet"])
        'submissions/mini/a__b.json'
        >>> find_submission(["README.md"]) is None
        True
    """
    found = [path for path in changed if _FILE.fullmatch(path)]
    return found[0] if len(found) == 1 else None


def list_foreign(changed: Sequence[str], path: str) -> list[str]:
    """What a pull request changes beside the submission and its predictions.

    Example:
        >>> list_foreign(["submissions/mini/a__b.json", "submissions/mini/a__b.review.json"],
        ...              "submissions/mini/a__b.json")
        ['submissions/mini/a__b.review.json']
    """
    own = re.compile(rf"{re.escape(path.removesuffix('.json'))}/{_PART}\.parquet")
    return [one for one in changed if one != path and not own.fullmatch(one)]


def _validate(
    proposed: BoardCopy,
    board: BoardCopy,
    path: str | None,
    changed: Sequence[str],
    data: Mapping[str, Path],
    baselines: Sequence[Path],
) -> ValidationReport:
    if path is None or not (proposed.folder / path).is_file():
        message = f"a pull request adds or replaces one submission; this one changes {len(changed)} files"
        return make_report(Path("request"), None, None, [error("request", "files", message)])
    file = proposed.folder / path
    report = next(
        validate_bounded([file], board.submissions, data=data, baselines=baselines)
    )  # fmt: skip
    # Reviews, verdicts and baselines are written by maintainers, behind the request.
    foreign = [
        error("request", one, "is no part of the submission; take it out")
        for one in list_foreign(changed, path)
    ]
    if not foreign:
        return report
    problems = (*foreign, *report.problems)
    return report.model_copy(update={"accepted": False, "trust": None, "problems": problems})
