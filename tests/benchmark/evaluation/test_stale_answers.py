"""An answer that is kept is given for the model it came from alone."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from tiny_clip import build_tiny_clip
from toy_models import write_toy_folder

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.predictions.predictions import load_predictions
from imagenet_g.benchmark.predictions.result_files import load_result

CACHED = "all predictions came from the cache"
MODEL = """
import json, torch
from pathlib import Path
from stale_helpers import transform

class Colour(torch.nn.Module):
    def __init__(self, order):
        super().__init__()
        self.order = order
        self.register_buffer("version", torch.tensor(1.0))
    def forward(self, x):
        if len(x) > 1 and Path("dies").exists() and Colour.seen >= 256:
            raise SystemError("the machine went down")
        Colour.seen += len(x)
        pixel = (x[:, :2, 0, 0] * 255).round().long().sum(1) % 1000
        answers = torch.tensor([self.order[int(p)] if int(p) < len(self.order) else int(p) for p in pixel])
        return 8.0 - (torch.arange(1000)[None] - answers[:, None]).abs().float()

Colour.seen = 0

def make():
    return Colour(json.loads(Path("order.json").read_text())), transform
"""
HELPERS = """
import numpy as np, torch
BROKEN = False
def transform(image):
    x = torch.from_numpy(np.asarray(image, dtype=np.float32) / 255).permute(2, 0, 1)
    return x * 0.5 if BROKEN else x
"""
RIGHT, WRONG = [0, 1, 2, 3], [3, 2, 1, 0]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A factory with its class order in a file and its transform in a helper; images of four classes."""
    write_toy_folder(tmp_path / "images", [row % 4 for row in range(300)])
    (tmp_path / "stale_model.py").write_text(MODEL)
    (tmp_path / "stale_helpers.py").write_text(HELPERS)
    (tmp_path / "order.json").write_text(json.dumps(RIGHT))
    monkeypatch.chdir(tmp_path)
    # Each run is a new process to a user; a module compiled within the same second would be read again.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    forget()


def forget() -> None:
    """As a new process would have it."""
    for name in ("stale_model", "stale_helpers"):
        sys.modules.pop(name, None)


def run(folder: Path, *words: str, code: int = 0) -> float | None:
    """Top-1 of the newest split that `imagenet-g evaluate` scored."""
    forget()
    places = ["--out", str(folder / "out"), "--cache", str(folder / "cache"), "--device", "cpu"]
    assert main(["evaluate", *words, *places, "--workers", "1"]) == code
    results = sorted((folder / "out").glob("*/result.json"), key=lambda path: path.stat().st_mtime_ns)
    return load_result(results[-1]).entries[0].scores[0].top1.value if results else None


def run_project(folder: Path, *, code: int = 0) -> float | None:
    """The project's model on its images."""
    words = ["--model", "python:stale_model:make", "--split", "folder:images", "--batch-size", "16"]
    return run(folder, *words, code=code)


