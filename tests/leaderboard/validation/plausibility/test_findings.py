"""Labels as answers and invented answers, made anew as files, beside the submissions in the repository."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from forged_answers import invent
from submission_cases import (
    ROOT,
    list_codes,
    list_known,
    renew_scores,
    replace_column,
    set_at,
    validate_case,
    write_case,
)

from imagenet_g.benchmark.answers.top_five import TopFive
from imagenet_g.leaderboard.submissions.problems import MAX_TEXT, Problem
from imagenet_g.leaderboard.validation.file_checks import list_predictions
from imagenet_g.leaderboard.validation.likeness.answers import SplitAnswers, load_answers
from imagenet_g.leaderboard.validation.peers import KnownSubmission, list_strangers
from imagenet_g.leaderboard.validation.plausibility.beside import Beside, compare_with, compute_kappa
from imagenet_g.leaderboard.validation.plausibility.confidence import Confidence, is_right, rank_right
from imagenet_g.leaderboard.validation.plausibility.findings import check_plausibility
from imagenet_g.leaderboard.validation.plausibility.forging import list_wrong, put_first
from imagenet_g.leaderboard.validation.plausibility.verdicts import (
    judge_beside,
    judge_confidence,
    judge_robustness,
)
from imagenet_g.leaderboard.validation.validate import dispel_doubts, load_known

Forge = Callable[[SplitAnswers], TopFive]
STEM = "lab__wonder-net"


def write_newcomer(folder: Path, forge: Forge) -> Path:
    """A submission of another model with forged answers to mini/renditions."""

    def edit(table: pa.Table) -> pa.Table:
        answers = load_answers(ROOT / "mini" / "imagenet-g__efficientnet-lite0" / "mini-renditions.parquet")
        assert answers is not None
        forged = forge(answers)
        table = replace_column(table, "top5_index", forged.indices.tolist())
        return replace_column(table, "top5_probability", forged.probabilities.tolist())

    def change(content: dict[str, Any]) -> None:
        for place, value in (
            ("statement.organisation", "Lab"),
            ("statement.model", "Wonder Net"),
            ("result.model.weights_sha256", "c" * 64),
            ("result.entries.0.predictions.file", f"{STEM}/mini-renditions.parquet"),
        ):
            set_at(place, value)(content)

    return write_case(folder, change, stem=STEM, rows=edit)


def find(path: Path, others: Sequence[KnownSubmission]) -> list[Problem]:
    """What is found of a newcomer."""
    (newcomer,) = load_known(path)
    return list(check_plausibility(newcomer.submission, list_predictions(path, newcomer.submission), others))


def answer_labels(answers: SplitAnswers) -> TopFive:
    """The label as the answer to every image."""
    return put_first(answers, list_wrong(answers))


def test_labels_as_answers_are_refused(tmp_path: Path) -> None:
    """By the ties; and a reader is told that the best other model has 80 % wrong."""
    found = find(write_newcomer(tmp_path, answer_labels), list_known())
    assert [problem.severity for problem in found] == ["error", "warning", "warning"]
    assert {problem.code for problem in found} == {"implausible"}
    assert "the first is right on" in found[0].message
    assert "0 of 1244 answers are wrong; of the best of 3 other models 988 are" in found[2].message
    assert all("verify-submission" in problem.message for problem in found)
    assert all(len(problem.message) < MAX_TEXT for problem in found)


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (1.0, ["all 1244 answers are right", "are wrong; of the best of 3"]),
        (0.9, ["nearly a tie", "greater margin", "easier images", "none of 3"]),
        (0.3, ["nearly a tie", "greater margin", "easier images", "none of 3", "are the same"]),
    ],
)
def test_invented_answers_are_flagged(share: float, words: list[str], tmp_path: Path) -> None:
    """Whatever share of them is right, each test says what it saw."""
    found = find(write_newcomer(tmp_path, lambda answers: invent(answers, share)), list_known())
    assert [problem.severity for problem in found] == ["warning"] * len(words)
    for word, problem in zip(words, found, strict=True):
        assert word in problem.message
        assert len(problem.message) < MAX_TEXT


def test_no_submission_in_the_repository_is_implausible() -> None:
    """Each beside all others."""
    for known in list_known():
        others = list_strangers(known.submission, list_known(), reviewed=True)
        found = find(known.path, others)
        assert [problem for problem in found if problem.severity != "note"] == []


def test_too_few_other_models_are_said(tmp_path: Path) -> None:
    """And submissions that nobody accepted are no yardstick."""
    path = write_newcomer(tmp_path, lambda answers: answers.top5)
    unknown = [KnownSubmission(known.path, known.submission, reviewed=False) for known in list_known()]
    (problem,) = find(path, unknown)
    assert (problem.code, problem.severity) == ("plausibility", "note")
    assert problem.message == "not tested: mini/renditions beside other models (0 accepted here, 3 needed)"


def test_validation_refuses_labels_as_answers(tmp_path: Path) -> None:
    """With numbers that do not follow, which is another finding."""
    report = validate_case(write_newcomer(tmp_path, answer_labels), others=list_known())
    assert "implausible" in list_codes(report)


def test_a_doubted_submission_is_not_ranked_and_a_second_run_settles_it(tmp_path: Path) -> None:
    """The doubt refuses it before, and is a flag for readers behind."""
    report = validate_case(write_newcomer(tmp_path, answer_labels), others=list_known())
    only = report.model_copy(
        update={"problems": tuple(one for one in report.problems if one.code == "implausible")}
    )
    settled = dispel_doubts(only)
    assert (settled.accepted, settled.trust) == (True, "self-reported")
    assert {problem.severity for problem in settled.problems} == {"warning"}
    assert not dispel_doubts(report).accepted


def test_an_honest_submission_stays_ranked(tmp_path: Path) -> None:
    """A note takes nothing from it."""
    assert validate_case(write_case(tmp_path, renew_scores)).trust == "recomputed"


def test_a_robustness_beyond_all_that_is_known_is_flagged() -> None:
    """By the lower end of its interval; without an interval nothing is said."""
    found = judge_robustness(0.6, "testbed", "imagenet-sketch")
    assert found is not None
    assert "at least +60 points above models of its clean accuracy" in found.message
    assert judge_robustness(None, "testbed", "imagenet-sketch") is None


def test_margins_are_judged_of_who_is_right_often_enough() -> None:
    """A weak classifier's margins say little of what it has right, however many images there are."""
    assert list(judge_confidence(Confidence(10_000, 1500, 1900, 0.53, 0.005), "mini/real")) == []
    (found,) = judge_confidence(Confidence(10_000, 1500, 2100, 0.53, 0.005), "mini/real")
    assert "greater margin than a wrong one in 53 % of pairs" in found.message


