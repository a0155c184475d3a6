"""`PYTHONPATH=tests/support python -m board_load --minutes 30`: many visitors for long, and the memory.

Fifty visitors come in waves, one a minute by default: each loads the page, clicks the table and fetches its
rows; some upload a submission, good or bad, and some send half of one and leave it open. The memory of the
server is sampled while they do, and fitted. Linux only: memory is read from /proc.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event, Thread

from board_uploads import UPLOADS, Visitor, find_upload_files
from live_board import TEMPORARY, start_server
from scipy.stats import theilslopes

from imagenet_g.leaderboard.board.build import build_board

NUM_VISITORS = 50
WAVE_SECONDS = 60.0
SAMPLE_SECONDS = 2.0
WARM_UP = 1 / 3
"""Share of the time that is left out of the fit: caches fill, and workers' first pages are touched."""
FLAT = 0.05
"""Memory is flat where the upper end of its growth over the whole load is less than this share of it."""
TRUSTED = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class MemoryFit:
    """The line through the memory of a server, one median a wave, without the warm-up.

    Attributes:
        level: Median, MB.
        slope: MB an hour, by Theil and Sen.
        low: Lower end of its 95 % interval.
        high: Upper end.
        hours: Of the whole load.
    """

    level: float
    slope: float
    low: float
    high: float
    hours: float

    @property
    def is_flat(self) -> bool:
        """Whether even the upper end is little over the whole load."""
        return self.high * self.hours <= FLAT * self.level


@dataclass(frozen=True, slots=True)
class LoadScore:
    """What a load found.

    Attributes:
        visits: How many were paid.
        errors: What went wrong, in words.
        samples: Seconds from the start, and MB that the server has resident.
        left: Files in the server's temporary folder behind the last visit.
        slowest: Seconds of the slowest visit.
    """

    visits: int
    errors: tuple[str, ...]
    samples: tuple[tuple[float, float], ...]
    left: tuple[str, ...]
    slowest: float


