"""Models of an outside library are evaluated, submitted, checked and run again by its row alone."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from image_sets import write_release
from outside_library import ROW, install, write_distribution
from submission_cases import edit_cell, seal

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.inference.passes import run_pass
from imagenet_g.benchmark.inference.running_model import InferenceOutcome
from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.benchmark.results import Result
from imagenet_g.leaderboard.submissions.reviews import Review, load_review
from imagenet_g.leaderboard.validation.model_checks import check_library
from imagenet_g.leaderboard.validation.second_runs.running import load_submission, make_command

OTHERS = (
    ROW.replace("LIBRARY", "OWN")
    .replace('"tally"', '"tallyown"')
    .replace("    example", "    runs_again=False, example"),
    ROW.replace("LIBRARY", "CLIP")
    .replace('"tally"', '"tallyclip"')
    .replace("    example", "    needs_prompts=True, example"),
)


def run(*words: object) -> int:
    """One command."""
    return main([str(word) for word in words])


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The outside library, installed for all tests here."""
    folder = write_distribution(tmp_path_factory.mktemp("site"))
    with install(folder), pytest.MonkeyPatch.context() as patch:
        # The process that validates starts anew, and finds it like any other installed package.
        patch.setenv("PYTHONPATH", str(folder))
        yield folder


