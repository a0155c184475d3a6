"""Plans and builds of many images: seconds and memory, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile

from imagenet_g.benchmark.bench.report import Report

IMAGES_PER_CLASS = 1300
SIZES = (1_000, 10_000)
# In a process of its own, because the peak of memory is that of the whole life of a process.
PLAN_SCRIPT = """
import sys
import time
from imagenet_g.benchmark.environment import read_peak_mb
from imagenet_g.generation.plans.plan import make_plan
from imagenet_g.generation.specs.version import load_version_spec
split = load_version_spec("v1").splits["sd-l"].model_copy(update={"images_per_class": int(sys.argv[1])})
started = time.perf_counter()
plan = make_plan("v1", "train", split, rows_per_shard=500, recipe={})
seconds = time.perf_counter() - started
print(f"{plan.table.num_rows} rows in {seconds:.1f} s, peak {read_peak_mb():.0f} MB")
"""
BUILD_SCRIPT = """
import sys
from pathlib import Path
from imagenet_g.benchmark.environment import read_peak_mb
from imagenet_g.generation.bench.versions import build, make_noise_spec
build(make_noise_spec(int(sys.argv[1])), Path(sys.argv[2]))
print(read_peak_mb())
"""


def bench_plan(report: Report, *, images_per_class: int = IMAGES_PER_CLASS) -> None:
    """A plan of 1000 classes, of ImageNet's training size unless it is said otherwise."""
    report.print("plan", _run_script(PLAN_SCRIPT, str(images_per_class)))


def bench_memory(report: Report, *, sizes: tuple[int, int] = SIZES) -> None:
    """Peak memory of whole builds of two sizes by a stand-in generator."""
    peaks = [measure_peak_mb(number) for number in sizes]
    listed = ", ".join(f"{n} images {peak:.0f} MB" for n, peak in zip(sizes, peaks, strict=True))
    report.print("memory", f"{listed}: ratio {peaks[1] / peaks[0]:.2f}")


def measure_peak_mb(num_images: int) -> float:
    """Peak memory in MB of a build of so many images of noise."""
    with tempfile.TemporaryDirectory() as name:
        return float(_run_script(BUILD_SCRIPT, str(num_images), f"{name}/out"))


def _run_script(script: str, *words: str) -> str:
    done = subprocess.run([sys.executable, "-c", script, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()
