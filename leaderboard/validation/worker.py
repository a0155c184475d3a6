"""The process that reads strangers' files: one request as JSON on standard input, a report a line as JSON.

It is started by `bounded.py`, which outlives it whatever a file does.
"""

from __future__ import annotations

import mmap
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from pydantic import BaseModel

from imagenet_g.benchmark.environment import limit_memory
from imagenet_g.leaderboard.submissions.problems import ValidationReport, error
from imagenet_g.leaderboard.validation.split_store import SplitStore
from imagenet_g.leaderboard.validation.validate import (
    ValidationContext,
    load_known,
    load_known_baselines,
    load_known_submissions,
    make_report,
    validate_submission,
)

MAX_MORE_BYTES = 1_000_000_000
"""Of address space, above what the libraries have reserved when the first file is opened."""

LIBRARIES = ("pandas", "pyarrow.compute", "pyarrow.parquet", "scipy.special", "scipy.stats")
"""What the checks import when they need it: behind the limit, each would count as a file's own memory."""


class Request(BaseModel):
    """What to validate, and with what."""

    files: tuple[Path, ...]
    beside: tuple[Path, ...]
    """All files of the same request, those that were validated before too: two of one pull request must not
    be copies of one another."""
    against: Path
    data: dict[str, Path] = {}
    baselines: tuple[Path, ...] = ()


def limit_more_memory(more: int = MAX_MORE_BYTES) -> None:
    """Make an allocation fail in this process alone, once so much more is in use than now."""
    try:
        now = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * mmap.PAGESIZE
    except OSError:  # Only Linux says what is in use; the time limit holds everywhere.
        return
    limit_memory(now + more)


def make_context(request: Request) -> ValidationContext:
    """What the files of a request are validated with; none of them is opened yet."""
    return ValidationContext(
        SplitStore(request.data),
        load_known_submissions(request.against),
        load_known_baselines(request.against, request.baselines),
    )


def add_others(context: ValidationContext, request: Request) -> ValidationContext:
    """The context with all files of a request; strangers wrote them."""
    there = {one.path for one in context.others}
    new = [one for file in request.beside for one in load_known(file) if one.path not in there]
    return replace(context, others=(*context.others, *new))


def main() -> int:
    """Validate the files in order; a report is out before the next file is opened."""
    request = Request.model_validate_json(sys.stdin.buffer.read())
    context = make_context(request)
    for name in LIBRARIES:
        import_module(name)
    limit_more_memory()
    context = add_others(context, request)
    for file in request.files:
        try:
            report = validate_submission(file, context)
        except MemoryError:
            report = _refuse(file, "too-large", "takes more memory than an honest file")
        # A stranger's file may break anything; the report says what.
        except Exception as failure:
            report = _refuse(file, "crashed", f"could not be checked: {type(failure).__name__}: {failure}")
        sys.stdout.write(report.model_dump_json() + "\n")
        sys.stdout.flush()
    return 0


def _refuse(file: Path, code: str, message: str) -> ValidationReport:
    return make_report(file, None, None, [error(code, file.name, message)])


if __name__ == "__main__":
    sys.exit(main())