def test_a_factory_that_is_the_same_is_answered_from_the_cache(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Though it is loaded each time; the other tests would pass if nothing were kept."""
    assert (run_project(project), run_project(project)) == (1.0, 1.0)
    assert capsys.readouterr().out.count(CACHED) == 1


def test_a_repaired_file_beside_the_code_is_another_model(project: Path) -> None:
    """The order of the classes is in no weights, no layer and no line of code."""
    (project / "order.json").write_text(json.dumps(WRONG))
    assert run_project(project) == 0.0
    (project / "order.json").write_text(json.dumps(RIGHT))
    assert run_project(project) == 1.0


def test_an_edited_helper_file_is_another_model(project: Path) -> None:
    """The factory's own file stays as it was."""
    assert run_project(project) == 1.0
    (project / "stale_helpers.py").write_text(HELPERS.replace("BROKEN = False", "BROKEN = True"))
    assert run_project(project) != 1.0


def test_an_edit_that_the_fixed_picture_does_not_show_is_another_model_too(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Source files count beside behaviour."""
    run_project(project)
    (project / "stale_helpers.py").write_text(HELPERS + "\n# edited\n")
    run_project(project)
    assert CACHED not in capsys.readouterr().out


def test_a_run_that_goes_on_after_a_repair_starts_anew(project: Path) -> None:
    """A mixture of the rows of two models belongs to neither."""
    (project / "order.json").write_text(json.dumps(WRONG))
    (project / "dies").touch()
    assert run_project(project, code=2) is None
    assert list((project / "cache" / "parts").glob("*/*.parquet"))
    (project / "dies").unlink()
    (project / "order.json").write_text(json.dumps(RIGHT))
    assert run_project(project) == 1.0


def test_results_of_the_broken_model_do_not_stand_beside_those_of_the_repaired_one(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One result file is one model; what is left out is said."""
    shutil.copytree(project / "images", project / "others")
    (project / "order.json").write_text(json.dumps(WRONG))
    run(project, "--model", "python:stale_model:make", "--split", "folder:others")
    (project / "order.json").write_text(json.dumps(RIGHT))
    run_project(project)
    result = load_result(next((project / "out").glob("*/result.json")))
    assert [entry.split.ref for entry in result.entries] == ["folder:images"]
    said = " ".join(capsys.readouterr().err.split())
    assert "held results on folder:others of another model of this name" in said


def write_checkpoint(path: Path, state: dict[str, torch.Tensor]) -> Path:
    """Weights dated 1970, as archives that are made reproducibly set it."""
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    os.utime(path, (0, 0))
    return path


def test_a_checkpoint_exchanged_under_one_size_and_date_is_another_model(tmp_path: Path) -> None:
    """`cp -p` keeps both."""
    torch.manual_seed(0)
    state = timm.create_model("test_resnet", pretrained=False).state_dict()
    flipped = {name: value.flip(0) if name.startswith("fc") else value for name, value in state.items()}
    stored = [write_checkpoint(tmp_path / f"{n}.st", each) for n, each in enumerate((state, flipped))]
    images = write_toy_folder(tmp_path / "images", [0])
    answers = []
    for path in stored:
        shutil.copy2(path, tmp_path / "w.safetensors")
        words = ["--model", "timm:test_resnet", "--checkpoint", str(tmp_path / "w.safetensors")]
        run(tmp_path, *words, "--split", f"folder:{images}")
        files = sorted((tmp_path / "out").glob("*/predictions/*.parquet"), key=lambda p: p.stat().st_mtime_ns)
        answers.append(int(load_predictions(files[-1])[0].top5.indices[0, 0]))
    assert answers[0] == 999 - answers[1]


@pytest.mark.parametrize(
    "change", ["tokenizer", "pooling of the text", "preprocessing"], ids=lambda name: name.replace(" ", "-")
)
def test_a_file_of_a_local_folder_that_is_no_weights_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    """The folder is loaded each time, and the head from text is not kept under its weights alone."""
    folder = build_tiny_clip(tmp_path / "clip")
    images = write_toy_folder(tmp_path / "images", [0, 1])
    words = ["--model", f"open_clip:local-dir:{folder}", "--templates", "single"]
    words += ["--split", f"folder:{images}"]
    for change_now in (False, False, True):
        if change_now:
            change_folder(folder, change)
        run(tmp_path, *words)
    printed = capsys.readouterr().out.split("wrote ")
    assert [CACHED in " ".join(part.split()) for part in printed[1:]] == [False, True, False]


def change_folder(folder: Path, change: str) -> None:
    """Edit one file beside the weights."""
    path = folder / "open_clip_config.json"
    config = json.loads(path.read_text())
    if change == "preprocessing":
        config["preprocess_cfg"]["mean"] = [0.0, 0.0, 0.0]
    elif change == "tokenizer":
        config["model_cfg"]["text_cfg"]["tokenizer_kwargs"] = {"clean": "canonicalize"}
    else:
        config["model_cfg"]["text_cfg"]["pool_type"] = "first"
    path.write_text(json.dumps(config))


def test_a_named_model_is_not_loaded_for_a_cached_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name and its files stand for it."""
    images = write_toy_folder(tmp_path / "images", [0])
    words = ["--model", "timm:packaged:mini-resnet-xs", "--split", f"folder:{images}"]
    first = run(tmp_path, *words)

    def refuse(request: object) -> None:
        raise AssertionError("loaded")

    monkeypatch.setattr("imagenet_g.benchmark.evaluation.loading.load_classifier", refuse)
    assert run(tmp_path, *words) == first


def test_the_record_says_what_decides_beside_the_weights(project: Path) -> None:
    """For code of the user's own; a public name needs no such word."""
    run_project(project)
    result = load_result(next((project / "out").glob("python-*/result.json")))
    assert result.model.behaviour_sha256 is not None
