"""`python -m imagenet_g.leaderboard.bench`: a board of 2,000 submissions on 12 splits, timed.

The submissions are variations of a real one with other names, weights and scores: nothing here
measures a model.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from imagenet_g.benchmark.identity import hash_bytes, hash_file
from imagenet_g.benchmark.results import Entry
from imagenet_g.benchmark.storage import write_text
from imagenet_g.leaderboard.board import Board, load_board
from imagenet_g.leaderboard.building import build_board
from imagenet_g.leaderboard.pages import show_scatter, show_table
from imagenet_g.leaderboard.queries import BoardQuery, settle_query
from imagenet_g.leaderboard.reviews import Review, write_review
from imagenet_g.leaderboard.submissions import Submission, format_submission, make_stem, make_submission
from imagenet_g.leaderboard.tables import DEFAULT_COLUMNS
from imagenet_g.leaderboard.validation import list_submission_files
from imagenet_g.leaderboard.verification import load_submission

NUM_SUBMISSIONS, NUM_SPLITS = 2000, 12
SEED = 0


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
                submission_sha256=hash_file(path), trust="self-reported", flags=(), imagenet_g="bench",
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
    moved = score.model_copy(update={"top1": score.top1.model_copy(update=bounds)})
    return entry.model_copy(update={"split": record, "scores": (moved, *entry.scores[1:])})


def run_bench(submissions: Path, *, count: int = NUM_SUBMISSIONS) -> dict[str, float]:
    """Seconds of each step."""
    pattern = load_submission(list_submission_files(submissions)[0])
    with TemporaryDirectory() as name:
        root = Path(name)
        write_many(pattern, root / "submissions", count=count)
        seconds = {"build": time_it(lambda: build_board(root / "submissions", root / "board"))}
        seconds["load"] = time_it(lambda: load_board(root / "board"))
        return seconds | time_views(load_board(root / "board"))


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


def main() -> int:
    """Print seconds, one line a step."""
    for name, seconds in run_bench(Path("submissions")).items():
        sys.stdout.write(f"{name:16} {seconds:8.3f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
