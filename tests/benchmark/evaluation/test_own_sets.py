"""A real set from outside the package: a TOML file by path, tiny images, every command that takes splits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from toy_models import make_colour_png

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.benchmark.results import Result

COLOUR = "python:toy_models:make_colour_model"
INDICES = (281, 282, 207)
TABLE = """
[[set]]
name = "my-pets"
title = "My pets"
num_images = 6
class_set = "pets"
class_names = "pet-names"
outputs = "split-classes"
label = "names"
inner = ["{season}"]
inner_required = true
license = "CC0"
source = "me"
local_hint = "A folder with the folders summer and winter."

[[set.parts]]
name = "season"
values = ["summer", "winter"]
"""


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """A described set and its copy: two images of each of three folders, of which one may be two classes."""
    folder = tmp_path / "described"
    folder.mkdir()
    (folder / "pets.toml").write_text(TABLE)
    (folder / "pets.txt").write_text("n02123045\nn02123159\nn02099601\n")
    (folder / "pet-names.csv").write_text(
        "name,wnid\nTabby,n02123045\nTiger Cat,n02123159\nPet,n02099601\nPet,n02123045\n"
    )
    for name, index in zip(("tabby", "tiger_cat", "pet"), INDICES, strict=True):
        images = tmp_path / "copy" / "winter" / name
        images.mkdir(parents=True)
        for number in range(2):
            # The second "tabby" is answered as a tiger cat, so that not all is right.
            wrong = name == "tabby" and number == 1
            (images / f"{number}.png").write_bytes(make_colour_png(282 if wrong else index))
    return ["--sets", str(folder / "pets.toml"), "--data", f"my-pets={tmp_path / 'copy'}"]


def evaluate(tmp_path: Path, *words: str) -> Result:
    """Run `imagenet-g evaluate` with folders of the test's own, and read what it wrote."""
    places = ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    assert main(["evaluate", "--model", COLOUR, "--split", "my-pets/winter", *words, *places]) == 0
    return load_result(next((tmp_path / "out").glob("*/result.json")))


def test_a_set_from_outside_is_evaluated_by_its_name(tmp_path: Path, words: list[str]) -> None:
    """5 of 6 are right, among its own three classes and any label of an image."""
    entry = evaluate(tmp_path, *words).entries[0]
    score = next(score for score in entry.scores if score.outputs == "split-classes")
    assert (entry.split.ref, entry.n, entry.split.notice) == ("my-pets/winter", 6, None)
    assert (score.num_outputs, score.metrics["top1"].right) == (3, 5)


def test_score_recomputes_it_from_the_predictions_alone(tmp_path: Path, words: list[str]) -> None:
    """Neither the table nor the images are needed again."""
    result = evaluate(tmp_path, *words)
    file = next((tmp_path / "out").glob("*/predictions/*.parquet"))
    assert main(["score", str(file), "--out", str(tmp_path / "again")]) == 0
    again = load_result(tmp_path / "again" / "result.json")
    assert again.entries[0].scores == result.entries[0].scores
    assert again.entries[0].split == result.entries[0].split


def test_score_refuses_a_view_that_it_cannot_have(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Only class sets go with a real set; the message is about the view and not the reference."""
    evaluate(tmp_path, *words)
    file = next((tmp_path / "out").glob("*/predictions/*.parquet"))
    assert main(["score", str(file), "--view", "kept"]) == 2
    assert "Unknown view 'kept' of 'my-pets/winter'" in capsys.readouterr().err


def test_it_may_be_the_clean_set(tmp_path: Path, words: list[str]) -> None:
    """`--reference` takes what `--split` takes."""
    result = evaluate(tmp_path, *words, "--reference", "my-pets/winter:imagenet-r")
    assert {entry.split.ref for entry in result.entries} == {"my-pets/winter", "my-pets/winter:imagenet-r"}


def test_a_mistyped_name_of_it_is_suggested(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A name with a slash is first taken for a version's."""
    places = ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    assert main(["evaluate", "--model", COLOUR, "--split", "my-pats/winter", *words, *places]) == 2
    error = capsys.readouterr().err
    assert "Unknown version or set 'my-pats'. Did you mean 'my-pets'?" in error
    assert "Known:" not in error


def test_its_result_cannot_be_submitted(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the reason before any question is asked."""
    evaluate(tmp_path, *words)
    result = next((tmp_path / "out").glob("*/result.json"))
    assert main(["submit", str(result), "--to", str(tmp_path / "submissions"), "--yes"]) == 2
    error = capsys.readouterr().err
    assert "on real sets, folders or sets of your own only; such results cannot be submitted" in error


def test_splits_lists_it(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With its parts, behind the shipped sets."""
    assert main(["splits", "--json", *words]) == 0
    rows = {row["ref"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(rows)[-2:] == ["my-pets/summer", "my-pets/winter"]
    assert rows["my-pets/winter"] | {"location": ""} == {
        "ref": "my-pets/winter",
        "title": "My pets winter",
        "num_images": 6,
        "num_classes": 3,
        "status": "local",
        "location": "",
        "views": [],
        "license": "CC0",
        "superseded": None,
        "on_hand": True,
    }


def test_compare_opens_its_images_by_its_table(
    tmp_path: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the contact sheet, which shows them."""
    (tmp_path / "always_tabby.py").write_text(
        "import torch\nclass Net(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.register_buffer('w', torch.ones(1))\n"
        "    def forward(self, x):\n        return torch.eye(1000)[[281] * len(x)]\n"
    )
    monkeypatch.chdir(tmp_path)
    evaluate(tmp_path, *words, "--model", "python:always_tabby:Net")
    results = [str(path) for path in (tmp_path / "out").glob("*/result.json")]
    sheet = tmp_path / "sheet.png"
    assert main(["compare", *results, *words, "--sheet", str(sheet)]) == 0
    assert sheet.exists()


def test_a_missing_copy_of_it_is_one_message(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Its own hint, and nothing is looked for on the Hub."""
    places = ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    assert main(["evaluate", "--model", COLOUR, "--split", "my-pets/summer", *words[:2], *places]) == 2
    error = capsys.readouterr().err
    assert "is not on the Hub. Use a local copy with --data my-pets=PATH" in error
    assert error.strip().count("\n") == 0
