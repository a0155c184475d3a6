"""Ours against timm's loop, alternately in one run: images a second, whole processes, memory, answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.bench.machine import count_operations
from imagenet_g.benchmark.bench.nets import LITE0, Net, write_weights
from imagenet_g.benchmark.bench.photos import make_home, write_parquet, write_photos
from imagenet_g.benchmark.bench.report import Measurement, Report, divide_by_turn, format_spread
from imagenet_g.benchmark.bench.runs import SpeedRun, count_differences, name_model, run_ours, run_timm

FOLDER, PARQUET = "imagenet-g, folder", "imagenet-g, parquet"
FIRST = "imagenet-g, first run"
TIMM, LAST = "timm as it comes", "timm, channels-last"
KIND, KIND_LAST = "timm, batch 64, 2 workers", "timm, batch 64, 2 workers, channels-last"
_KIND_WORDS = ("--batch-size", "64", "--workers", "2")
RATE, WHOLE, CPU, PEAK = "images/s", "process s", "processor s", "peak MB"
WITH_START = "images/s with start"
STAGE = "speed"


@dataclass(frozen=True, slots=True)
class Contest:
    """A network, its files, and where its runs keep theirs."""

    net: Net
    weights: Path
    photos: Path
    parquet: Path
    home: Path

    def list_runners(self, turn: int) -> dict[str, Callable[[], SpeedRun]]:
        """What runs in a round, in its order, by name."""
        model = name_model(self.net, self.weights)
        runners = {
            FOLDER: lambda: run_ours(model, self.photos, self.home),
            TIMM: lambda: self._run_timm(),
            LAST: lambda: self._run_timm("--channels-last"),
            PARQUET: lambda: run_ours(model, self.parquet, self.home),
        }
        # The kinder settings of the small network, once: they cost as much as the rest of a round.
        if self.net is LITE0 and turn == 1:
            runners[KIND] = lambda: self._run_timm(*_KIND_WORDS)
            runners[KIND_LAST] = lambda: self._run_timm(*_KIND_WORDS, "--channels-last")
        return runners

    def _run_timm(self, *more: str) -> SpeedRun:
        return run_timm(self.net, self.weights, self.photos, self.home, more)


def bench_speed(report: Report, nets: Sequence[Net], *, matrix_rate: float, minutes: float) -> None:
    """Time each network in rounds until they are done or the time is used up.

    Args:
        report: Where lines and measurements go.
        nets: The networks.
        matrix_rate: Of the machine, in operations a second.
        minutes: For all of them.
    """
    for net in nets:
        with make_home() as name:
            _bench_net(report, net, Path(name), matrix_rate=matrix_rate, minutes=minutes * net.share)


def _bench_net(report: Report, net: Net, home: Path, *, matrix_rate: float, minutes: float) -> None:
    started = time.monotonic()
    photos = write_photos(home / "photos", net.num_photos)
    contest = Contest(net, write_weights(net, home), photos, write_parquet(home / "parquet", photos), home)
    case = f"{net.title}, {net.num_photos} photos"
    last: dict[str, SpeedRun] = {}
    # With an empty cache: what the model is compiled to is not kept yet.
    _keep(report, case, FIRST, 1, run_ours(name_model(net, contest.weights), photos, home))
    turns, begun = 0, started
    for turn in range(1, net.num_rounds + 1):
        # The next round takes no longer than the last one, and the first is the longest.
        if turn > 1 and 2 * time.monotonic() - begun - started > minutes * 60:
            break
        begun = time.monotonic()
        for subject, runner in contest.list_runners(turn).items():
            last[subject] = runner()
            _keep(report, case, subject, turn, last[subject])
        turns = turn
    report.print(STAGE, f"{case}, {turns} rounds, {last[FOLDER].backend}")
    print_case(report, case)
    _print_share(report, case, net, matrix_rate)
    _print_answers(report, last)


def _keep(report: Report, case: str, subject: str, turn: int, run: SpeedRun) -> None:
    process = run.process
    values = {RATE: run.images_per_second, WHOLE: process.seconds, CPU: process.cpu_seconds}
    if run.with_start is not None:
        values[WITH_START] = run.with_start
    if process.peak_mb is not None:
        values[PEAK] = process.peak_mb
    for quantity, value in values.items():
        report.keep(Measurement(STAGE, case, subject, quantity, turn, value))


def list_values(report: Report, case: str, subject: str, quantity: str) -> list[float]:
    """One quantity of a subject, by round."""
    return [
        row.value
        for row in report.measurements
        if (row.case, row.subject, row.quantity) == (case, subject, quantity)
    ]


def print_case(report: Report, case: str) -> None:
    """The lines of one network: each subject, then the ratios of the rounds."""
    for subject in dict.fromkeys(row.subject for row in report.measurements if row.case == case):
        rates, wholes = (list_values(report, case, subject, quantity) for quantity in (RATE, WHOLE))
        peaks = list_values(report, case, subject, PEAK)
        started = list_values(report, case, subject, WITH_START)
        start = f" ({format_spread(started)} with the model's start)" if started else ""
        memory = f"  peak {max(peaks):.0f} MB" if peaks else ""
        report.print(
            "",
            f"{subject:42} {format_spread(rates)} images/s{start}  process {format_spread(wholes)} s{memory}",
        )
    for ours in (FOLDER, PARQUET):
        for theirs in (TIMM, LAST, KIND, KIND_LAST):
            if list_values(report, case, theirs, RATE):
                report.print("", _format_ratios(report, case, ours, theirs))
    report.print("", _format_ratios(report, case, PARQUET, FOLDER))


def _format_ratios(report: Report, case: str, ours: str, theirs: str) -> str:
    def compare(quantity: str, *, inverse: bool) -> str:
        pair = [list_values(report, case, subject, quantity) for subject in (ours, theirs)]
        return format_spread(divide_by_turn(*(reversed(pair) if inverse else pair)), 2)

    rates, wholes = compare(RATE, inverse=False), compare(WHOLE, inverse=True)
    return f"{ours} / {theirs}: {rates} in images/s, {wholes} as whole processes"


def _print_share(report: Report, case: str, net: Net, matrix_rate: float) -> None:
    operations = count_operations(net.name)
    for subject in (FOLDER, LAST):
        rates = list_values(report, case, subject, RATE)
        shares = [100 * operations * rate / matrix_rate for rate in rates]
        for turn, share in enumerate(shares, 1):
            report.keep(Measurement(STAGE, case, subject, "% of the matrix rate", turn, share))
        report.print(
            "",
            f"{subject}: {format_spread(shares)} % of the matrix rate of {matrix_rate / 1e9:.0f} GFLOP/s "
            f"at {operations / 1e9:.2f} GFLOP an image",
        )


def _print_answers(report: Report, last: dict[str, SpeedRun]) -> None:
    for subject in (FOLDER, PARQUET):
        for peer in (TIMM, LAST):
            differ, clear = count_differences(last[subject], last[peer])
            report.print(
                "",
                f"{subject} against {peer}: {differ} of {len(last[subject].best)} best classes differ, "
                f"{clear} of them no tie",
            )
