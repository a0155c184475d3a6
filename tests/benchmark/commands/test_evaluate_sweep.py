"""`imagenet-g evaluate SWEEP.toml` as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from toy_models import write_toy_folder

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.predictions.result_files import load_result

COLOUR, SCALED = "python:toy_models:make_colour_model", "python:small_models:make_scaled_model"
BROKEN = "python:toy_models:no_such_function"
SUPPORT = Path(__file__).parents[2] / "support"


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sweep file over two models and one folder, in the working folder."""
    monkeypatch.chdir(tmp_path)
    write_toy_folder(tmp_path / "images", [row % 4 for row in range(12)])
    return write_sweep(tmp_path, f'model = ["{COLOUR}", "{SCALED}"]')


def write_sweep(folder: Path, *lines: str) -> Path:
    """A sweep file with these lines before the common ones."""
    path = folder / "sweep.toml"
    common = ('split = ["folder:images"]', 'reference = "published"', 'out = "out"', 'cache = "cache"')
    path.write_text("\n".join([*common, *lines]))
    return path


def read_journal() -> dict[str, dict[str, object]]:
    """The journal in the results."""
    found: dict[str, dict[str, object]] = json.loads(Path("out/sweep.json").read_bytes())
    return found


def test_every_model_of_the_file_has_a_result(sweep: Path) -> None:
    """As if each had been given to a command of its own."""
    assert main(["evaluate", str(sweep)]) == 0
    found = sorted(load_result(path).model.spec for path in Path("out").glob("*/result.json"))
    assert found == sorted([COLOUR, SCALED])


def test_a_second_run_does_nothing(sweep: Path) -> None:
    """Results keep their time of writing."""
    main(["evaluate", str(sweep)])
    before = {path: path.stat().st_mtime_ns for path in Path("out").rglob("*.*")}
    assert main(["evaluate", str(sweep)]) == 0
    assert {path: path.stat().st_mtime_ns for path in Path("out").rglob("*.*")} == before


def test_a_model_that_fails_does_not_stop_the_others(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, and its reason in the table."""
    write_sweep(sweep.parent, f'model = ["{BROKEN}", "{COLOUR}"]')
    assert main(["evaluate", str(sweep)]) == 1
    assert list(read_journal()["failed"]) == [BROKEN]
    assert list(read_journal()["done"]) == [COLOUR]
    assert f"{BROKEN} failed: " in capsys.readouterr().out


def test_a_failed_model_is_run_again_when_asked(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not before: a sweep that is resumed must not wait for it each time."""
    write_sweep(sweep.parent, f'model = ["{BROKEN}"]')
    assert main(["evaluate", str(sweep)]) == 2
    capsys.readouterr()
    assert main(["evaluate", str(sweep)]) == 2
    assert "[1/1]" not in capsys.readouterr().out
    assert main(["evaluate", str(sweep), "--retry-failed"]) == 2
    assert "[1/1]" in capsys.readouterr().out


def test_a_result_that_was_replaced_is_made_again(sweep: Path) -> None:
    """A later trial run on fewer images is not what the sweep asks for."""
    write_sweep(sweep.parent, f'model = ["{COLOUR}"]')
    main(["evaluate", str(sweep)])
    words = ["--split", "folder:images", "--reference", "published", "--limit", "3", "--out", "out"]
    main(["evaluate", "--model", COLOUR, *words, "--cache", "cache"])
    assert main(["evaluate", str(sweep)]) == 0
    (path,) = Path("out").glob("*/result.json")
    assert load_result(path).entries[0].limit is None


def test_an_option_that_is_typed_replaces_that_of_the_file(sweep: Path) -> None:
    """Also where it is typed as the default."""
    write_sweep(sweep.parent, f'model = ["{COLOUR}"]', 'dtype = "bfloat16"', "limit = 5")
    assert main(["evaluate", str(sweep), "--dtype", "float32", "--limit", "2"]) == 0
    (path,) = Path("out").glob("*/result.json")
    entry = load_result(path).entries[0]
    assert (entry.predictions.run.dtype, entry.limit) == ("float32", 2)


def test_the_list_shows_models_and_runs_nothing(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What would be run."""
    assert main(["evaluate", str(sweep), "--list"]) == 0
    printed = capsys.readouterr().out
    assert COLOUR in printed
    assert "unknown" in printed
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["splt = 3"], "Unknown key 'splt' in"),
        (['model = [{ spec = "timm:*", were = "x" }]'], "Did you mean 'where'?"),
        (['[[model]]\nspec = "timm:*"\ndtype = "float32"'], "Options of the whole file stand above"),
        (["model = 3"], "A model in"),
        (["model = [{}]"], "has no 'spec'"),
        (['model = [{ spec = "timm:*", where = 3 }]'], "'where' of a model in"),
        (['model = [{ spec = "timm:*", exclude = 3 }]'], "'exclude' of a model in"),
        ([], "names no model"),
        (["model = ["], "is not valid TOML"),
        (['model = ["a:b"]', 'dtype = "float33"'], "give one of float32, bfloat16, float16"),
        (['model = ["a:b"]', "limit = 0"], "'0' is not a whole number of at least 1"),
        (['model = ["a:b"]', "stream = 1"], "give true or false"),
        (['model = ["a:b"]', "limit = [1]"], "give one word or number"),
        (['model = ["a:b"]', 'checkpoint = "x"'], "Unknown key 'checkpoint'"),
        (['model = ["a:b"]'], "Unknown model scheme 'a'"),
    ],
)
def test_a_mistake_in_the_file_is_one_message(
    sweep: Path, lines: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing runs, no traceback."""
    write_sweep(sweep.parent, *lines)
    assert main(["evaluate", str(sweep)]) == 2
    printed = capsys.readouterr().err
    assert words in printed
    assert printed.startswith("imagenet-g: ")
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["timm:resnet50"], "a model is named by '--model timm:resnet50'"),
        (["no.toml"], "There is no sweep file"),
        ([], "No model is named"),
        (["--model", COLOUR, "--status"], "--status goes with a sweep file"),
        (["sweep.toml", "--class-map", "x"], "--class-map belongs to one model"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_message(
    sweep: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the next step."""
    assert main(["evaluate", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_killed_sweep_goes_on(sweep: Path) -> None:
    """After `kill -9` the second command ends with every result."""
    write_sweep(sweep.parent, f'model = ["{COLOUR}", "python:toy_models:make_slow_model"]')
    command = [sys.executable, "-m", "imagenet_g.benchmark.cli", "evaluate", str(sweep)]
    environment = {**os.environ, "PYTHONPATH": str(SUPPORT)}
    started = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not Path("out/sweep.json").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    started.send_signal(signal.SIGKILL)
    started.wait()
    assert read_journal()["running"]
    assert main(["evaluate", str(sweep)]) == 0
    assert len(list(Path("out").glob("*/result.json"))) == 2
    assert not read_journal()["running"]
