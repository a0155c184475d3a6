"""Templates and class names of the user's own, from the command line to the result."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.benchmark.records import ZeroShot

MODEL = "open_clip:packaged:mini-clip"


def run(folder: Path, *words: str) -> int:
    """Evaluate eight images."""
    common = ["--split", "mini/real", "--reference", "published", "--limit", "8"]
    places = ["--out", str(folder / "out"), "--cache", str(folder / "cache")]
    return main(["evaluate", *common, *places, *words])


def list_texts(folder: Path) -> dict[str, ZeroShot]:
    """The texts of every result, by its folder."""
    found = {path.parent.name: load_result(path).model.zero_shot for path in folder.glob("out/*/result.json")}
    return {name: texts for name, texts in found.items() if texts is not None}


def test_results_of_different_texts_lie_in_different_folders(tmp_path: Path) -> None:
    """By content, not by the name of a file; the record says which."""
    (tmp_path / "t.txt").write_text("a drawing of a {}\n")
    shutil.copy(tmp_path / "t.txt", tmp_path / "copy.txt")
    names = [info.wnid for info in load_classes()]
    (tmp_path / "n.txt").write_text("\n".join(names))
    assert run(tmp_path, "--model", MODEL, "--templates", "single") == 0
    assert run(tmp_path, "--model", MODEL, "--templates", str(tmp_path / "t.txt")) == 0
    assert run(tmp_path, "--model", MODEL, "--templates", str(tmp_path / "copy.txt")) == 0
    words = ["--templates", "single", "--class-names", str(tmp_path / "n.txt")]
    assert run(tmp_path, "--model", MODEL, *words) == 0
    found = list_texts(tmp_path)
    plain = "open_clip-packaged-mini-clip"
    own = next(texts for texts in found.values() if texts.templates.startswith("own-"))
    named = next(texts for texts in found.values() if texts.class_names is not None)
    assert set(found) == {
        f"{plain}-single",
        f"{plain}-{own.templates}",
        f"{plain}-single-names-{named.class_names}",
    }


def test_an_edited_file_is_another_set_of_texts(tmp_path: Path) -> None:
    """Its path stays the same; no answer of the old text is given."""
    path = tmp_path / "t.txt"
    for text in ("a drawing of a {}\n", "an etching of a {}\n"):
        path.write_text(text)
        assert run(tmp_path, "--model", MODEL, "--templates", str(path)) == 0
    assert len(list_texts(tmp_path)) == 2


def test_texts_for_a_model_of_trained_classes_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before it is loaded."""
    (tmp_path / "t.txt").write_text("a {}\n")
    assert run(tmp_path, "--model", "wheel:efficientnet-lite0", "--templates", str(tmp_path / "t.txt")) == 2
    assert "has a head of trained classes" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