def read_resident(pid: int) -> float:
    """MB (10^6 bytes) of a process that are in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def fit_memory(samples: Sequence[tuple[float, float]], *, wave: float = WAVE_SECONDS) -> MemoryFit:
    """The slope of resident memory, by one median a wave (Sen 1968).

    Raises:
        ValueError: Fewer than three waves are left behind the warm-up.

    Example:
        >>> fit = fit_memory([(float(s), 100 + s / 3600) for s in range(0, 3600, 5)])
        >>> round(fit.slope, 2), fit.is_flat
        (1.0, True)
    """
    end = samples[-1][0]
    waves: dict[int, list[float]] = {}
    for second, size in samples:
        if second >= WARM_UP * end:
            waves.setdefault(int(second // wave), []).append(size)
    if len(waves) < 3:
        raise ValueError(f"{len(waves)} waves are too few for a slope")
    hours = [number * wave / 3600 for number in waves]
    levels = [median(sizes) for sizes in waves.values()]
    slope, _, low, high = theilslopes(levels, hours, alpha=0.95)
    return MemoryFit(median(levels), float(slope), float(low), float(high), end / 3600)


def run_load(
    folder: Path,
    submissions: Path,
    *,
    seconds: float,
    wave: float = WAVE_SECONDS,
    numbers: Sequence[int] = range(NUM_VISITORS),
) -> LoadScore:
    """Build a board, serve it, and load its server."""
    board = folder / "board"
    build_board(submissions, board)
    with start_server(board, submissions, "--trusted-proxy", TRUSTED) as running:
        return load_server(board, submissions, *running, seconds=seconds, wave=wave, numbers=numbers)


def load_server(
    board: Path,
    submissions: Path,
    address: str,
    server: subprocess.Popen[bytes],
    *,
    seconds: float,
    wave: float,
    numbers: Sequence[int],
) -> LoadScore:
    """Let visitors come to a server until the time is over, and sample its memory.

    Args:
        board: Folder of the board that it serves; its temporary files are there.
        submissions: Whose first one visitors upload.
        address: Of the server, which trusts this machine as a proxy.
        server: Its process.
        seconds: How long visitors come.
        wave: Seconds from one wave of visitors to the next.
        numbers: Of the visitors of a wave; they decide who uploads.
    """
    files = find_upload_files(submissions)
    visitors = [Visitor(address, number, files) for number in numbers]
    samples, done = [], Event()
    started = time.monotonic()

    def sample() -> None:
        while not done.wait(SAMPLE_SECONDS):
            samples.append((time.monotonic() - started, read_resident(server.pid)))

    sampler = Thread(target=sample, daemon=True)
    sampler.start()
    seen = _run_waves(visitors, seconds=seconds, wave=wave)
    done.set()
    sampler.join()
    left = _list_left(board / TEMPORARY)
    slowest = max(took for _, took in seen)
    return LoadScore(len(seen), tuple(w for w, _ in seen if w), tuple(samples), left, slowest)


def _run_waves(visitors: Sequence[Visitor], *, seconds: float, wave: float) -> list[tuple[str, float]]:
    start, seen = time.monotonic(), []
    with ThreadPoolExecutor(len(visitors)) as pool:
        for number in range(max(1, int(seconds // wave))):
            # Spread over half of the wave, so that the machine has a rest in each.
            pauses = [wave * place / (2 * len(visitors)) for place in range(len(visitors))]
            tasks = [pool.submit(v.visit, number, pause) for v, pause in zip(visitors, pauses, strict=True)]
            seen += [task.result() for task in tasks]
            time.sleep(max(0.0, start + (number + 1) * wave - time.monotonic()))
    return seen


def _list_left(folder: Path) -> tuple[str, ...]:
    # A half-open request is ended by the server in its own time.
    end = time.monotonic() + 60
    while time.monotonic() < end:
        # The folder for uploads itself stays as long as the server runs.
        left = [str(path.relative_to(folder)) for path in folder.glob("*/**/*")]
        left += [str(path.relative_to(folder)) for path in folder.iterdir() if not path.is_dir()]
        if not left:
            break
        time.sleep(0.5)
    return tuple(left)


def format_load(score: LoadScore, fit: MemoryFit) -> str:
    """What was found, one line each."""
    sizes = [size for _, size in score.samples]
    uploads = ", ".join(kind.name for kind in UPLOADS)
    return "\n".join([
        f"{score.visits} visits of {NUM_VISITORS} visitors (uploads: {uploads})",
        f"slowest visit {score.slowest:.1f} s, with the checks and half-open requests that it waits for",
        f"{len(score.errors)} errors {score.errors[:3] or ''}".rstrip(),
        f"resident: {sizes[0]:.0f} MB at first, {sizes[-1]:.0f} at last, {max(sizes):.0f} at most",
        f"slope behind the warm-up: {fit.slope:+.1f} MB an hour, 95 % interval {fit.low:+.1f} to "
        f"{fit.high:+.1f}, at a level of {fit.level:.0f} MB: {'flat' if fit.is_flat else 'GROWS'}",
        f"temporary folder: {len(score.left)} files {score.left[:3] or ''}".rstrip(),
    ]) + "\n"  # fmt: skip


def main(argv: Sequence[str]) -> int:
    """Run the load and print what was found; 1 where it is not clean."""
    parser = argparse.ArgumentParser(prog="python -m board_load", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="default: %(default)s")
    parser.add_argument(
        "--wave", type=float, default=WAVE_SECONDS, metavar="SECONDS", help="default: %(default)s"
    )
    parser.add_argument("--submissions", type=Path, default=Path("submissions"), help="default: %(default)s")
    given = parser.parse_args(argv)
    with TemporaryDirectory() as name:
        score = run_load(Path(name), given.submissions, seconds=60 * given.minutes, wave=given.wave)
    fit = fit_memory(score.samples, wave=given.wave)
    sys.stdout.write(format_load(score, fit))
    return 0 if fit.is_flat and not score.errors and not score.left else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
