"""A second run against a submission: what arithmetic cannot find, running the model does."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from image_sets import write_release
from submission_cases import edit_cell, list_codes, seal

from factories import make_predictions
from imagenet_g.benchmark.answers.top_five import LOG_COLUMN, TopFive
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.predictions.predictions import Predictions
from imagenet_g.benchmark.predictions.rescoring import rescore_entry
from imagenet_g.benchmark.results import Result
from imagenet_g.leaderboard.submissions.problems import RECOMPUTED_LIMITS
from imagenet_g.leaderboard.submissions.reviews import Review, load_review
from imagenet_g.leaderboard.validation.second_runs.comparing import ROUNDING, find_other_answers
from imagenet_g.leaderboard.validation.split_store import SplitStore
from imagenet_g.leaderboard.validation.validate import ValidationContext, validate_submission

MODEL = "python:small_models:make_scaled_model"
STEM = "example-lab__colour-net"


def run(*words: object) -> int:
    """One command."""
    return main([str(word) for word in words])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of 30 images, an honest result of a small model on it, and its submission."""
    folder = tmp_path_factory.mktemp("verified")
    # The model says the row's number, so every third image is answered wrongly.
    labels = [row + (40 if row % 3 == 0 else 0) for row in range(30)]
    write_release(folder / "release", labels)
    data = f"v9={folder / 'release'}"
    places = ("--out", folder / "out", "--cache", folder / "cache", "--device", "cpu", "--workers", "1")
    assert run("evaluate", "--model", MODEL, "--split", "v9/sd-l", "--data", data, *places) == 0
    said = (
        "--organisation=Example Lab",
        "--name=Colour Net",
        "--authors=A. Author",
        "--contact=a@example.org",
    )
    result = next((folder / "out").glob("*/result.json"))
    assert run("submit", "--local", result, "--to", folder / "submissions", "--data", data, *said) == 0
    return folder


def copy_submission(made: Path, folder: Path) -> Path:
    """Submission and predictions in a folder of its own."""
    shutil.copytree(made / "submissions", folder)
    return folder / "v9" / f"{STEM}.json"


def forge(path: Path, change: Any) -> None:
    """Edit the predictions, hash them again, and seal again: a careful forger."""
    file = next(path.with_suffix("").glob("*.parquet"))
    pq.write_table(change(pq.read_table(file)), file, compression="zstd")
    content = json.loads(path.read_text())
    for entry in content["result"]["entries"]:
        entry["predictions"]["sha256"] = hash_file(file)
    path.write_text(json.dumps(seal(content)))


def exchange_wrong_answers(table: pa.Table) -> pa.Table:
    """The first wrong answer and the second best one change places, in every column."""
    labels, answers = table["label"].to_pylist(), table["top5_index"].to_pylist()
    row = next(
        row for row, (label, given) in enumerate(zip(labels, answers, strict=True)) if label[0] not in given
    )
    for name in [name for name in table.column_names if name.startswith("top5_index")]:
        given = table[name][row].as_py()
        if given:
            table = edit_cell(name, row, [given[1], given[0], *given[2:]])(table)
    return table


def make_right(table: pa.Table) -> pa.Table:
    """The label first among the answers to each image, with the probability that stood there."""
    labels = [label[0] for label in table["label"].to_pylist()]
    for name in [name for name in table.column_names if name.startswith("top5_index")]:
        chances, logs = name.replace("index", "probability"), name.replace("top5_index", LOG_COLUMN)
        # A class set has no answer to images of other classes.
        rows = [row for row, given in enumerate(table[name].to_pylist()) if given]
        for row in rows:
            rest = [index for index in table[name][row].as_py() if index != labels[row]]
            table = edit_cell(name, row, [labels[row], *rest[:4]])(table)
            table = edit_cell(logs, row, math.log(table[chances][row].as_py()[0]))(table)
    return table


def score_again(path: Path, data: dict[str, Path]) -> None:
    """Compute every number of a submission again from its edited predictions, and seal it."""
    content = json.loads(path.read_text())
    result = Result.model_validate(content["result"])
    entries = tuple(rescore_entry(entry, result, path.parent, data=data) for entry in result.entries)
    content["result"] = result.model_copy(update={"entries": entries}).model_dump(mode="json")
    path.write_text(json.dumps(seal(content)))


def verify(made: Path, path: Path, *words: object) -> int:
    """`verify-submission` with the second run given."""
    result = next((made / "out").glob("*/result.json"))
    return run(
        "verify-submission", path, "--by", "a maintainer", "--result", result, "--against", made / "nowhere",
        "--data", f"v9={made / 'release'}", *words,
    )  # fmt: skip


