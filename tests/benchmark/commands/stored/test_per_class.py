"""`imagenet-g show --per-class` as a user runs it, on a split of which three images show another class."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from toy_models import make_colour_png, write_toy_folder

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.storage import write_bytes

CLASSES = [row % 10 for row in range(60)]
# Images 0, 10 and 20 of class 0 have the colour of class 7.
SWAPPED = (0, 10, 20)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the result of the colour model on both sets."""
    root = tmp_path_factory.mktemp("per-class")
    clean = write_toy_folder(root / "clean", CLASSES)
    split = write_toy_folder(root / "<b>split", CLASSES)
    for number in SWAPPED:
        write_bytes(split / load_classes()[0].wnid / f"{number:05d}.png", make_colour_png(7))
    words = ["--model", "python:toy_models:make_colour_model", "--split", f"folder:{split}"]
    words += ["--reference", f"folder:{clean}", "--out", str(root / "out"), "--cache", str(root / "cache")]
    assert main(["evaluate", *words]) == 0
    return next((root / "out").glob("*/result.json")).parent


def test_the_class_that_loses_most_and_the_answer_to_blame_are_printed(
    result: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three of six images of class 0 are called class 7."""
    assert main(["show", str(result), "--per-class", "--top", "1"]) == 0
    printed = capsys.readouterr().out
    truth, answer = (load_classes()[index].name for index in (0, 7))
    assert f"│ {truth}" in printed
    assert "3 of 6" in printed
    assert "−50" in printed
    assert f"{answer} (3)" in printed


def test_the_csv_has_every_class_and_every_confusion(result: Path, tmp_path: Path) -> None:
    """With counts, shares and the images that the split adds."""
    assert main(["show", str(result), "--csv", str(tmp_path)]) == 0
    classes, confusions = (
        list(csv.DictReader(next(tmp_path.glob(f"*.{kind}.csv")).read_text(encoding="utf-8").splitlines()))
        for kind in ("classes", "confusions")
    )
    assert len(classes) == 10
    assert (classes[0]["wnid"], classes[0]["split_right"], classes[0]["reference_right"]) == (
        load_classes()[0].wnid,
        "3",
        "6",
    )
    assert [(row["answer_wnid"], row["split_count"], row["added_images"]) for row in confusions] == [
        (load_classes()[7].wnid, "3", "3.0")
    ]


def test_the_page_shows_the_mistaken_images_and_no_markup_of_a_name(result: Path, tmp_path: Path) -> None:
    """Three mistaken ones, and three right ones of both classes; the split's name has a tag in it."""
    assert main(["show", str(result), "--page", str(tmp_path)]) == 0
    page = next(tmp_path.glob("*.html")).read_text(encoding="utf-8")
    assert page.count("data:image/webp;base64,") == 9
    assert "<b>split" not in page
    assert "&lt;b&gt;split" in page


def test_an_unknown_split_is_refused_with_those_there_are(
    result: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing is written."""
    assert main(["show", str(result), "--per-class", "--split", "v1/sd-l"]) == 2
    assert "Unknown split 'v1/sd-l'" in capsys.readouterr().err


def test_changed_predictions_are_refused(result: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table of other answers than the result's would be a wrong number without a word."""
    split, clean = (
        next(path for path in (result / "predictions").glob("*.parquet") if word in path.name)
        for word in ("split", "clean")
    )
    data = split.read_bytes()
    split.write_bytes(clean.read_bytes())
    try:
        assert main(["show", str(result), "--per-class"]) == 2
        assert "sha256 differs" in capsys.readouterr().err
    finally:
        split.write_bytes(data)
