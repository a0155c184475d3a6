"""Rendering, encoding and scoring overlapped, against the same work one step after the other.

Both sides are the worker of `imagenet-g build`; one is given threads, the other an executor that does its
work at once. They take turns on the same shards, and must write the same files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from imagenet_g.benchmark.bench.report import Measurement, Report, divide_by_turn, format_spread
from imagenet_g.benchmark.errors import DataError
from imagenet_g.generation.bench.cases import SCORER, SPLIT, OverlapCase, make_case_spec
from imagenet_g.generation.bench.timing import Spent, StepClock, TurnExecutor

if TYPE_CHECKING:
    from imagenet_g.generation.rendering.tasks import BuildJob
    from imagenet_g.generation.specs.version import VersionSpec

STAGE = "overlap"
ROUNDS = 3
OVERLAPPED, IN_TURN = "overlapped", "one after the other"
RENDER, ENCODE, DECODE, SCORE = "render", "encode and hash", "decode and resize for scoring", "score"
WRITE = "read and write shards"
STEPS = (RENDER, ENCODE, WRITE, DECODE, SCORE)
WHOLE = "whole"
SIDES = (OVERLAPPED, IN_TURN)


class BuildSide:
    """One of the two ways to do the work of a build.

    Args:
        job: The split, with its plan.
        name: `OVERLAPPED` or `IN_TURN`.

    Attributes:
        turns: Time by step of each turn; on the overlapped side only `WHOLE` means something.
    """

    def __init__(self, job: BuildJob, name: str) -> None:
        from imagenet_g.generation.rendering.jobs import Worker

        self.job, self.name = job, name
        self.turns: list[dict[str, Spent]] = []
        self._clock = StepClock()
        self._pool = TurnExecutor(self._clock, ENCODE)
        self._worker = Worker(job)
        if name == IN_TURN:
            # What is written for the thread behind the renderer belongs to no step of its own.
            behind = TurnExecutor(StepClock(), "")
            self._worker = Worker(job, make_pool=lambda: self._pool, make_thread=lambda: behind)
        generator = self._worker.generator
        # On the object alone, so that the worker is that of a build.
        setattr(generator, "render", self._clock.wrap(RENDER, generator.render))  # noqa: B010

    def run(self, shard: int) -> None:
        """Render and score a shard; its times are the next turn."""
        from imagenet_g.generation.rendering.tasks import ShardTask

        self._clock.spent.clear()
        with self._clock.time(WHOLE):
            if self.name == OVERLAPPED:
                self._worker.run(ShardTask("render", shard, (SCORER,)))
                self._worker.finish()
            else:
                self._pool.step = ENCODE
                with self._clock.time(WRITE):
                    self._worker.run(ShardTask("render", shard))
                self._pool.step = DECODE
                with self._clock.time(SCORE):
                    self._worker.run(ShardTask("score", shard, (SCORER,)))
        self.turns.append(_take_out(dict(self._clock.spent)))

    def close(self) -> None:
        """End the threads of the worker."""
        self._worker.close()

    def hash_files(self, shard: int) -> tuple[str, str]:
        """Hashes of the shard and of its scores."""
        from imagenet_g.benchmark.identity import hash_file
        from imagenet_g.generation.rendering.score_files import make_score_path
        from imagenet_g.generation.rendering.shards import make_work_folder

        images = make_work_folder(self.job.out, self.job.split) / f"{shard:05d}.parquet"
        return hash_file(images), hash_file(make_score_path(self.job, SCORER, shard))


def _take_out(spent: dict[str, Spent]) -> dict[str, Spent]:
    """Steps without those that ran inside of them."""
    for outer, inner in ((WRITE, RENDER), (WRITE, ENCODE), (SCORE, DECODE)):
        whole, part = spent.get(outer, Spent()), spent.get(inner, Spent())
        spent[outer] = Spent(whole.wall - part.wall, whole.cpu - part.cpu)
    return spent


def bench_overlap(report: Report, cases: Sequence[OverlapCase], *, rounds: int = ROUNDS) -> None:
    """Build each case in both ways, in turn, and print rates, steps and the slowest of them.

    Raises:
        DataError: The two ways wrote different files.
    """
    for case in cases:
        with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
            spec = make_case_spec(case, num_shards=rounds + 1)
            sides = [_prepare_side(spec, Path(name) / str(place), side) for place, side in enumerate(SIDES)]
            for side in sides:
                stack.callback(side.close)
            for shard in range(rounds + 1):
                # Each goes first in turn, so that neither always finds the files read by the other.
                for side in sides if shard % 2 else reversed(sides):
                    side.run(shard)
                if len({side.hash_files(shard) for side in sides}) > 1:
                    raise DataError(f"{case.title}: the two ways wrote different files for shard {shard}.")
        # The first shard pays for what is loaded at first use.
        turns = {side.name: side.turns[1:] for side in sides}
        _keep(report, case, turns)
        _print(report, case, turns)


def _prepare_side(spec: VersionSpec, out: Path, name: str) -> BuildSide:
    from imagenet_g.generation.building.build import make_job_plan
    from imagenet_g.generation.plans.plan import write_plan
    from imagenet_g.generation.rendering.tasks import BuildJob

    job = BuildJob(spec=spec, split=SPLIT, out=out, device="cpu")
    write_plan(job.plan_path, make_job_plan(job))
    return BuildSide(job, name)


def _keep(report: Report, case: OverlapCase, turns: Mapping[str, Sequence[dict[str, Spent]]]) -> None:
    for side, rounds in turns.items():
        for turn, spent in enumerate(rounds, start=1):
            for step in (WHOLE,) if side == OVERLAPPED else (WHOLE, *STEPS):
                wall, cpu = (1000 * value / case.num_images for value in (spent[step].wall, spent[step].cpu))
                for quantity, value in (("ms", wall), ("ms of CPU time", cpu)):
                    report.keep(Measurement(STAGE, case.title, f"{side}, {step}", quantity, turn, value))


def _print(report: Report, case: OverlapCase, turns: Mapping[str, Sequence[dict[str, Spent]]]) -> None:
    report.print(STAGE, f"{case.title}, {case.num_images} images a turn")
    walls = {side: [spent[WHOLE].wall for spent in rounds] for side, rounds in turns.items()}
    for side, rounds in turns.items():
        rates = format_spread([case.num_images / wall for wall in walls[side]])
        cpu = format_spread([1000 * spent[WHOLE].cpu / case.num_images for spent in rounds])
        report.print("", f"{side:20} {rates} images/s, {cpu} ms of CPU time an image")
    gain = format_spread(divide_by_turn(walls[IN_TURN], walls[OVERLAPPED]), 2)
    report.print("", f"images/s {OVERLAPPED} / {IN_TURN}: {gain}; all files equal")
    for step in STEPS:
        report.print("", _format_step(step, case, turns[IN_TURN]))
    slowest = max(STEPS, key=lambda step: median(spent[step].wall for spent in turns[IN_TURN]))
    alone = [spent[slowest].wall for spent in turns[IN_TURN]]
    ratio = format_spread(divide_by_turn(walls[OVERLAPPED], alone), 2)
    report.print("", f"slowest: {slowest}; overlapped, everything takes {ratio} times what it takes alone")


def _format_step(step: str, case: OverlapCase, rounds: Sequence[dict[str, Spent]]) -> str:
    wall = format_spread([1000 * spent[step].wall / case.num_images for spent in rounds], 2)
    cpu = format_spread([1000 * spent[step].cpu / case.num_images for spent in rounds], 2)
    share = format_spread([100 * spent[step].wall / spent[WHOLE].wall for spent in rounds])
    return f"{step:30} {wall} ms, of CPU time {cpu} ms, {share} % of the time {IN_TURN}"
