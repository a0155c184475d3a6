"""`imagenet_g.score`: predictions, answers of any system and other labels, as the command takes them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toy_models import write_toy_folder

import imagenet_g as ig
from factories import make_meta, make_predictions
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.predictions.predictions import write_predictions


@pytest.fixture
def split(tmp_path: Path) -> str:
    """Four images of three classes."""
    return f"folder:{write_toy_folder(tmp_path / 'toys', [1, 2, 3, 3])}"


@pytest.fixture
def answers(split: str, tmp_path: Path) -> Path:
    """One answer an image, the last one wrong."""
    ids = ig.load_split(split).image_ids
    rows = [f"{one},{answer}" for one, answer in zip(ids, [1, 2, 3, 9], strict=True)]
    path = tmp_path / "answers.csv"
    path.write_text("image_id,answer\n" + "\n".join(rows))
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Predictions on four images of imagenet-val."""
    predictions = make_predictions([1, 3, 5, 7], [1, 2, 5, 7])
    ids = tuple(f"n0000000{n}/ILSVRC2012_val_{n:08}.JPEG" for n in range(1, 5))
    named = replace(predictions, image_ids=ids)
    path = tmp_path / "model" / "predictions" / "val.parquet"
    write_predictions(path, named, make_meta(named, "imagenet-val"))
    return path


def read_result(folder: Path) -> dict[str, Any]:
    """A result file without when and by which words it was made."""
    found: dict[str, Any] = json.loads((folder / "result.json").read_text())
    del found["environment"]["command"], found["environment"]["created_utc"]
    return found


def drop_start(found: dict[str, Any]) -> dict[str, Any]:
    """Without when answers were read, which is kept in their file as well."""
    for entry in found["entries"]:
        del entry["predictions"]["run"]["started_utc"], entry["predictions"]["sha256"]
    return found


def test_command_and_call_score_answers_alike(answers: Path, split: str, tmp_path: Path) -> None:
    """The same result, and the same predictions beside it."""
    words = ["--split", split, "--name", "oracle", "--out", str(tmp_path / "typed")]
    assert main(["score", str(answers), *words]) == 0
    called = ig.score(answers, splits=split, name="oracle", out=tmp_path / "called")
    assert called[0].entries[0].scores[0].top1.value == 0.75
    typed = drop_start(read_result(tmp_path / "typed"))
    assert typed == drop_start(read_result(tmp_path / "called"))


def test_answers_are_kept_as_long_as_the_results(answers: Path, split: str, tmp_path: Path) -> None:
    """Without a folder of the user's: by class, saved, scored again."""
    scored = ig.score(answers, splits=split, name="oracle")
    assert len(scored.per_class()) == 3
    (path,) = scored.save(tmp_path / "saved")
    again = ig.score(next(path.parent.rglob("*.parquet")))
    assert again[0].entries[0].scores == scored[0].entries[0].scores


def test_command_and_call_take_other_labels_alike(photos: Path, tmp_path: Path) -> None:
    """ReaL: two of three are right, and one has no label."""
    labels: list[list[int]] = [[] for _ in range(50_000)]
    labels[:4] = [[1], [2, 3], [], [4]]
    real = tmp_path / "real.json"
    real.write_text(json.dumps(labels))
    assert main(["score", str(photos), "--real-labels", str(real), "--out", str(tmp_path / "typed")]) == 0
    scored = ig.score(photos, real_labels=real, out=tmp_path / "called")
    assert scored[0].entries[0].scores[0].top1.value == pytest.approx(2 / 3)
    assert read_result(tmp_path / "typed") == read_result(tmp_path / "called")


def test_a_result_of_predictions_elsewhere_can_be_saved(answers: Path, split: str, tmp_path: Path) -> None:
    """Its folder is theirs, not the one that Python was started in."""
    stored = next(
        ig.score(answers, splits=split, name="oracle", out=tmp_path / "out").folders[0].rglob("*.parquet")
    )
    (path,) = ig.score(stored).save(tmp_path / "saved")
    assert (path.parent / "predictions" / stored.name).read_bytes() == stored.read_bytes()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"splits": "mini/sd-l"}, "Name the system that gave the answers with --name"),
        ({"name": "oracle"}, "and 0 times --split"),
        ({"splits": "mini/sd-l", "name": "oracle", "real_labels": "x.json", "pairs": True}, "leave out"),
    ],
)
def test_a_mistake_has_the_message_of_the_command(
    call: dict[str, Any], message: str, answers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before any file is read."""
    names = {"splits": "split"}
    words = [
        word
        for key, value in call.items()
        for word in (f"--{names.get(key, key).replace('_', '-')}", *([] if value is True else [value]))
    ]
    assert main(["score", str(answers), *words]) == 2
    with pytest.raises(InputError, match=message) as caught:
        ig.score(answers, **call)
    assert " ".join(str(caught.value).split()) in " ".join(capsys.readouterr().err.split())


def test_a_wrong_choice_is_named(answers: Path, split: str) -> None:
    """With those that there are."""
    with pytest.raises(UnknownNameError, match="Known: refuse, wrong"):
        ig.score(answers, splits=split, name="oracle", unmatched="skip")


def test_nothing_to_score_is_said() -> None:
    """An empty list is no file."""
    with pytest.raises(InputError, match="Name the predictions to score"):
        ig.score([])
