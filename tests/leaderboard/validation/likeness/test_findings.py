"""Copies and mixtures made anew as files, against the submissions in the repository."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from submission_cases import ROOT, list_known, replace_column, set_at, validate_case, write_case

from imagenet_g.leaderboard.submissions.problems import MAX_TEXT, Problem
from imagenet_g.leaderboard.submissions.submission import Submission
from imagenet_g.leaderboard.validation.file_checks import list_predictions
from imagenet_g.leaderboard.validation.likeness.findings import check_likeness
from imagenet_g.leaderboard.validation.peers import KnownSubmission, list_strangers
from imagenet_g.leaderboard.validation.validate import load_known

Edit = Callable[[pa.Table], pa.Table]
LITE0, LITE1 = "EfficientNet-Lite0", "EfficientNet-Lite1"
STEM = "lab__wonder-net"


def load_table(model: str) -> pa.Table:
    """The shipped answers of a model to mini/renditions."""
    return pq.read_table(ROOT / "mini" / f"imagenet-g__{model.lower()}" / "mini-renditions.parquet")


def edit_rows(change: Callable[[int, list[int], list[float]], tuple[list[int], list[float]]]) -> Edit:
    """An edit of the five answers and their probabilities, row by row."""

    def edit(table: pa.Table) -> pa.Table:
        rows = zip(table["top5_index"].to_pylist(), table["top5_probability"].to_pylist(), strict=True)
        changed = [change(number, *row) for number, row in enumerate(rows)]
        table = replace_column(table, "top5_index", [row[0] for row in changed])
        return replace_column(table, "top5_probability", [row[1] for row in changed])

    return edit


def add_noise(table: pa.Table) -> pa.Table:
    """Other probabilities in the same order."""
    rng = np.random.default_rng(0)
    return edit_rows(
        lambda _, five, odds: (five, sorted((0.7 * p * rng.uniform(0.4, 1.4) for p in odds), reverse=True))
    )(table)


def correct_some(table: pa.Table) -> pa.Table:
    """The first 90 images answered rightly."""
    labels = [label[0] for label in table["label"].to_pylist()]
    return edit_rows(
        lambda number, five, odds: (
            [labels[number], *[c for c in five if c != labels[number]]][:5] if number < 90 else five,
            odds,
        )
    )(table)


def reorder_lower(table: pa.Table) -> pa.Table:
    """The four answers below the first turned round."""
    return edit_rows(lambda _, five, odds: ([five[0], *five[:0:-1]], odds))(table)


def share_out(table: pa.Table) -> pa.Table:
    """Each image has the answers of the next one of its class."""
    labels = [label[0] for label in table["label"].to_pylist()]
    source = list(range(len(labels)))
    for label in set(labels):
        rows = [row for row, one in enumerate(labels) if one == label]
        for row, other in zip(rows, [*rows[1:], rows[0]], strict=True):
            source[row] = other
    fives, odds = table["top5_index"].to_pylist(), table["top5_probability"].to_pylist()
    return edit_rows(lambda number, *_: (fives[source[number]], odds[source[number]]))(table)


def stitch(table: pa.Table) -> pa.Table:
    """Per image the better of two models; of two wrong ones, every other time the second."""
    other = load_table(LITE1)
    labels = [label[0] for label in table["label"].to_pylist()]
    fives, odds = other["top5_index"].to_pylist(), other["top5_probability"].to_pylist()

    def choose(number: int, five: list[int], own: list[float]) -> tuple[list[int], list[float]]:
        first, second = five[0] == labels[number], fives[number][0] == labels[number]
        taken = second if first != second else number % 2 == 1
        return (fives[number], odds[number]) if taken else (five, own)

    return edit_rows(choose)(table)


def answer_anew(table: pa.Table) -> pa.Table:
    """Another model's answers: those of a model that is not on the board."""
    rng = np.random.default_rng(0)
    return edit_rows(
        lambda _, five, odds: (
            [five[0] if rng.random() < 0.5 else 999, *rng.choice(900, 4, replace=False).tolist()],
            odds,
        )
    )(table)


def write_newcomer(folder: Path, rows: Edit | None, notes: str | None = None) -> Path:
    """A submission of another model by another organisation with edited answers of EfficientNet-Lite0."""
    changes = [
        set_at("statement.organisation", "Lab"),
        set_at("statement.model", "Wonder Net"),
        set_at("statement.notes", notes),
        set_at("result.model.weights_sha256", "c" * 64),
        set_at("result.entries.0.predictions.file", f"{STEM}/mini-renditions.parquet"),
    ]

    def change(content: dict[str, Any]) -> None:
        for one in changes:
            one(content)

    return write_case(folder, change, stem=STEM, rows=rows)


