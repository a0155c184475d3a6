"""Results in the three trackers, read back by the libraries themselves; nothing leaves the machine."""

from __future__ import annotations

import json
import sqlite3
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from image_sets import write_release

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.commands.evaluate_options import add_arguments
from imagenet_g.benchmark.errors import UnknownNameError
from imagenet_g.benchmark.predictions.entries import choose_headline
from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.benchmark.results import Result
from imagenet_g.benchmark.tracking import trackers
from imagenet_g.benchmark.tracking.trackers import NAMES, Tracker, open_tracker, track_results
from imagenet_g.benchmark.tracking.values import list_facts, list_values

MODEL = "python:toy_models:make_colour_model"
SLUG = "python-toy_models-make_colour_model"


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Options of one small evaluation, its answers in the cache."""
    folder = tmp_path_factory.mktemp("tracked")
    write_release(folder / "release", [3, 7, 11, 13])
    assert main(["evaluate", *name_run(folder, folder / "first")]) == 0
    return folder


def name_run(folder: Path, out: Path) -> list[str]:
    """The options of the run."""
    places = ["--data", f"v9={folder / 'release'}", "--out", str(out), "--cache", str(folder / "cache")]
    return ["--model", MODEL, "--split", "v9/sd-l", *places]


def load_first(folder: Path) -> Result:
    """The result."""
    return load_result(folder / "first" / SLUG)


def test_values_are_those_of_the_result(evaluated: Path) -> None:
    """Fractions, by split; a gap and a line that are absent have no number."""
    result = load_first(evaluated)
    values, top1 = list_values(result), choose_headline(result.entries[0]).top1
    assert values["v9/sd-l/top1"] == top1.value
    assert (values["v9/sd-l/top1_low"], values["v9/sd-l/top1_high"]) == (top1.low, top1.high)
    assert values["v9/sd-l/n"] == 4
    assert not [name for name in values if "/ag" in name or "/er" in name]


def test_facts_hold_no_place_of_this_machine(evaluated: Path) -> None:
    """They may go to a server."""
    text = json.dumps(list_facts(load_first(evaluated)))
    assert str(evaluated) not in text
    assert json.loads(text)["model"] == MODEL


def test_tensorboard_reads_what_was_tracked(
    evaluated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One run a model, under the folder of results."""
    pytest.importorskip("tensorboard", reason="imagenet-g[tensorboard] is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert main(["evaluate", *name_run(evaluated, tmp_path), "--track", "tensorboard"]) == 0
    assert "failed" not in capsys.readouterr().err
    events = EventAccumulator(str(tmp_path / "tensorboard" / SLUG)).Reload()
    found = {
        tag: events.Tensors(tag)[0].tensor_proto.float_val[0] for tag in list_values(load_first(evaluated))
    }
    assert found == pytest.approx(list_values(load_first(evaluated)), abs=1e-6)


def test_trackio_holds_what_was_tracked(
    evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its own local data base."""
    pytest.importorskip("trackio", reason="imagenet-g[trackio] is not installed")
    from trackio import sqlite_storage

    monkeypatch.setattr(sqlite_storage, "TRACKIO_DIR", tmp_path)
    result = load_first(evaluated)
    assert track_results(open_tracker("trackio"), [result], tmp_path) == []
    with sqlite3.connect(tmp_path / "imagenet-g.db") as base:
        rows = base.execute("select run_name, metrics from metrics").fetchall()
    assert [(name, json.loads(metrics)) for name, metrics in rows] == [(SLUG, list_values(result))]


def test_wandb_keeps_what_was_tracked_without_a_network(
    evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its offline mode."""
    pytest.importorskip("wandb", reason="imagenet-g[wandb] is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    assert track_results(open_tracker("wandb"), [load_first(evaluated)], tmp_path) == []
    (kept,) = (tmp_path / "wandb").glob("offline-run-*/*.wandb")
    # The library's own process writes the end of the file a little after `finish` has returned.
    until = time.monotonic() + 60
    records = list(read_wandb(kept))
    while not any(record.HasField("exit") for record in records):
        assert time.monotonic() < until, "the run was never finished"
        time.sleep(0.1)
        records = list(read_wandb(kept))
    stored = {tuple(item.nested_key): item.value_json for r in records for item in r.history.item}
    found = {name: json.loads(text) for (name, *_), text in stored.items() if not name.startswith("_")}
    assert found == list_values(load_first(evaluated))
    assert SLUG in {record.run.display_name for record in records}


def read_wandb(path: Path) -> Iterator[Any]:
    """The records of a run that was kept offline: a log of LevelDB's format, with 7 bytes in front."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, place, block, whole = path.read_bytes(), 7, 32768, b""
    while place + 7 <= len(data):
        if block - place % block < 7:
            # No header is divided between two blocks.
            place += block - place % block
            continue
        size, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        if place + 7 + size > len(data):
            # Not written to its end yet.
            return
        whole += data[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):
            yield Record.FromString(whole)
            whole = b""


def test_a_tracker_that_fails_costs_no_result(
    evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said, a token in its message is not, and the command succeeds."""

    def fail(result: Result, out: Path) -> None:
        raise ConnectionError("refused hf_secretSECRETsecretSECRETsecret")

    broken = Tracker("json", fail, keeps_files=False)
    monkeypatch.setattr(trackers, "TRACKERS", (broken,))
    monkeypatch.setattr(trackers, "open_tracker", lambda name: broken)
    assert main(["evaluate", *name_run(evaluated, tmp_path), "--track", "trackio"]) == 0
    said = capsys.readouterr().err
    assert f"--track json failed for {MODEL} (ConnectionError: refused" in said
    assert "SECRET" not in said
    assert load_result(tmp_path / SLUG).entries


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_library_is_said_before_anything_runs(
    name: str,
    evaluated: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With the command that installs it."""
    monkeypatch.setattr(trackers, "find_spec", lambda module: None)
    assert main(["evaluate", *name_run(evaluated, tmp_path / "out"), "--track", name]) == 2
    assert f"pip install 'imagenet-g[{name}]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_share_of_the_rows_has_nothing_to_track(evaluated: Path, tmp_path: Path) -> None:
    """It makes no result."""
    words = [*name_run(evaluated, tmp_path), "--rows", "1/2", "--track", "trackio"]
    assert main(["evaluate", *words]) == 2


def test_an_unknown_tracker_is_refused() -> None:
    """With the names that there are."""
    with pytest.raises(UnknownNameError, match="Known: tensorboard, trackio, wandb"):
        open_tracker("mlflow")


def test_the_option_offers_the_trackers_that_there_are() -> None:
    """Its choices stand in the options, so that help imports no result."""
    parser = ArgumentParser()
    add_arguments(parser)
    for name in NAMES:
        assert parser.parse_args(["--track", name]).track == name
    with pytest.raises(SystemExit):
        parser.parse_args(["--track", "mlflow"])


def test_a_sweep_file_may_name_a_tracker(evaluated: Path, tmp_path: Path) -> None:
    """As any option of the command."""
    pytest.importorskip("tensorboard", reason="imagenet-g[tensorboard] is not installed")
    places = {"out": tmp_path / "out", "cache": evaluated / "cache"}
    words = [f'{name} = "{place}"' for name, place in places.items()]
    table = [f'model = ["{MODEL}"]', 'split = ["v9/sd-l"]', 'track = "tensorboard"', *words]
    (tmp_path / "sweep.toml").write_text("\n".join([*table, f'data = {{ v9 = "{evaluated / "release"}" }}']))
    assert main(["evaluate", str(tmp_path / "sweep.toml")]) == 0
    assert list((tmp_path / "out" / "tensorboard" / SLUG).iterdir())