@pytest.mark.parametrize(("others", "flagged"), [(3, 0), (5, 0), (10, 1)])
def test_a_leap_is_judged_by_how_many_others_there_are(others: int, flagged: int) -> None:
    """A tenth wrong where the best other has 70 %: beside few, the best may be a weak one."""
    found = Beside(10_000, 9000, 3000, 0, 0, None, None, None, 0, 0)
    problems = [one for one in judge_beside(found, others, "mini/real") if "of the best of" in one.message]
    assert len(problems) == flagged


def test_error_consistency_is_that_of_the_paper() -> None:
    """By its equation, with the counts of a fourfold table."""
    ours = np.repeat([True, True, False, False], [50, 20, 10, 20])
    theirs = np.repeat([True, False, True, False], [50, 20, 10, 20])
    chance = 0.7 * 0.6 + 0.3 * 0.4
    assert compute_kappa(ours, theirs) == pytest.approx((0.7 - chance) / (1 - chance))
    assert compute_kappa(np.ones(3, dtype=bool), np.ones(3, dtype=bool)) is None


def test_the_area_is_the_share_of_pairs() -> None:
    """Counted pair by pair; a tie is half."""
    rng = np.random.default_rng(0)
    values, right = rng.integers(0, 5, 60).astype(float), rng.random(60) < 0.4
    pairs = [(one > other) + 0.5 * (one == other) for one in values[right] for other in values[~right]]
    assert rank_right(values, right)[0] == pytest.approx(np.mean(pairs))


def test_an_image_without_an_answer_is_wrong() -> None:
    """Though both it and the padding of labels are -1."""
    top5 = TopFive(np.array([[-1], [4]], dtype=np.int16), np.array([[0], [1]], dtype=np.float32))
    assert is_right(top5, np.array([[4, -1], [4, -1]], dtype=np.int16)).tolist() == [False, True]


def test_who_is_right_alone_is_counted() -> None:
    """Against every other."""
    right = np.array([True, True, False, False])
    first = np.array([1, 1, 2, 2], dtype=np.int16)
    other = np.array([False, True, True, False])
    found = compare_with(first, right, [(first, other), (first, other)])
    assert (found.alone, found.none, found.best_right) == (1, 2, 2)
    assert (found.both_wrong, found.same_wrong) == (2, 2)
