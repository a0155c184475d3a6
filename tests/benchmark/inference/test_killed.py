"""Killed and resumed with several models in one pass, in processes of their own."""

from __future__ import annotations

import os
import signal
import sys
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
from child_processes import list_group
from client_process import run_in_group
from toy_models import write_toy_folder
from warm_processes import get_warm_context

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.predictions.predictions import load_predictions, make_table

MODELS = ("make_slow_model", "make_colour_model")


def make_words(home: Path, folder: Path, feeding: str = "threads") -> list[str]:
    """Two models on a folder, with a cache and results folder of the test's own."""
    words = [word for model in MODELS for word in ("--model", f"python:toy_models:{model}")]
    words += ["--split", f"folder:{folder}", "--batch-size", "32", "--workers", "2"]
    words += ["--feeding", feeding]
    return ["evaluate", *words, "--out", str(home / "out"), "--cache", str(home / "cache")]


def start(home: Path, folder: Path, feeding: str = "threads") -> ForkServerProcess:
    """The command, in a process group of its own, as a shell starts it."""
    words = (make_words(home, folder, feeding), home / "errors")
    process = get_warm_context().Process(target=run_in_group, args=words)
    process.start()
    return process


def wait_for_parts(home: Path, number: int) -> None:
    """Wait until so many parts are there."""
    deadline = time.monotonic() + 120
    while len(list(home.glob("cache/parts/*/*.parquet"))) < number and time.monotonic() < deadline:
        time.sleep(0.02)


def require_gone(group: int) -> None:
    """No process of the group is left, a moment later."""
    deadline = time.monotonic() + 10
    while list_group(group) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list_group(group) == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 images: two parts of 256 rows, and a rest."""
    return write_toy_folder(tmp_path_factory.mktemp("set") / "images", [row % 40 for row in range(600)])


@pytest.fixture(scope="module")
def whole(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed run."""
    home = tmp_path_factory.mktemp("whole")
    assert main(make_words(home, folder)) == 0
    return home


@pytest.mark.skipif(sys.platform != "linux", reason="processes are read from /proc")
@pytest.mark.parametrize(("feeding", "numbers"), [("threads", (1, 3)), ("processes", (1,))])
def test_killed_with_9_both_models_end_with_the_answers_of_an_undisturbed_run(
    folder: Path, whole: Path, tmp_path: Path, feeding: str, numbers: tuple[int, ...]
) -> None:
    """After the first parts and after more; nothing stays at work."""
    for number in numbers:
        process = start(tmp_path, folder, feeding)
        wait_for_parts(tmp_path, number)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert process.pid is not None
        require_gone(process.pid)
    assert not list(tmp_path.glob("out/*/result.json"))
    assert main(make_words(tmp_path, folder)) == 0
    files = sorted(whole.glob("out/*/predictions/*.parquet"))
    assert len(files) == 2
    for path in files:
        resumed, meta = load_predictions(tmp_path / path.relative_to(whole))
        undisturbed, whole_meta = load_predictions(path)
        assert make_table(resumed) == make_table(undisturbed)
        assert meta.key == whole_meta.key


@pytest.mark.skipif(sys.platform != "linux", reason="processes are read from /proc")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_run_that_is_stopped_leaves_no_process_and_no_traceback(
    folder: Path, tmp_path: Path, name: str
) -> None:
    """Ctrl-C ends with 130; whatever was started is gone."""
    process = start(tmp_path, folder)
    wait_for_parts(tmp_path, 1)
    assert process.pid is not None
    stopped = time.monotonic()
    os.killpg(process.pid, getattr(signal, name))
    process.join(30)
    assert time.monotonic() - stopped < 10
    assert process.exitcode == (130 if name == "SIGINT" else -signal.SIGTERM)
    assert "Traceback" not in (tmp_path / "errors").read_text()
    require_gone(process.pid)
