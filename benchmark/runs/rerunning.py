"""A stored result run again and compared with the new one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.evaluation.requests import EvaluationOutcome
from imagenet_g.benchmark.predictions.result_files import find_result_folder, load_result, write_result
from imagenet_g.benchmark.results import Entry, Result
from imagenet_g.benchmark.runs.again import RerunInputs, plan_rerun
from imagenet_g.benchmark.runs.changes import RerunReport, compare_results
from imagenet_g.benchmark.runs.options import EvaluationOptions
from imagenet_g.benchmark.runs.requests import make_request
from imagenet_g.benchmark.runs.running import OpenListener, make_evaluate
from imagenet_g.benchmark.storage import validate_writable

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunOutcome:
    """A stored result, run again.

    Attributes:
        report: What differs.
        result: The new result.
        path: Its file.
        data: Local copies by name.
    """

    report: RerunReport
    result: Result
    path: Path
    data: dict[str, Path]


def run_again(path: Path, given: RerunInputs, *, out: Path, listen: OpenListener, say: Say) -> RerunOutcome:
    """Run what a result holds again, every image anew, and compare.

    Args:
        path: A `result.json`, or its folder.
        given: Files that the result names by hash alone.
        out: Folder for the new result.
        listen: Opens what shows the progress.
        say: Takes notes.

    Raises:
        InputError: A file is needed and not given, or a split is not available here.
        ImagenetGError: The model cannot be run.
        StorageError: `out` cannot be written.
    """
    old = load_result(path)
    folder = find_result_folder(path)
    if folder.resolve().is_relative_to(out.resolve()):
        raise InputError(f"'{out}' holds the stored result, which a new run must not replace: name another.")
    validate_writable(out)
    out.mkdir(parents=True, exist_ok=True)
    # The usual cache may hold the answers of the stored result, which would be compared with themselves.
    with TemporaryDirectory(prefix="cache-", dir=out) as cache:
        outcomes = [
            _run(options, given, Path(cache), listen, say) for options in plan_rerun(old, given, out=out)
        ]
    last, data = outcomes[-1]
    if last.path is None:
        raise RuntimeError("an evaluation without an error has a result")
    result = join_runs(old, [outcome.result for outcome, _ in outcomes if outcome.result is not None])
    new = write_result(last.path.parent, result)
    return RerunOutcome(
        report=compare_results(old, folder, result, new.parent), result=result, path=new, data=data
    )


def join_runs(old: Result, runs: Sequence[Result]) -> Result:
    """One result of several runs in one folder: of each split the entry that is as partial as the stored one.

    Args:
        old: The stored result.
        runs: In their order. A partial entry does not outlast the next run by itself.
    """
    limits = {entry.split.ref: entry.limit for entry in old.entries}
    found: dict[str, Entry] = {}
    for run in runs:
        for entry in run.entries:
            ref = entry.split.ref
            if ref not in found or entry.limit == limits.get(ref):
                found[ref] = entry
    return runs[-1].model_copy(update={"entries": tuple(found.values())})


def _run(
    options: EvaluationOptions, given: RerunInputs, answers: Path, listen: OpenListener, say: Say
) -> tuple[EvaluationOutcome, dict[str, Path]]:
    request, plan = make_request(options, live=given.live, answers=answers)
    for note in plan.notes:
        say(f"note: {note}")
    (outcome,) = make_evaluate(options, plan, listen=listen, say=say)(request)
    if outcome.error is not None:
        raise outcome.error
    return outcome, dict(request.data)
