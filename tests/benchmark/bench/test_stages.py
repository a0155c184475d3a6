"""Each stage runs and prints its lines; its commands run inside the test, where figures do not matter."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from factories import make_run_record
from imagenet_g.benchmark import cli
from imagenet_g.benchmark.bench import __main__ as bench
from imagenet_g.benchmark.bench import runs, start, timm_loop
from imagenet_g.benchmark.bench.nets import LITE0, NETS, RESNET50, VIT_B
from imagenet_g.benchmark.bench.processes import EVALUATE, ProcessRun

# timm's dataset leaves the files it opened to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)


def run_inside(command: Sequence[str], environment: Mapping[str, str] | None = None) -> ProcessRun:
    """As `run_measured`, in this process."""
    began, printed = time.perf_counter(), io.StringIO()
    with redirect_stdout(printed), pytest.MonkeyPatch.context() as patch:
        if tuple(command[: len(EVALUATE)]) == EVALUATE:
            assert cli.main(["evaluate", *command[len(EVALUATE) :]]) == 0
        else:
            assert command[1:3] == ["-m", "imagenet_g.benchmark.bench.timm_loop"]
            patch.setattr("sys.argv", ["timm_loop", *command[3:], "--batch-size", "4", "--workers", "0"])
            assert timm_loop.main() == 0
    return ProcessRun(time.perf_counter() - began, 0.0, 100.0, printed.getvalue())


@pytest.fixture(autouse=True)
def inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run inside the test."""
    monkeypatch.setattr(runs, "run_measured", run_inside)


def run_stage(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a stage prints in a dry run."""
    assert bench.main(["--dry", name]) == 0
    printed = capsys.readouterr().out
    assert "machine" in printed
    return printed


def test_speed_compares_both_sides_image_by_image(capsys: pytest.CaptureFixture[str]) -> None:
    """Rates, whole processes, ratios, the share of the matrix rate, and answers that are equal."""
    printed = run_stage("speed", capsys)
    for line in (
        "timm as it comes",
        "imagenet-g, folder / timm, channels-last:",
        "imagenet-g, parquet / imagenet-g, folder:",
        "% of the matrix rate",
        "imagenet-g, parquet against timm as it comes: 0 of 6 best classes differ, 0 of them no tie",
    ):
        assert line in printed


def test_steps_name_where_the_time_goes(capsys: pytest.CaptureFixture[str]) -> None:
    """From reading to the metrics."""
    printed = run_stage("steps", capsys)
    for step in (
        "read and check, folder",
        "read, parquet",
        "decode",
        "resize",
        "normalise",
        "forward",
        "metrics",
    ):
        assert step in printed


def test_many_models_are_compared_with_commands_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    """One share."""
    assert "2 models, 4 photos: one command" in run_stage("many", capsys)


def test_load_and_flat_print_shares_of_their_first(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the idle rate, and of the smallest set."""
    assert "beside two busy processes" in run_stage("load", capsys)
    assert "4 images:" in run_stage("flat", capsys)


def test_threads_and_processes_are_set_against_each_other(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which feed the faster is a matter of the machine at hand."""
    kinds: list[str] = []

    def run(model: Sequence[str], photos: Path, home: Path, more: Sequence[str] = ()) -> runs.SpeedRun:
        kinds.extend(more[1:])
        return runs.run_ours(model, photos, home)

    monkeypatch.setattr("imagenet_g.benchmark.bench.scaling.run_ours", run)
    assert "by processes: " in run_stage("feeding", capsys)
    assert kinds == ["threads", "processes"]


def test_start_prints_ratios_to_the_bare_import(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the first image, of an answer from the cache, and of the help."""

    def run(command: Sequence[str]) -> ProcessRun:
        return ProcessRun(2.0, 2.0, None, f"FIRST {time.time() + 2.2} more")

    monkeypatch.setattr(start, "run_measured", run)
    printed = run_stage("start", capsys)
    assert "first image, known model     2.20 s  ratio 1.10" in printed
    assert "whole run from the cache     2.00 s  ratio 1.00" in printed


def test_the_stage_of_the_gpu_runs_on_a_cpu(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same code at a tiny size, without the compiler, whose time is no matter of ours."""
    monkeypatch.setattr("torch.compile", lambda model, **options: model)
    printed = run_stage("gpu", capsys)
    assert "bare compiled forward" in printed
    assert "% of the bare forward pass" in printed


def test_a_fingerprint_is_set_against_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    """As a share of it."""
    assert "% of a run of 1000 images" in run_stage("fingerprint", capsys)


def test_the_rate_begins_behind_the_first_batch() -> None:
    """As timm's loop begins with a warm model; of one batch alone it is that of the whole run."""
    run = make_run_record().model_copy(
        update={"seconds": 12.0, "warm_up_seconds": 2.0, "batch_size": 10, "images_per_second": 9.0}
    )
    assert runs.compute_rate_behind_start(run, 110) == 10.0
    assert runs.compute_rate_behind_start(run, 10) == 9.0
    assert runs.compute_rate_behind_start(run.model_copy(update={"warm_up_seconds": None}), 110) == 9.0


def test_a_failing_command_ends_the_bench_with_its_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And with a code of its own."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert bench.main(["gpu"]) == 2
    assert "failed       Device 'cuda' is not available here" in capsys.readouterr().out


def test_three_sizes_of_networks_are_timed() -> None:
    """Lite0 on 1000 photos in five rounds, one of ResNet-50's size on 200, one of ViT-B's on 100."""
    assert [(net.num_photos, net.num_rounds) for net in NETS] == [(1000, 5), (200, 2), (100, 2)]
    assert NETS == (LITE0, RESNET50, VIT_B)
