"""`evaluate --backend`: what is taken, what is fallen back from, and what counts as an answer already."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from toy_models import write_toy_folder

from factories import make_run_record
from imagenet_g.benchmark.backends import choosing, openvino_backend
from imagenet_g.benchmark.backends.backend import BackendRefusedError
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.formats.runs import RunRecord
from imagenet_g.benchmark.predictions.predictions import load_predictions, make_table
from imagenet_g.benchmark.predictions.result_files import load_result

COLOUR = "python:toy_models:make_colour_model"
needs_openvino = pytest.mark.skipif(not choosing.is_installed(), reason="the extra openvino is not installed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve images."""
    return write_toy_folder(tmp_path / "images", [row * 20 for row in range(12)])


def evaluate(tmp_path: Path, folder: Path, *words: str, code: int = 0) -> RunRecord:
    """Run the colour model with a cache and a results folder of the test's own; the record of the run."""
    command = ["evaluate", "--model", COLOUR, "--split", f"folder:{folder}", "--out", str(tmp_path / "out")]
    assert main([*command, "--cache", str(tmp_path / "cache"), *words]) == code
    if code:
        return make_run_record()
    entry = load_result(next((tmp_path / "out").glob("*/result.json"))).entries[0]
    assert entry.scores[0].metrics["top1"].right == 12
    run = entry.predictions.run
    assert run is not None
    return run


def make_work_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on twelve images are worth a compilation."""
    monkeypatch.setattr(choosing, "_LEAST_WEIGHTS", 0)
    monkeypatch.setattr(choosing, "_COMPILE_SECONDS", 0.0)
    monkeypatch.setattr(choosing, "_COMPILE_SECONDS_A_WEIGHT", 0.0)


def fail(*arguments: object) -> None:
    """What must not be called."""
    raise AssertionError("read again")


def refuse_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on OpenVINO compiles nothing."""

    def refuse(*arguments: object) -> None:
        raise BackendRefusedError("a step is missing")

    monkeypatch.setattr(openvino_backend, "compile_module", refuse)


def test_small_work_is_done_by_torch(tmp_path: Path, folder: Path) -> None:
    """A compilation would take longer than twelve images."""
    run = evaluate(tmp_path, folder)
    assert run.backend.startswith("torch-")
    assert (run.precision, run.backend_check) == ("float32", None)


@needs_openvino
def test_large_work_is_done_by_openvino_and_the_run_says_so(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its version, its precision, and the difference that was measured."""
    make_work_large(monkeypatch)
    run = evaluate(tmp_path, folder)
    assert run.backend.startswith("openvino-")
    assert run.precision == "float32"
    assert run.backend_check is not None
    assert run.backend_check.images == run.backend_check.top1_equal == 4


@needs_openvino
def test_the_second_split_takes_what_the_first_one_compiled(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the answers of a command of its own, which compiles anew."""
    monkeypatch.setattr(openvino_backend, "load_compiled", fail)
    more, words = (
        write_toy_folder(tmp_path / "more", [row * 30 for row in range(12)]),
        ["--backend", "openvino"],
    )
    evaluate(tmp_path, folder, "--split", f"folder:{more}", *words)
    evaluate(tmp_path / "apart", more, *words)
    together, apart = (
        load_predictions(next((tmp_path / place).glob("out/*/predictions/*-more-*.parquet")))[0]
        for place in ("", "apart")
    )
    # Each command restricts outputs to the classes of its own splits, too.
    found, expected = (make_table(replace(one, restricted={})) for one in (together, apart))
    assert found == expected


@needs_openvino
def test_what_torch_has_finished_is_an_answer_when_the_work_has_grown(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the other way round; nothing is computed twice."""
    first = evaluate(tmp_path, folder)
    make_work_large(monkeypatch)
    assert evaluate(tmp_path, folder) == first


@needs_openvino
def test_a_backend_that_is_named_computes_again_what_another_has_finished(
    tmp_path: Path, folder: Path
) -> None:
    """Whoever names one wants its bits."""
    evaluate(tmp_path, folder)
    assert evaluate(tmp_path, folder, "--backend", "openvino").backend.startswith("openvino-")


@needs_openvino
def test_the_rest_of_an_interrupted_run_takes_the_backend_of_its_parts(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts of PyTorch are there, and the whole work would be OpenVINO's."""
    from imagenet_g.benchmark.evaluation.cache import Cache

    evaluate(tmp_path, folder)
    (finished,) = (tmp_path / "cache" / "predictions").iterdir()
    part = Cache(tmp_path / "cache").open_parts(finished.stem, {}).folder / "00000000-00000001.parquet"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"damaged, and yet begun")
    finished.unlink()
    make_work_large(monkeypatch)
    assert evaluate(tmp_path, folder).backend.startswith("torch-")


@needs_openvino
def test_auto_falls_back_with_one_line(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model that OpenVINO refuses is run by PyTorch."""
    make_work_large(monkeypatch)
    refuse_all(monkeypatch)
    assert evaluate(tmp_path, folder).backend.startswith("torch-")
    lines = [line for line in capsys.readouterr().err.splitlines() if "OpenVINO" in line]
    assert lines == [f"'{COLOUR}' runs by PyTorch and not by OpenVINO: a step is missing."]


@needs_openvino
def test_a_backend_that_is_named_and_refuses_is_an_error(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says what to do."""
    refuse_all(monkeypatch)
    evaluate(tmp_path, folder, "--backend", "openvino", code=2)
    assert "OpenVINO cannot run" in (printed := capsys.readouterr().err)
    assert "a step is missing. Use --backend torch." in printed


@pytest.mark.parametrize("words", [["--dtype", "bfloat16"], ["--device", "cuda"], ["--device", "mps"]])
def test_openvino_is_refused_where_it_does_not_compute(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """In low precision, and on a GPU."""
    evaluate(tmp_path, folder, "--backend", "openvino", *words, code=2)
    assert "--backend openvino computes in float32 on the CPU" in capsys.readouterr().err


def test_openvino_that_is_not_installed_is_one_message_with_the_command(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any model is loaded."""
    monkeypatch.setattr(choosing, "is_installed", lambda: False)
    evaluate(tmp_path, folder, "--backend", "openvino", code=2)
    assert capsys.readouterr().err.strip() == (
        "imagenet-g: --backend openvino needs OpenVINO, which is not installed: "
        "pip install 'imagenet-g[openvino]'"
    )


def test_without_openvino_auto_is_torch() -> None:
    """In silence: the README says when the extra pays."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choosing, "is_installed", lambda: False)
        assert choosing.list_candidates("auto", dtype="float32", device="cpu") == ("torch",)


@pytest.mark.parametrize(("dtype", "device"), [("bfloat16", "cpu"), ("float32", "cuda"), ("float32", "mps")])
def test_auto_is_torch_on_devices_and_in_low_precision(dtype: str, device: str) -> None:
    """There is nothing to choose."""
    assert choosing.list_candidates("auto", dtype=dtype, device=device) == ("torch",)
