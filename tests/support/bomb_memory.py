"""`PYTHONPATH=tests/support python -m bomb_memory`: the peak memory of `validate` for each bomb."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bombs import write_bombs

LIMIT_MB = 1000.0
# A small process of its own: the peak of children that getrusage gives is that of the largest so far, and a
# child of a large process begins with its size.
_MEASURE = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
print(done.returncode)
print(" ".join((done.stdout + done.stderr).split()))
"""


@dataclass(frozen=True, slots=True)
class BombScore:
    """What one bomb did.

    Attributes:
        name: Of the bomb.
        file_bytes: Of the submission with its predictions.
        peak_mb: Largest resident memory of `validate` and the process that reads the file.
        seconds: From start to end.
        code: Exit code.
        words: What was printed.
    """

    name: str
    file_bytes: int
    peak_mb: float
    seconds: float
    code: int
    words: str


def measure_bomb(name: str, *paths: Path) -> BombScore:
    """Run `imagenet-g validate` on one submission, or on several in turn."""
    command = [sys.executable, "-m", "imagenet_g.benchmark.cli", "validate", *map(str, paths)]
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-S", "-c", _MEASURE, *command], capture_output=True, text=True, check=True
    )
    seconds = time.monotonic() - started
    peak, code, words = done.stdout.split("\n", 2)
    files = [file for path in paths for file in (path, *path.with_suffix("").glob("*.parquet"))]
    size = sum(file.stat().st_size for file in files)
    return BombScore(name, size, int(peak) * 1024 / 1e6, seconds, int(code), words)


def format_scores(scores: Iterable[BombScore]) -> str:
    """One line a bomb, and what is over the limit marked."""
    lines = [f"{'bomb':24} {'file, KB':>9} {'peak, MB':>9} {'s':>6}  verdict"]
    for score in scores:
        verdict = "accepted" if score.code == 0 else "refused"
        mark = "" if score.peak_mb < LIMIT_MB else "  TOO MUCH"
        size, peak = score.file_bytes / 1e3, score.peak_mb
        lines.append(f"{score.name:24} {size:9.0f} {peak:9.0f} {score.seconds:6.1f}  {verdict}{mark}")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Print the table; 1 where a bomb takes more than it may, or is accepted, or ends in a traceback."""
    with TemporaryDirectory() as name:
        scores = [measure_bomb(*bomb) for bomb in write_bombs(Path(name)).items()]
    sys.stdout.write(format_scores(scores))
    honest, *bombs = scores
    bad = [one for one in scores if one.peak_mb >= LIMIT_MB or "Traceback" in one.words]
    bad += [one for one in bombs if one.code != 2]
    return 1 if bad or honest.code != 0 else 0


if __name__ == "__main__":
    sys.exit(main())
