"""`python -m imagenet_g.generation.bench [STAGE ...]`, without a stage all of them.

plan      seconds and memory for 1000 classes x 1300 images
overhead  the engine against the bare pipeline, the same batches in the same process
memory    peak memory of builds of 1,000 and 10,000 images by a stand-in generator
overlap   rendering, encoding and scoring overlapped, against the same work one step after the other
build     whole builds by a stand-in that sleeps 50 ms an image, with four scorers, by every engine
quality   distances and diversity of 5,000 and of 50,000 images from simulated features
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from imagenet_g.benchmark.bench.machine import describe_machine
from imagenet_g.benchmark.bench.report import Report
from imagenet_g.benchmark.errors import ImagenetGError
from imagenet_g.generation.bench.cases import CASES, DRY_CASES
from imagenet_g.generation.bench.overhead import bench_overhead
from imagenet_g.generation.bench.overlap import bench_overlap
from imagenet_g.generation.bench.quality import bench_quality
from imagenet_g.generation.bench.sizes import bench_memory, bench_plan
from imagenet_g.generation.bench.whole import NUM_IMAGES, STEP, bench_builds

Stage = Callable[[Report], None]
STAGES: dict[str, Stage] = {
    "plan": bench_plan,
    "overhead": bench_overhead,
    "memory": bench_memory,
    "overlap": lambda report: bench_overlap(report, CASES),
    "build": bench_builds,
    "quality": bench_quality,
}
DRY_STAGES: dict[str, Stage] = {
    "plan": lambda report: bench_plan(report, images_per_class=1),
    "overhead": lambda report: bench_overhead(report, rounds=1, steps=1),
    "memory": lambda report: bench_memory(report, sizes=(20, 40)),
    "overlap": lambda report: bench_overlap(report, DRY_CASES, rounds=1),
    "build": lambda report: bench_builds(report, num_images=STEP, wait_ms=5.0),
    "quality": lambda report: bench_quality(report, sizes=((4, 8),), num_dimensions=16),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the named stages, each with its lines.

    Returns:
        0; 2 where a stage cannot run, with the reason.
    """
    arguments = _parse(argv)
    report = Report(arguments.csv)
    stages = {**(DRY_STAGES if arguments.dry else STAGES)}
    if arguments.images is not None:
        stages["build"] = partial(bench_builds, num_images=arguments.images)
    for line in describe_machine():
        report.print("machine", line)
    try:
        for name in arguments.stages or stages:
            stages[name](report)
    except ImagenetGError as error:
        report.print("failed", str(error))
        return 2
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m imagenet_g.generation.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"of {', '.join(STAGES)}")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="keep every single measurement there")
    parser.add_argument(
        "--dry", action="store_true", help="the same code at a tiny size; its figures mean nothing"
    )
    parser.add_argument(
        "--images", type=int, metavar="N",
        help=f"images of stage 'build', a multiple of {STEP} (default: {NUM_IMAGES}, which takes 9 minutes)",
    )  # fmt: skip
    arguments = parser.parse_args(argv)
    if unknown := [name for name in arguments.stages if name not in STAGES]:
        parser.error(f"there is no stage '{unknown[0]}'; the stages are {', '.join(STAGES)}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
