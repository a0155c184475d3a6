"""`--devices`: several processes of this machine, and the results of one."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from child_processes import is_alive, list_children, wait_until
from client_process import run_in_group
from toy_models import write_toy_folder
from warm_processes import get_warm_context

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.predictions.predictions import load_predictions
from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.benchmark.results import Entry

COLOUR, SCALED = "python:toy_models:make_colour_model", "python:small_models:make_scaled_model"
TWO = ("--devices", "cpu,cpu")


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of 40 images in the working folder."""
    monkeypatch.chdir(tmp_path)
    return write_toy_folder(tmp_path / "images", [row % 5 for row in range(40)])


def make_words(out: str, *models: str) -> list[str]:
    """A command with a cache of its own."""
    words = [word for model in models for word in ("--model", model)]
    split = ["--split", "folder:images", "--reference", "published", "--batch-size", "8"]
    return ["evaluate", *words, *split, "--out", out, "--cache", f"{out}-cache"]


def load_entries(out: str) -> dict[str, Entry]:
    """The entry of each model, by its folder."""
    return {path.parent.name: load_result(path).entries[0] for path in Path(out).glob("*/result.json")}


def test_two_processes_give_the_results_of_one(images: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Of three models two are dealt out whole and one is split by rows; one fails alone, with its reason."""
    models = (COLOUR, "python:toy_models:no_such_function", SCALED)
    assert main(make_words("one", *models)) == 1
    assert main([*make_words("two", *models), *TWO]) == 1
    one, two = load_entries("one"), load_entries("two")
    assert one.keys() == two.keys()
    assert len(one) == 2
    for name, entry in one.items():
        assert entry.scores == two[name].scores
        rows = [load_predictions(Path(out) / name / entry.predictions.file)[0] for out in ("one", "two")]
        assert (rows[0].top5.probabilities == rows[1].top5.probabilities).all()
        assert rows[0].image_ids == rows[1].image_ids
    assert [found.predictions.run.row_shares for found in two.values()].count(2) == 1
    assert "no_such_function" in capfd.readouterr().err
    assert not list(Path("two-cache/shares").rglob("*.parquet"))


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_no_process_outlives_the_command(images: Path, ending: signal.Signals) -> None:
    """However it ends."""
    words = [*make_words("out", "python:toy_models:make_slow_model"), *TWO]
    command = get_warm_context().Process(target=run_in_group, args=(words, Path("errors")))
    command.start()
    assert command.pid is not None
    pid = command.pid
    # The one by which multiprocessing keeps track of what is shared is that of the tests.
    wait_until(lambda: len(list_children(pid)) >= 2)
    children = list_children(pid)
    os.kill(pid, ending)
    command.join(60)
    assert command.exitcode == (-ending if ending == signal.SIGKILL else 130)
    wait_until(lambda: not any(map(is_alive, children)))


def test_a_killed_process_costs_its_last_part(images: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The model kills its process at a batch, once; the result is whole."""
    assert main([*make_words("two", "python:dying_models:make_dying_once"), *TWO]) == 0
    assert Path("died").exists()
    assert "died (signal 9)" in capfd.readouterr().err
    (entry,) = load_entries("two").values()
    assert (entry.n, entry.n_unscored) == (40, 0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--devices", "cpu,tpu"], "Device 'tpu' is not available here. Available: auto, cpu"),
        ([*TWO, "--device", "cpu"], "--device names one device and --devices several"),
        ([*TWO, "--rows", "1/2"], "--rows is for the jobs of an array"),
        ([*TWO, "--engine", "ray"], "give one of them"),
        (["--address", "auto"], "--address and --actors need --engine ray"),
        (["--engine", "ray", "--cpus-per-actor", "0"], "is no number above 0, such as 0.5"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    images: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One message, before anything runs."""
    assert main([*make_words("out", COLOUR), *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.gpu
def test_every_gpu_has_its_share(images: Path) -> None:
    """One process a GPU, and the answers of the first one alone."""
    import torch

    devices = ",".join(f"cuda:{number}" for number in range(torch.cuda.device_count()))
    assert main([*make_words("one", SCALED), "--device", "cuda:0"]) == 0
    assert main([*make_words("two", SCALED), "--devices", devices]) == 0
    scores = [[entry.scores for entry in load_entries(out).values()] for out in ("one", "two")]
    assert scores[0] == scores[1]
