"""`python -m imagenet_g.benchmark.bench [STAGE ...]`, without a stage all but that of the GPU."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from imagenet_g.benchmark.bench.fingerprints import bench_fingerprint
from imagenet_g.benchmark.bench.gpu import bench_gpu
from imagenet_g.benchmark.bench.machine import describe_machine, measure_matrix_rate
from imagenet_g.benchmark.bench.markdown import format_table
from imagenet_g.benchmark.bench.nets import NETS, TINY
from imagenet_g.benchmark.bench.processes import CommandFailedError
from imagenet_g.benchmark.bench.report import Report, load_measurements
from imagenet_g.benchmark.bench.scaling import bench_feeding, bench_flat, bench_load, bench_many
from imagenet_g.benchmark.bench.speed import bench_speed
from imagenet_g.benchmark.bench.start import bench_start
from imagenet_g.benchmark.bench.steps import bench_steps
from imagenet_g.benchmark.errors import ImagenetGError

Stage = Callable[[Report], None]
MINUTES = 24.0
"""For `speed`; the others take some eight minutes together."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the named stages, each with its lines.

    Returns:
        0; 2 where a stage cannot run, with the reason.
    """
    arguments = _parse(argv)
    if arguments.markdown is not None:
        print(format_table(load_measurements(arguments.markdown)))  # noqa: T201 - figures of its own
        return 0
    report = Report(arguments.csv)
    stages = _list_dry_stages() if arguments.dry else _list_stages(arguments.minutes)
    for line in describe_machine():
        report.print("machine", line)
    try:
        for name in arguments.stages or [stage for stage in stages if stage != "gpu"]:
            stages[name](report)
    except (CommandFailedError, ImagenetGError) as error:
        report.print("failed", str(error))
        return 2
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    names = list(_list_dry_stages())
    parser = argparse.ArgumentParser(prog="python -m imagenet_g.benchmark.bench", description=__doc__)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"of {', '.join(names)}")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="keep every single measurement there")
    parser.add_argument(
        "--minutes", type=float, default=MINUTES, help="for 'speed', about (default: %(default)s)"
    )
    parser.add_argument(
        "--dry",
        action="store_true",
        help="the same code at a tiny size on the CPU, 'gpu' too; its figures mean nothing",
    )
    parser.add_argument(
        "--markdown", type=Path, metavar="CSV", help="print the README's table from kept measurements"
    )
    arguments = parser.parse_args(argv)
    if unknown := [name for name in arguments.stages if name not in names]:
        parser.error(f"there is no stage '{unknown[0]}'; the stages are {', '.join(names)}")
    return arguments


def _list_stages(minutes: float) -> dict[str, Stage]:
    return {
        "start": bench_start,
        "steps": bench_steps,
        "speed": lambda report: bench_speed(report, NETS, matrix_rate=measure_matrix_rate(), minutes=minutes),
        "many": bench_many,
        "load": bench_load,
        "feeding": bench_feeding,
        "flat": bench_flat,
        "fingerprint": bench_fingerprint,
        "gpu": bench_gpu,
    }


def _list_dry_stages() -> dict[str, Stage]:
    pair = [f"timm:packaged:mini-{name}" for name in ("resnet-s", "byobnet-s")]
    return {
        "start": lambda report: bench_start(report, net=TINY, rounds=1),
        "steps": lambda report: bench_steps(report, net=TINY, num_photos=4),
        "speed": lambda report: bench_speed(
            report, (TINY,), matrix_rate=measure_matrix_rate(64, 0.01), minutes=1.0
        ),
        "many": lambda report: bench_many(report, models=pair, num_photos=4),
        "load": lambda report: bench_load(report, net=TINY, num_photos=6, rounds=1),
        "feeding": lambda report: bench_feeding(report, net=TINY, num_photos=6, rounds=1),
        "flat": lambda report: bench_flat(report, sizes=(4, 8)),
        "fingerprint": lambda report: bench_fingerprint(report, models=("test_vit",)),
        "gpu": lambda report: bench_gpu(
            report, net=TINY, device="cpu", batch_size=2, num_images=8, rounds=1, seconds=0.2
        ),
    }


if __name__ == "__main__":
    # As an exit, so that the command that is being timed is ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