def find(folder: Path, rows: Edit | None, notes: str | None = None) -> list[Problem]:
    """What is found of a newcomer against the repository."""
    path = write_newcomer(folder, rows, notes)
    (newcomer,) = load_known(path)
    files = list_predictions(path, newcomer.submission)
    return list(check_likeness(newcomer.submission, files, list_known()))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (None, f"100 % the same answers as '{LITE0}' (1244 of 1244 images"),
        (add_noise, "the same five in order on 1244"),
        (correct_some, f"the same answers as '{LITE0}'"),
        (reorder_lower, "the same wrong answer on 1010 of 1010 that both have wrong"),
        (share_out, f"are those of '{LITE0}' under other images"),
    ],
    ids=["copied", "noise", "corrections", "reordered", "shared out"],
)
def test_a_copy_is_refused_however_it_was_disguised(rows: Edit | None, words: str, tmp_path: Path) -> None:
    """By the answers, and the model is named whose they are."""
    (problem,) = find(tmp_path, rows)
    assert (problem.severity, problem.code, problem.where) == ("error", "copied", "mini/renditions")
    assert words in problem.message
    assert "name it in statement.notes" in problem.message
    assert len(problem.message) < MAX_TEXT


def test_rows_of_two_submissions_are_found_as_theirs(tmp_path: Path) -> None:
    """The better of two for each image is a model of its own nowhere."""
    found = {problem.code: problem for problem in find(tmp_path, stitch)}
    assert found["stitched"].severity == "error"
    assert "100 % of its rows (1244 of 1244)" in found["stitched"].message
    assert f"'{LITE0}'" in found["stitched"].message and f"'{LITE1}'" in found["stitched"].message


def test_a_mixture_that_names_its_models_is_for_the_reviewer(tmp_path: Path) -> None:
    """A cascade of two models is an honest one."""
    found = find(tmp_path, stitch, f"Chooses between {LITE0} and {LITE1}.")
    assert {problem.severity for problem in found} == {"warning"}


def test_another_models_answers_are_not_accused(tmp_path: Path) -> None:
    """Half of its first answers are those of a submission."""
    assert find(tmp_path, answer_anew) == []


def test_declared_kin_are_for_the_reviewer(tmp_path: Path) -> None:
    """A model made from another may answer nearly as it does, where its file says so."""
    (problem,) = find(tmp_path, add_noise, f"Fine-tuned from {LITE0.lower()} for an epoch.")
    assert (problem.severity, problem.code) == ("warning", "alike")


def test_kinship_explains_no_equal_rows(tmp_path: Path) -> None:
    """Equal probabilities on every image are those of the same model."""
    (problem,) = find(tmp_path, None, f"Fine-tuned from {LITE0}.")
    assert (problem.severity, problem.code) == ("error", "copied")
    assert problem.message.endswith("it is that model")


def test_the_submissions_in_the_repository_accuse_one_another_of_nothing() -> None:
    """Each against all others, on every split."""
    for known in list_known():
        files = list_predictions(known.path, known.submission)
        others = list_strangers(known.submission, list_known(), reviewed=False)
        assert list(check_likeness(known.submission, files, others)) == []


def test_a_copy_does_not_accuse_the_original(tmp_path: Path) -> None:
    """Which has its review; the newcomer has none."""
    (copy,) = load_known(write_newcomer(tmp_path, add_noise))
    original = next(known for known in list_known() if known.submission.statement.model == LITE0)
    assert (original.reviewed, copy.reviewed) == (True, False)
    both = [*list_known(), copy]
    assert copy not in list_strangers(original.submission, both, reviewed=original.reviewed)
    assert original in list_strangers(copy.submission, both, reviewed=copy.reviewed)
    report = validate_case(original.path, others=tuple(k for k in both if k is not original))
    assert [problem for problem in report.problems if problem.severity != "note"] == []


def test_a_forged_review_does_not_hide_a_copy(tmp_path: Path) -> None:
    """Accepted ones stand before it all the same."""
    (copy,) = load_known(write_newcomer(tmp_path, add_noise))
    strangers = list_strangers(copy.submission, list_known(), reviewed=True)
    assert LITE0 in {known.submission.statement.model for known in strangers}


def test_validation_refuses_a_noisy_copy_and_names_the_model(tmp_path: Path) -> None:
    """Among its other findings."""
    report = validate_case(write_newcomer(tmp_path, add_noise), others=list_known())
    assert not report.accepted
    assert [problem.code for problem in report.errors].count("copied") == 1


def test_predictions_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    """Their own report says why."""
    path = write_newcomer(tmp_path, None)
    (newcomer,) = load_known(path)
    files = list_predictions(path, newcomer.submission)
    (file,) = files.values()
    file.write_bytes(b"PAR1")
    assert list(check_likeness(newcomer.submission, files, list_known())) == []


def test_memory_does_not_grow_with_the_number_of_submissions(tmp_path: Path) -> None:
    """One file is read at a time, and a bit an image is kept."""
    path = write_newcomer(tmp_path, add_noise)
    (newcomer,) = load_known(path)
    few, many = (measure_peak(newcomer.submission, path, list_copies(count)) for count in (2, 20))
    assert many < 1.2 * few


def list_copies(count: int) -> list[KnownSubmission]:
    """The same submission, many times."""
    lite1 = next(known for known in list_known() if known.submission.statement.model == LITE1)
    return [replace(lite1) for _ in range(count)]


def measure_peak(submission: Submission, path: Path, others: list[KnownSubmission]) -> int:
    """Bytes of Python and NumPy at most."""
    tracemalloc.start()
    try:
        list(check_likeness(submission, list_predictions(path, submission), others))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