@pytest.fixture(scope="module")
def made(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of 30 images, a result of `tally:mean/seed0` on it, and its submission."""
    assert library.is_dir()
    folder = tmp_path_factory.mktemp("outside")
    write_release(folder / "release", list(range(30)))
    data = f"v9={folder / 'release'}"
    places = ("--out", folder / "out", "--cache", folder / "cache", "--device", "cpu", "--workers", "1")
    assert run("evaluate", "--model", "tally:mean/seed0", "--split", "v9/sd-l", "--data", data, *places) == 0
    said = ("--organisation=Example Lab", "--name=Tally", "--authors=A. Author", "--contact=a@example.org")
    result = next((folder / "out").glob("*/result.json"))
    assert run("submit", "--local", result, "--to", folder / "submissions", "--data", data, *said) == 0
    return folder


def load_made(made: Path) -> Result:
    """The result of the evaluation."""
    return load_result(next((made / "out").glob("*/result.json")))


def copy_submission(made: Path, folder: Path) -> Path:
    """Submission and predictions in a folder of its own."""
    shutil.copytree(made / "submissions", folder)
    return next(folder.glob("v9/*.json"))


def test_evaluate_records_the_model_and_the_version_of_its_distribution(made: Path) -> None:
    """So that a reader can install the same."""
    result = load_made(made)
    assert result.model.spec == "tally:mean/seed0"
    assert result.entries[0].predictions.run.versions["tally"] == "1.5"


def test_its_submission_is_accepted(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A library that the checks did not know refused every submission of it."""
    path = copy_submission(made, tmp_path / "s")
    assert run("validate", path, "--data", f"v9={made / 'release'}", "--against", made / "nowhere") == 0
    assert "trust level 'recomputed'" in capsys.readouterr().out


def test_its_submission_is_run_again_by_name(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the row allows."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = copy_submission(made, tmp_path / "s")
    data = ("--data", f"v9={made / 'release'}", "--against", made / "nowhere", "--out", tmp_path / "again")
    assert run("verify-submission", path, "--by", "a maintainer", *data) == 0
    assert "v9/sd-l: second run +0.000 points, 0 other answers" in capsys.readouterr().out
    review = load_review(path)
    assert isinstance(review, Review)
    assert review.trust == "verified"


def test_the_second_run_reads_no_prediction_of_the_first(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both may be made on one machine: forged predictions in the usual cache would verify themselves."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(made / "cache", tmp_path / "cache" / "imagenet-g")
    path = copy_submission(made, tmp_path / "s")
    (cached,) = (tmp_path / "cache").rglob("predictions/*.parquet")
    (submitted,) = path.with_suffix("").glob("*.parquet")
    table = pq.read_table(cached)
    five = [0.99, 0.002, 0.002, 0.001, 0.001]
    # All that is stored of an image has to agree, or the file would be refused before it is compared.
    answers, (label,) = table["top5_index"][3].as_py(), table["label"][3].as_py()
    right = five[answers.index(label)] if label in answers else five[-1]
    forged = edit_cell("top5_probability", 3, five)(table)
    forged = edit_cell("label_log_probability", 3, math.log(right))(forged)
    forged = edit_cell("squared_probability_sum", 3, sum(one * one for one in five))(forged)
    for file in (cached, submitted):
        pq.write_table(forged, file, compression="zstd")
    content = json.loads(path.read_text())
    for entry in content["result"]["entries"]:
        entry["predictions"]["sha256"] = hash_file(submitted)
        # Of accuracies alone, which a forged probability leaves as they are.
        for score in entry["scores"]:
            score["metrics"] = {name: one for name, one in score["metrics"].items() if "top" in name}
    path.write_text(json.dumps(seal(content)))
    data = ("--data", f"v9={made / 'release'}", "--against", made / "nowhere", "--out", tmp_path / "again")
    assert run("verify-submission", path, "--by", "a maintainer", *data) == 2
    assert "other answers than the submission for 1 of 30 images of 'v9/sd-l'" in capsys.readouterr().err


def test_each_second_run_computes_every_image(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Into one folder too, and it leaves no cache there."""
    rows: list[int] = []

    def count(*arguments: Any, **options: Any) -> Any:
        (outcome,) = run_pass(*arguments, **options)
        assert isinstance(outcome, InferenceOutcome)
        rows.append(outcome.num_computed)
        return [outcome]

    monkeypatch.setattr("imagenet_g.benchmark.inference.passes.run_pass", count)
    path = copy_submission(made, tmp_path / "s")
    data = ("--data", f"v9={made / 'release'}", "--against", made / "nowhere", "--out", tmp_path / "again")
    for _ in range(2):
        assert run("verify-submission", path, "--by", "a maintainer", *data) == 0
    assert rows == [30, 30]
    assert "came from the cache" not in capsys.readouterr().out
    assert list((tmp_path / "again").glob("cache*")) == []


def test_where_the_library_is_not_installed_the_submission_is_refused_with_what_to_install(
    made: Path,
) -> None:
    """A maintainer without it can check nothing."""
    model = load_made(made).model.model_copy(update={"spec": "tallest:mean"})
    (problem,) = check_library(model)
    assert problem.code == "bad-model"
    assert "install that package before validating" in problem.message


def test_a_row_that_cannot_be_run_again_is_not_run_from_a_submission(made: Path, tmp_path: Path) -> None:
    """Whatever the library's loader would do."""
    folder = write_distribution(
        tmp_path / "own", name="tallyown", scheme="tallyown", value="tallyown_library:OWN",
        modules={"tallyown_library": OTHERS[0]},
    )  # fmt: skip
    submission = load_submission(copy_submission(made, tmp_path / "s"))
    model = submission.result.model.model_copy(update={"spec": "tallyown:mean/seed0"})
    private = submission.model_copy(update={"result": submission.result.model_copy(update={"model": model})})
    with install(folder):
        assert [(found.code, found.severity) for found in check_library(model)] == [
            ("private-model", "warning")
        ]
        with pytest.raises(InputError, match="is not run from a submission"):
            make_command(private, tmp_path, [])


def test_a_row_that_needs_prompts_refuses_a_submission_without_them(made: Path, tmp_path: Path) -> None:
    """A zero-shot score means nothing without its prompts."""
    folder = write_distribution(
        tmp_path / "clip", name="tallyclip", scheme="tallyclip", value="tallyclip_library:CLIP",
        modules={"tallyclip_library": OTHERS[1]},
    )  # fmt: skip
    model = load_made(made).model.model_copy(update={"spec": "tallyclip:mean/seed0"})
    with install(folder):
        assert [found.where for found in check_library(model)] == ["model.zero_shot"]


def test_the_broken_row_of_a_submitted_model_is_named(made: Path, tmp_path: Path) -> None:
    """The maintainer's installation is at fault, not the submission."""
    folder = write_distribution(
        tmp_path / "bad", name="tallybad", scheme="tallybad", value="tallybad_library:LIBRARY",
        modules={"tallybad_library": "1 / 0"},
    )  # fmt: skip
    model = load_made(made).model.model_copy(update={"spec": "tallybad:mean"})
    with install(folder):
        (problem,) = check_library(model)
    assert "of the package 'tallybad' cannot be used" in problem.message
