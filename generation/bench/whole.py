"""Whole builds by a generator that sleeps 50 ms an image, against rendering alone.

Each build is what a user starts: processes of their own, from the first import to the last file. Rendering
alone is measured in two ways: the seconds that the generator sleeps, which nothing can be faster than, and a
build without scorers. What is scored must not cost time, and every engine must write the same bytes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.bench.report import Measurement, Report
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.generation.bench.sleeping import MARKS, RenderTimes, read_marks

STAGE = "build"
NUM_IMAGES = 2_000
WAIT_MS = 50.0
NUM_SCORERS = 4
_BATCH_SIZE, _NUM_CLASSES = 8, 10
STEP = _BATCH_SIZE * _NUM_CLASSES
"""The images of a build are a multiple of this: whole batches, as many of each class."""
_SHARD_ROWS = 200
_COMMAND = "import sys; from imagenet_g.benchmark.cli import main; sys.exit(main())"


@dataclass(frozen=True, slots=True)
class BuildCase:
    """One way to build.

    Attributes:
        title: What its lines begin with.
        options: Of `imagenet-g build`.
        processes: How many of them are started at once.
    """

    title: str
    options: tuple[str, ...] = ()
    processes: int = 1


ALONE = BuildCase("rendering alone", ("--no-scores",))
TWO_ALONE = BuildCase("rendering alone, two processes", ("--no-scores",), processes=2)
RAY_ALONE = BuildCase("rendering alone, ray", ("--no-scores", "--engine", "ray"))
SERIAL = BuildCase("serial, four scorers")
RAY = BuildCase("ray, four scorers", ("--engine", "ray"))
TWO = BuildCase("two processes, four scorers", processes=2)
BASES: Mapping[BuildCase, BuildCase] = {SERIAL: ALONE, RAY: RAY_ALONE, TWO: TWO_ALONE}
"""What the time of a build with scorers is compared with."""


@dataclass(frozen=True, slots=True)
class BuildTime:
    """How long a build took.

    Attributes:
        total: Seconds from the start of the first process to the end of the last one.
        start: Of them before the first batch: imports, the plan, what must be loaded first.
        end: Of them after the last batch.
        cpu: Seconds of processor time of the processes and of those they waited for; not of Ray's.
        times: When the generator slept.
        files: Hash of each file of the release.
    """

    total: float
    start: float
    end: float
    cpu: float
    times: RenderTimes
    files: Mapping[str, str]


def bench_builds(report: Report, *, num_images: int = NUM_IMAGES, wait_ms: float = WAIT_MS) -> None:
    """Build in each way in turn; print totals, and what they are over rendering alone.

    Args:
        report: Receives the lines.
        num_images: Images of a build, a multiple of `STEP`.
        wait_ms: How long the generator sleeps for an image.

    Raises:
        InputError: Another number of images.
        DataError: A build fails, or two of them wrote different releases.
    """
    if num_images < 1 or num_images % STEP:
        raise InputError(f"--images {num_images} must be a multiple of {STEP}: whole batches of every class.")
    sleeps = num_images * wait_ms / 1000
    report.print(STAGE, f"{num_images} images, {wait_ms:g} ms each: the generator sleeps {sleeps:.1f} s")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec = write_spec(folder, num_images, wait_ms)
        found: dict[BuildCase, BuildTime] = {}
        for place, case in enumerate((ALONE, SERIAL, RAY_ALONE, RAY, TWO_ALONE, TWO)):
            found[case] = run_case(case, spec, folder / str(place))
            _print(report, case, found, sleeps / case.processes)
    for base, others in ((ALONE, [RAY_ALONE, TWO_ALONE]), (SERIAL, [RAY, TWO])):
        _compare(report, base, others, found)


def write_spec(folder: Path, num_images: int, wait_ms: float) -> Path:
    """A version of ten classes, scored by tiny CLIPs with random weights, as a TOML file."""
    from imagenet_g.benchmark.classes import load_classes
    from imagenet_g.generation.caption_training.trial import build_random_clip

    names = [f"clip-{number}" for number in range(1, NUM_SCORERS + 1)]
    scorers = [
        f'[scorers.{name}]\nkind = "clip"\ntext = "a photo of a {{c}}"\n'
        f'model = "open_clip:local-dir:{build_random_clip(folder / name, seed=seed)}"\n'
        for seed, name in enumerate(names)
    ]
    # An even number of equal shards, so that two processes have equal shares.
    num_shards = max(2, 2 * round(num_images / _SHARD_ROWS / 2))
    rows = -(-num_images // (num_shards * _BATCH_SIZE)) * _BATCH_SIZE
    path = folder / "sleeping.toml"
    path.write_text(
        'schema_version = 1\nversion = "sleeping"\ntitle = "bench"\nstatus = "draft"\nlicense = "CC0-1.0"\n'
        f'rows_per_shard = {rows}\nencoding = {{ format = "png" }}\n'
        f'[generators.sleeping]\nkind = "python"\ninputs = "prompt"\noptions = {{ wait_ms = {wait_ms} }}\n'
        'factory = "imagenet_g.generation.bench.sleeping:SleepingGenerator"\n'
        f"{''.join(scorers)}[splits.bench]\n"
        'title = "bench"\ngenerator = "sleeping"\n'
        f"classes = {[info.wnid for info in load_classes()[:_NUM_CLASSES]]}\n"
        f"images_per_class = {num_images // _NUM_CLASSES}\nbatch_size = {_BATCH_SIZE}\nscorers = {names}\n"
        'prompts = { recipe = "openai-80", class_names = "open_clip" }\n',
        encoding="utf-8",
    )
    return path


def run_case(case: BuildCase, spec: Path, folder: Path) -> BuildTime:
    """Build a spec with the command, from a new process.

    Raises:
        DataError: The command fails.
    """
    out, marks = folder / "release", folder / "marks"
    marks.mkdir(parents=True)
    words = [sys.executable, "-c", _COMMAND, "build", str(spec), "--out", str(out), "--device", "cpu"]
    command, environment = [*words, *case.options], {**os.environ, MARKS: str(marks)}
    before, started = os.times(), time.time()
    running = [_start(command, environment, folder / f"log-{n}.txt") for n in range(case.processes)]
    codes = [process.wait() for process in running]
    ended, after = time.time(), os.times()
    if any(codes):
        logs = "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("log-*")))
        raise DataError(f"{case.title}: a build failed: {logs.strip()}")
    times = read_marks(marks)
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return BuildTime(
        ended - started, times.first - started, ended - times.last, cpu, times, hash_release(out)
    )


def _start(command: list[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as file:
        return subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT)


def hash_release(out: Path) -> dict[str, str]:
    """Hash of each file of a release; the folder of the work is none of them."""
    paths = (path for path in out.rglob("*") if path.is_file() and ".build" not in path.parts)
    return {path.relative_to(out).as_posix(): hash_file(path) for path in sorted(paths)}


def _print(report: Report, case: BuildCase, found: Mapping[BuildCase, BuildTime], sleeps: float) -> None:
    spent, times = found[case], found[case].times
    over = [f"{_compare_times(spent.total, sleeps)} over the sleeps alone ({sleeps:.1f} s)"]
    if (base := BASES.get(case)) is not None:
        over.append(f"{_compare_times(spent.total, found[base].total)} over '{base.title}'")
    report.print(STAGE, f"{case.title}: {spent.total:.2f} s, {', '.join(over)}")
    between = times.last - times.first - times.rendering / case.processes
    report.print(
        "",
        f"  before the first batch {spent.start:.2f} s, between batches {between:.2f} s, after the last one "
        f"{spent.end:.2f} s; {times.num_batches} batches",
    )
    # Steadier than times beside other work. Of Ray, the processes that render are not counted to the end.
    after = "" if case in (RAY_ALONE, RAY) else f", after {spent.cpu - times.cpu_until:.2f} s"
    report.print(
        "",
        f"  processor time: before {times.cpu_before:.2f} s, meanwhile "
        f"{times.cpu_until - times.cpu_before:.2f} s{after}",
    )
    for quantity, value in (("s", spent.total), ("s before", spent.start), ("s after", spent.end)):
        report.keep(Measurement(STAGE, case.title, "imagenet-g", quantity, 1, value))


def _compare_times(total: float, base: float) -> str:
    return f"{100 * (total / base - 1):+.1f} %"


def _compare(
    report: Report, base: BuildCase, others: list[BuildCase], found: Mapping[BuildCase, BuildTime]
) -> None:
    for other in others:
        ours, theirs = found[base].files, found[other].files
        if odd := sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name)):
            raise DataError(f"'{base.title}' and '{other.title}' wrote different files: {', '.join(odd)}.")
    names = ", ".join(f"'{case.title}'" for case in (base, *others))
    report.print("", f"identical bytes: all {len(found[base].files)} files of {names}")
