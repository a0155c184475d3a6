"""Start-up: how long until the first image, against the bare import of torch and timm in the same run."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from imagenet_g.benchmark.bench.nets import LITE0, Net, write_weights
from imagenet_g.benchmark.bench.photos import list_split_words, make_home, write_photos
from imagenet_g.benchmark.bench.processes import run_measured
from imagenet_g.benchmark.bench.report import Measurement, Report, divide_by_turn, format_spread
from imagenet_g.benchmark.bench.runs import name_model

STAGE = "start"
IMPORTS, FRESH, KNOWN = "import torch, timm", "first image, empty cache", "first image, known model"
CACHED, HELP = "whole run from the cache", "--help"
# The moment is printed by the progress display's own hook, which is called in front of the first image.
_UNTIL_FIRST = """
import sys, time
from imagenet_g.benchmark.terminal.progress import ProgressListener
show = ProgressListener.start_split
def note(self, *words):
    print("FIRST", time.time(), flush=True)
    show(self, *words)
ProgressListener.start_split = note
from imagenet_g.benchmark.cli import main
sys.exit(main(sys.argv[1:]))
"""


def bench_start(report: Report, *, net: Net = LITE0, rounds: int = 3) -> None:
    """Seconds until the first image, of an answer from the cache and of `--help`, and their ratios."""
    with make_home() as name:
        home = Path(name)
        photos, weights = write_photos(home / "photos", 1), write_weights(net, home)
        words = ["evaluate", *name_model(net, weights), *list_split_words(photos), "--reference", "published"]
        words += ["--out", str(home / "out"), "--cache", str(home / "cache")]
        for turn in range(1, rounds + 1):
            for subject, seconds in _measure_round(words, home / "cache").items():
                report.keep(Measurement(STAGE, net.title, subject, "s", turn, seconds))
    times = {
        subject: [row.value for row in report.measurements if (row.stage, row.subject) == (STAGE, subject)]
        for subject in (IMPORTS, FRESH, KNOWN, CACHED, HELP)
    }
    report.print(STAGE, f"{net.title}, one photo, {rounds} rounds")
    for subject, values in times.items():
        ratios = format_spread(divide_by_turn(values, times[IMPORTS]), 2)
        report.print("", f"{subject:28} {format_spread(values, 2)} s  ratio {ratios}")


def _measure_round(words: list[str], cache: Path) -> dict[str, float]:
    shutil.rmtree(cache, ignore_errors=True)
    found = {IMPORTS: run_measured([sys.executable, "-c", "import torch, timm"]).seconds}
    found[FRESH] = _measure_first(words)
    for kept in ("predictions", "parts"):
        shutil.rmtree(cache / kept, ignore_errors=True)
    found[KNOWN] = _measure_first(words)
    command = [sys.executable, "-m", "imagenet_g.benchmark.cli"]
    found[CACHED] = run_measured([*command, *words]).seconds
    found[HELP] = run_measured([*command, "--help"]).seconds
    return found


def _measure_first(words: list[str]) -> float:
    started = time.time()
    output = run_measured([sys.executable, "-c", _UNTIL_FIRST, *words]).output
    return float(output.partition("FIRST ")[2].split()[0]) - started
