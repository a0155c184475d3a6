"""Submissions for tests: a good one, copied from the repository, and ways to spoil it."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from imagenet_g.benchmark.identity import hash_file, hash_json
from imagenet_g.benchmark.predictions.rescoring import RescoreRequest, rescore
from imagenet_g.benchmark.predictions.result_files import write_result
from imagenet_g.benchmark.results import STATISTICS_VERSION, Result
from imagenet_g.leaderboard.submissions.problems import ValidationReport
from imagenet_g.leaderboard.submissions.submission import Submission
from imagenet_g.leaderboard.validation.peers import KnownSubmission
from imagenet_g.leaderboard.validation.split_store import SplitStore
from imagenet_g.leaderboard.validation.validate import (
    ValidationContext,
    load_known_submissions,
    validate_submission,
)

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2] / "submissions"
SEALED = Path(__file__).resolve().parents[1] / "leaderboard" / "validation" / "statistics_1"
"""Submissions as they were written by statistics 1, which must be read for ever."""
STEM = "imagenet-g__efficientnet-lite0"
_STORE = SplitStore()


@cache
def load_good() -> str:
    """A submission of EfficientNet-Lite0 of statistics 1, cut down to its whole split."""
    content = json.loads((SEALED / "mini" / f"{STEM}.json").read_text())
    content["result"]["entries"] = content["result"]["entries"][:1]
    return json.dumps(seal(content))


@cache
def list_known() -> tuple[KnownSubmission, ...]:
    """What is in the repository already."""
    return load_known_submissions(ROOT)


def seal(content: Json) -> Json:
    """The content with the seal that fits it, as a forger would write it."""
    rest = {key: value for key, value in content.items() if key != "seal"}
    return {**rest, "seal": hash_json(rest)}


def write_case(
    folder: Path,
    change: Callable[[Json], object] = lambda content: None,
    *,
    stem: str = STEM,
    resealed: bool = True,
    rows: Callable[[pa.Table], pa.Table] | None = None,
    rehashed: bool = True,
) -> Path:
    """A submission with its content, and its predictions, changed.

    Args:
        folder: Where to.
        change: Edits the content in place.
        stem: File name without suffix.
        resealed: Whether the seal is made to fit again.
        rows: Edits the predictions; None leaves them as they are.
        rehashed: Whether the result names the hash of the edited predictions.
    """
    content = copy.deepcopy(json.loads(load_good()))
    path = folder / "mini" / f"{stem}.json"
    file = path.parent / stem / "mini-renditions.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(SEALED / "mini" / STEM / "mini-renditions.parquet", file)
    if rows is not None:
        pq.write_table(rows(pq.read_table(file)), file, compression="zstd")
        if rehashed:
            content["result"]["entries"][0]["predictions"]["sha256"] = hash_file(file)
    change(content)
    path.write_text(json.dumps(seal(content) if resealed else content))
    return path


def write_result_folder(folder: Path) -> Path:
    """The result that the repository's submission was made of, as `evaluate` leaves it."""
    submission = Submission.model_validate_json((ROOT / "mini" / f"{STEM}.json").read_bytes())
    write_result(folder, submission.result)
    shutil.copytree(ROOT / "mini" / STEM, folder / STEM)
    return folder


def validate_case(path: Path, *, others: tuple[KnownSubmission, ...] = ()) -> ValidationReport:
    """The report on a submission file, splits opened once for all tests."""
    return validate_submission(path, ValidationContext(_STORE, others))


def list_codes(report: ValidationReport) -> set[str]:
    """Codes of the errors."""
    return {problem.code for problem in report.errors}


def set_at(path: str, value: object) -> Callable[[Json], None]:
    """A change that puts a value at a dotted path of keys and positions."""

    def change(content: Json) -> None:
        *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        place: Any = content
        for part in parents:
            place = place[part]
        place[last] = value

    return change


def renew_scores(content: Json) -> None:
    """A change that computes scores and gaps again, by every metric there is: a submission of today."""
    file = SEALED / "mini" / STEM / "mini-renditions.parquet"
    request = RescoreRequest(
        files=(file,), reference=None, view=None, data={}, skip_unreadable=False, out=Path()
    )
    result = Result.model_validate(content["result"])
    again = rescore(request).entries[0]
    fresh = ("scores", "gaps", "contamination", "contamination_rules")
    entry = result.entries[0].model_copy(update={name: getattr(again, name) for name in fresh})
    renewed = {"entries": (entry,), "statistics": STATISTICS_VERSION}
    content["result"] = result.model_copy(update=renewed).model_dump(mode="json")


def replace_column(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    """The table with other values in one column."""
    column = pa.array(values, table.schema.field(name).type)
    return table.set_column(table.schema.get_field_index(name), name, column)


def edit_cell(name: str, row: int, value: object) -> Callable[[pa.Table], pa.Table]:
    """A change to one cell of the predictions."""

    def change(table: pa.Table) -> pa.Table:
        values = table[name].to_pylist()
        values[row] = value
        return replace_column(table, name, values)

    return change
