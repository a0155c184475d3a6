"""`PYTHONPATH=tests/support python -m board_bench`: a board of 2,000 submissions on 12 splits, timed.

The submissions are variations of a real one with other names, weights and scores: nothing here
measures a model.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from board_visitors import run_visitors, time_page
from live_board import serve_board

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.identity import hash_bytes, hash_file
from imagenet_g.benchmark.results import Entry
from imagenet_g.benchmark.storage import write_text
from imagenet_g.leaderboard.board.board import Board, load_board
from imagenet_g.leaderboard.board.build import build_board
from imagenet_g.leaderboard.pages.pages import show_scatter
from imagenet_g.leaderboard.pages.queries import BoardQuery, settle_query
from imagenet_g.leaderboard.pages.table_view import show_table
from imagenet_g.leaderboard.pages.tables import DEFAULT_COLUMNS
from imagenet_g.leaderboard.submissions.reviews import Review, write_review
from imagenet_g.leaderboard.submissions.submission import (
    Submission,
    format_submission,
    make_stem,
    make_submission,
)
from imagenet_g.leaderboard.validation.second_runs.running import load_submission
from imagenet_g.leaderboard.validation.validate import list_submission_files

NUM_SUBMISSIONS, NUM_SPLITS = 2000, 12
SEED = 0
LIMITS = {
    "build": 20.0, "first finding": 1.5, "first paint of the finding": 1.5, "first table": 1.5,
    "first paint of the table": 1.5, "interaction": 0.5,
}  # fmt: skip
"""Seconds, on two cores that have nothing else to do."""


def write_many(pattern: Submission, root: Path, *, count: int) -> None:
    """Reviewed variations of a submission on `NUM_SPLITS` splits."""
    rng = random.Random(SEED)
    for number in range(count):
        statement = pattern.statement.model_copy(update={"model": f"Net-{number:04d}"})
        entries = tuple(_vary(pattern.result.entries[0], split, rng) for split in range(NUM_SPLITS))
        weights = hash_bytes(str(number).encode())
        model = pattern.result.model.model_copy(update={"weights_sha256": weights})
        result = pattern.result.model_copy(update={"entries": entries, "model": model})
        submission = make_submission("mini", statement, result)
        path = root / "mini" / f"{make_stem(statement)}.json"
        write_text(path, format_submission(submission))
        write_review(
            path,
            Review(
                submission_sha256=hash_file(path), trust="recomputed", flags=(), imagenet_g="bench",
                created_utc="", verification=None,
            ),
        )  # fmt: skip


def _vary(entry: Entry, split: int, rng: random.Random) -> Entry:
    record = entry.split.model_copy(update={"ref": f"mini/split-{split}", "name": f"split-{split}"})
    shift = rng.uniform(-0.1, 0.1)
    score = entry.scores[0]
    bounds = {
        name: min(1.0, max(0.0, value + shift))
        for name in ("value", "low", "high")
        if (value := getattr(score.top1, name)) is not None
    }
    top1 = score.metrics["top1"].model_copy(update=bounds)
    moved = score.model_copy(update={"metrics": {**score.metrics, "top1": top1}})
    return entry.model_copy(update={"split": record, "scores": (moved, *entry.scores[1:])})


def run_bench(submissions: Path, *, count: int = NUM_SUBMISSIONS) -> Iterator[tuple[str, float | str]]:
    """Each step with its seconds, or with why it was not measured, as soon as it is done."""
    pattern = load_submission(list_submission_files(submissions)[0])
    with TemporaryDirectory() as name:
        root = Path(name)
        write_many(pattern, root / "submissions", count=count)
        yield "build", time_it(lambda: build_board(root / "submissions", root / "board"))
        yield "load", time_it(lambda: load_board(root / "board"))
        yield from time_views(load_board(root / "board")).items()
        with serve_board(root / "board", root / "submissions") as address:
            yield from time_live(address)


def time_live(address: str) -> Iterator[tuple[str, float | str]]:
    """The page in a browser, where there is one, and many visitors at once."""
    try:
        yield from time_page(address)
    except InputError as missing:
        yield "page", f"not measured: {missing}"
    score = run_visitors(address)
    yield "visitors: slowest", max(score.seconds)
    yield "visitors", f"{len(score.seconds)} at once, {len(score.errors)} errors {score.errors[:3] or ''}"


def time_views(board: Board) -> dict[str, float]:
    """Seconds of each interaction, without the network."""
    base = settle_query(board, BoardQuery(version="mini"))
    asked = {
        "first table": BoardQuery(version=base.version, split=base.split),
        "sort by gap": BoardQuery(version=base.version, split=base.split, sort="gap"),
        "search": BoardQuery(version=base.version, split=base.split, search="net-19"),
        "another split": BoardQuery(version=base.version, split="mini/split-7"),
        "real sets": BoardQuery(version="real-sets", split="imagenet-r", sort="er"),
    }
    seconds = {
        name: time_it(partial(show_table, board, settle_query(board, query), DEFAULT_COLUMNS))
        for name, query in asked.items()
    }
    return seconds | {"scatter": time_it(lambda: show_scatter(board, base, []).to_json())}


def time_it(action: Callable[[], object]) -> float:
    """Wall-clock seconds of a call."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def format_step(name: str, value: float | str) -> str:
    """A step as a line: seconds, and the limit where there is one."""
    if isinstance(value, str):
        return f"{name:28} {value}\n"
    usual = LIMITS["interaction"] if name.startswith("page:") else None
    limit = LIMITS.get(name.split(":")[-1].strip(), usual)
    said = "" if limit is None else f"of {limit:g} s{'' if value <= limit else ': TOO SLOW'}"
    return f"{name:28} {value:8.3f} s {said}".rstrip() + "\n"


def main() -> int:
    """Print seconds, one line a step, and how busy the machine was: a shared one says little."""
    before = os.getloadavg()[0]
    for name, value in run_bench(Path("submissions")):
        sys.stdout.write(format_step(name, value))
        # Minutes pass between the first step and the last.
        sys.stdout.flush()
    load = f"{before:.1f} before, {os.getloadavg()[0]:.1f} after"
    sys.stdout.write(f"{'load':28} {load}, on {os.cpu_count()} cores\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
