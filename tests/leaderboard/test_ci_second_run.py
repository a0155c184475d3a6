"""Models that CI runs again: those that ship, and public ones whose weights are in a folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import timm
import torch
from huggingface_hub import constants
from image_sets import write_release
from safetensors.torch import save_file
from submission_cases import edit_cell, seal

from imagenet_g.benchmark.cli import main as run_command
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.splits.registry import load_versions
from imagenet_g.leaderboard import ci
from imagenet_g.leaderboard.validation.second_runs import running

PUBLIC, SHIPPED = "timm:test_resnet.r160_in1k", "timm:packaged:mini-resnet-s"
REPOSITORY = "timm/test_resnet.r160_in1k"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def write_weights(folder: Path) -> Path:
    """The Hub's cache as its client leaves it, with weights of a published architecture."""
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", pretrained=False)
    # Untrained, every class is nearly as probable as every other, and two that change places are a tie.
    with torch.no_grad():
        model.get_classifier().weight.mul_(20)
    snapshot = folder / f"models--{REPOSITORY.replace('/', '--')}" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text(COMMIT)
    save_file(model.state_dict(), snapshot / "model.safetensors")
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A release of 20 images that counts as one that ships, weights, and submissions of both models."""
    folder = tmp_path_factory.mktemp("second")
    write_release(folder / "release", range(20))
    weights, data = write_weights(folder / "weights"), f"v9={folder / 'release'}"
    versions = load_versions()
    shipped = versions["mini"].model_copy(update={"name": "v9"})
    real = running.load_second_run

    with pytest.MonkeyPatch.context() as changed:
        # In place of --weights, which the Hub's client reads only when it is imported.
        changed.setattr(constants, "HF_HUB_CACHE", str(weights))
        changed.setattr(ci, "load_versions", lambda: {**versions, "v9": shipped})
        # A version that ships is found by its name; this one lies in a folder, and is 60 times as small.
        changed.setattr(
            running, "load_second_run", lambda path, given, out, _: real(path, given, out, [data])
        )
        for spec in (PUBLIC, SHIPPED):
            submit(folder, spec, data)
        yield folder


def submit(folder: Path, spec: str, data: str) -> None:
    """Evaluate a model on the release and make its submission."""
    out = folder / spec.replace(":", "-")
    places = (f"--out={out / 'out'}", f"--cache={out / 'cache'}", "--device=cpu", "--workers=1")
    assert run_command(["evaluate", f"--model={spec}", "--split=v9/sd-l", f"--data={data}", *places]) == 0
    (result,) = out.rglob("result.json")
    said = ("--organisation=Example Lab", "--authors=A. Author", "--contact=a@example.org")
    words = ["submit", "--local", str(result), f"--to={out / 'submissions'}", f"--data={data}"]
    name = f"--name=Net {len(list(folder.iterdir()))}"
    assert run_command([*words, *said, name, "--supervision=supervised", "--training-data=unknown"]) == 0


def copy_submission(made: Path, spec: str, folder: Path) -> Path:
    """A submission in a folder of its own."""
    shutil.copytree(made / spec.replace(":", "-") / "submissions", folder)
    (path,) = (folder / "v9").glob("*.json")
    return path


def exchange_first_answers(path: Path) -> None:
    """Of one image the first answer and the second change places; hashes and seal are renewed."""
    (file,) = path.with_suffix("").glob("*.parquet")
    table = pq.read_table(file)
    first, second, *rest = table["top5_index"][3].as_py()
    pq.write_table(edit_cell("top5_index", 3, [second, first, *rest])(table), file, compression="zstd")
    content = json.loads(path.read_text())
    content["result"]["entries"][0]["predictions"]["sha256"] = hash_file(file)
    path.write_text(json.dumps(seal(content)))


@pytest.mark.parametrize("spec", [PUBLIC, SHIPPED])
def test_an_honest_submission_is_run_again_and_an_edited_answer_is_found(
    spec: str, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same model twice: one file agrees, one differs in the order of two answers to one image."""
    monkeypatch.setenv("HF_HUB_CACHE", "as before")
    path = copy_submission(made, spec, tmp_path / "s")
    words = ["--second-run", "--weights", str(made / "weights"), str(path)]
    assert ci.main(words) == 0
    assert "second run of 1 splits: the same numbers and answers." in capsys.readouterr().out
    exchange_first_answers(path)
    assert ci.main(words) == 2
    said = capsys.readouterr().out
    assert "**second run failed**" in said
    assert "other answers than the submission for 1 of 20 images" in said


def test_a_public_model_without_weights_on_hand_is_left_to_a_maintainer(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is fetched, and the request is not refused for it."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "empty"))
    path = copy_submission(made, PUBLIC, tmp_path / "s")
    assert ci.main(["--second-run", str(path)]) == 0
    assert "its weights are not here; a maintainer does." in capsys.readouterr().out


def test_the_folder_of_weights_is_the_one_that_the_client_of_the_hub_reads(tmp_path: Path) -> None:
    """In a process of its own: the client reads it once."""
    code = (
        "import sys\n"
        "from imagenet_g.leaderboard.ci import main\n"
        "main(sys.argv[1:])\n"
        "from huggingface_hub import constants\n"
        "print(constants.HF_HUB_CACHE)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_CACHE"}
    words = [sys.executable, "-c", code, "--second-run", "--weights", str(tmp_path)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["No submission was changed.", str(tmp_path)]