def test_an_honest_submission_is_verified(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And its review says what was compared."""
    path = copy_submission(made, tmp_path / "s")
    assert verify(made, path) == 0
    assert "v9/sd-l: second run +0.000 points, 0 other answers" in capsys.readouterr().out
    review = load_review(path)
    assert isinstance(review, Review)
    assert review.trust == "verified"
    assert review.verification is not None
    assert review.verification.other_answers == {"v9/sd-l": 0}


def test_a_wrong_answer_made_another_wrong_one_passes_validate_and_fails_verify(
    validated_here: None, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No number changes; only the second run shows the image."""
    path = copy_submission(made, tmp_path / "s")
    forge(path, exchange_wrong_answers)
    data = ("--data", f"v9={made / 'release'}", "--against", made / "nowhere")
    assert run("validate", path, *data) == 0
    validated = capsys.readouterr().out
    assert "trust level 'recomputed'" in validated
    assert "Answers that were edited, invented or taken from the labels are not detected" in validated
    assert verify(made, path) == 2
    message = capsys.readouterr().err
    assert "has other answers than the submission for 1 of 30 images of 'v9/sd-l'" in message
    assert "id-00000" in message
    assert isinstance(load_review(path), str)


def test_wrong_answers_made_right_pass_validate_with_new_numbers_and_fail_verify(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of them, so that the labels are the answers. With the old numbers they are refused."""
    path = copy_submission(made, tmp_path / "s")
    forge(path, make_right)
    data = {"v9": made / "release"}
    context = ValidationContext(SplitStore(data))
    assert list_codes(validate_submission(path, context)) == {"not-reproduced"}
    score_again(path, data)
    report = validate_submission(path, context)
    assert report.accepted
    assert report.trust == "recomputed"
    assert verify(made, path) == 2
    assert "-33.33 points off on 'v9/sd-l'" in capsys.readouterr().err


def test_validate_says_once_what_recomputing_cannot_prove(
    validated_here: None, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the end, for however many files; not among reports for machines."""
    path = copy_submission(made, tmp_path / "s")
    words = ("validate", path, path, "--data", f"v9={made / 'release'}", "--against", made / "nowhere")
    assert run(*words) == 0
    printed = capsys.readouterr().out
    assert printed.count("trust level 'recomputed'") == 2
    assert printed.count(RECOMPUTED_LIMITS) == 1
    assert printed.rstrip().endswith(RECOMPUTED_LIMITS)
    assert run(*words, "--json") == 0
    assert RECOMPUTED_LIMITS not in capsys.readouterr().out


def test_a_maintainer_may_pass_an_image_on_purpose(made: Path, tmp_path: Path) -> None:
    """And the review keeps the number."""
    path = copy_submission(made, tmp_path / "s")
    forge(path, exchange_wrong_answers)
    assert verify(made, path, "--allow", 1) == 0
    review = load_review(path)
    assert isinstance(review, Review)
    assert review.verification is not None
    assert review.verification.other_answers == {"v9/sd-l": 1}


def test_made_up_confidence_fails_verify(made: Path, tmp_path: Path) -> None:
    """The same answers with other probabilities are not this model's."""
    path = copy_submission(made, tmp_path / "s")
    forge(path, edit_cell("top5_probability", 3, [0.99, 0.002, 0.002, 0.001, 0.001]))
    assert verify(made, path) == 2


def test_a_second_run_that_lost_its_predictions_verifies_nothing(made: Path, tmp_path: Path) -> None:
    """Its accuracy alone is not the answers."""
    path = copy_submission(made, tmp_path / "s")
    shutil.copytree(made / "out", tmp_path / "out")
    for file in (tmp_path / "out").rglob("*.parquet"):
        file.unlink()
    result = next((tmp_path / "out").glob("*/result.json"))
    words = ("--result", result, "--data", f"v9={made / 'release'}", "--against", tmp_path / "nowhere")
    assert run("verify-submission", path, "--by", "m", *words) == 2


def test_predictions_edited_after_the_review_are_not_shown(made: Path, tmp_path: Path) -> None:
    """The review is of the submission's bytes, and those name the predictions by their hash."""
    from imagenet_g.leaderboard.board.build import list_answer_files, load_reviewed

    path = copy_submission(made, tmp_path / "s")
    assert verify(made, path) == 0
    assert list_answer_files(load_reviewed(tmp_path / "s")[0]) != {}
    file = next(path.with_suffix("").glob("*.parquet"))
    pq.write_table(exchange_wrong_answers(pq.read_table(file)), file)
    assert list_answer_files(load_reviewed(tmp_path / "s")[0]) == {}


def shift(predictions: Predictions, by: float) -> Predictions:
    """The same answers, the first one less probable."""
    probabilities = predictions.top5.probabilities.copy()
    probabilities[:, 0] -= np.float32(by)
    return replace(predictions, top5=TopFive(predictions.top5.indices, probabilities))


@pytest.mark.parametrize(("by", "found"), [(0.5 * ROUNDING, 0), (2 * ROUNDING, 3)])
def test_rounding_is_no_other_answer(by: float, found: int) -> None:
    """What is beyond it is, for each image."""
    predictions = make_predictions([1, 2, 3], [1, 2, 4])
    assert len(find_other_answers(predictions, shift(predictions, by), rounding=ROUNDING)) == found


def test_the_order_of_the_rows_does_not_matter() -> None:
    """Images are found by their ids."""
    predictions = make_predictions([1, 2, 3], [1, 2, 4])
    turned = predictions.take(np.array([2, 0, 1]))
    assert find_other_answers(predictions, turned, rounding=ROUNDING) == ()


def test_a_class_that_left_the_best_five_may_do_so_near_the_least() -> None:
    """It can have at most the least probability that is listed."""
    predictions = make_predictions([1], [1])
    indices = predictions.top5.indices.copy()
    indices[0, 4] = 42
    near = replace(predictions, top5=TopFive(indices, predictions.top5.probabilities))
    assert find_other_answers(predictions, near, rounding=ROUNDING) == ()
    indices = predictions.top5.indices.copy()
    indices[0, 0] = 42
    far = replace(predictions, top5=TopFive(indices, predictions.top5.probabilities))
    assert len(find_other_answers(predictions, far, rounding=ROUNDING)) == 1


def test_an_image_that_one_run_did_not_answer_is_named() -> None:
    """An error is no answer."""
    predictions = make_predictions([1, 2], [1, 2])
    assert find_other_answers(predictions, make_predictions([1, -1], [1, 2]), rounding=0.05) == ("image-1",)


def test_runs_on_other_images_are_refused() -> None:
    """There is nothing to compare."""
    with pytest.raises(DataError, match="not on the same images"):
        find_other_answers(make_predictions([1], [1]), make_predictions([1], [1], "x"), rounding=0.05)
