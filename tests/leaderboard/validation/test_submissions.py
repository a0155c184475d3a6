"""Submissions that are accepted, and how they are made."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from submission_cases import (
    ROOT,
    SEALED,
    STEM,
    list_codes,
    list_known,
    load_good,
    renew_scores,
    set_at,
    validate_case,
    write_case,
)

from imagenet_g.benchmark.errors import InputError, UntrustedFileError
from imagenet_g.benchmark.predictions.rescoring import RescoreRequest, rescore
from imagenet_g.benchmark.results import STATISTICS_VERSION, Result, has_widened_intervals
from imagenet_g.leaderboard.submissions.names import explain_bad_name, find_lookalike, make_skeleton
from imagenet_g.leaderboard.submissions.problems import ValidationReport, clip_text, format_report
from imagenet_g.leaderboard.submissions.reviews import load_review
from imagenet_g.leaderboard.submissions.submission import Submission, compute_seal, join_stem, make_submission
from imagenet_g.leaderboard.submissions.untrusted import parse_json
from imagenet_g.leaderboard.submitting.submit import make_statement, suggest_answers, write_submission
from imagenet_g.leaderboard.validation.model_checks import check_preprocessing
from imagenet_g.leaderboard.validation.second_runs.comparing import verify_run
from imagenet_g.leaderboard.validation.second_runs.running import SecondRun, make_command
from imagenet_g.leaderboard.validation.validate import list_submission_files

GOOD = SEALED / "mini" / f"{STEM}.json"


def load_committed() -> Submission:
    """A sealed submission of statistics 1."""
    return Submission.model_validate_json(GOOD.read_bytes())


def load_small() -> Submission:
    """The same, cut down to its whole split: each view would be computed again as well."""
    return Submission.model_validate_json(load_good())


def test_an_honest_submission_is_recomputed(tmp_path: Path) -> None:
    """Every number follows from the predictions."""
    report = validate_case(write_case(tmp_path, renew_scores))
    assert report.accepted
    assert report.trust == "recomputed"
    # With no other model here, one test is left out, which is said.
    assert [problem.code for problem in report.problems] == ["plausibility"]


def test_old_statistics_are_named_and_do_not_contradict(tmp_path: Path) -> None:
    """A file without a version is of version 1: its numbers follow from its own rules, and it is accepted."""
    report = validate_case(write_case(tmp_path))
    (found,) = [problem for problem in report.problems if problem.code == "old-statistics"]
    assert (found.severity, report.accepted, report.trust) == ("note", True, "recomputed")
    assert found.message.startswith("old statistics: the numbers follow version 1")
    assert "imagenet-g score --upgrade" in found.message


@pytest.mark.parametrize("field", ["scores.0.top1.low", "gaps.0.high", "gaps.0.value"])
def test_an_edited_number_of_old_statistics_is_refused(tmp_path: Path, field: str) -> None:
    """It is computed again by the rules of its own version."""
    report = validate_case(write_case(tmp_path, set_at(f"result.entries.0.{field}", 0.001)))
    assert "not-reproduced" in list_codes(report)


def test_statistics_of_a_newer_release_are_refused_by_name(tmp_path: Path) -> None:
    """A message for the maintainer, not a broken schema."""
    report = validate_case(write_case(tmp_path, set_at("result.statistics", STATISTICS_VERSION + 1)))
    assert list_codes(report) == {"future-schema"}


def test_on_a_split_that_ships_predictions_are_required(tmp_path: Path) -> None:
    """Whoever has a score on it has the answers; withheld, they would hide where the score comes from."""
    path = write_case(tmp_path)
    shutil.rmtree(path.parent / STEM)
    report = validate_case(path)
    assert list_codes(report) == {"no-predictions"}
    assert "add the file" in format_report(report)


@pytest.mark.parametrize("path", list_submission_files(ROOT), ids=lambda path: path.stem)
def test_committed_submissions_have_a_valid_review(path: Path) -> None:
    """The review is of the bytes in the repository."""
    review = load_review(path)
    assert not isinstance(review, str), review
    assert review.trust == "recomputed"


def test_a_new_run_of_the_same_model_is_explained(tmp_path: Path) -> None:
    """Against the earlier file, not refused as a copy of it."""
    report = validate_case(write_case(tmp_path, renew_scores), others=list_known())
    assert report.accepted
    assert {problem.code for problem in report.problems} == {"changed", "plausibility", "resubmission"}


def test_what_a_resubmission_says_otherwise_is_named(tmp_path: Path) -> None:
    """Field by field; training data are worth a warning."""
    changes = (
        set_at("statement.notes", "trained longer"),
        set_at("statement.training_data", "unknown"),
    )
    report = validate_case(
        write_case(tmp_path, lambda content: [change(content) for change in changes]), others=list_known()
    )
    found = {problem.where: problem.severity for problem in report.problems}
    assert found["statement.notes"] == "note"
    assert found["statement.training_data"] == "warning"


def test_preprocessing_that_is_unknown_is_for_the_reviewer(tmp_path: Path) -> None:
    """Code of your own may prepare images in a way nobody can describe."""
    found = load_committed().result.model.preprocessing.model_copy(update={"interpolation": "unknown"})
    assert [(problem.code, problem.severity) for problem in check_preprocessing(found)] == [
        ("preprocessing", "warning")
    ]


def test_the_report_is_json_that_parses_again(tmp_path: Path) -> None:
    """For machines."""
    report = validate_case(write_case(tmp_path, set_at("version", "v1")))
    assert ValidationReport.model_validate_json(report.model_dump_json()) == report


def test_the_seal_does_not_depend_on_layout() -> None:
    """Indentation and key order are no edit."""
    content = json.loads(GOOD.read_text())
    shuffled = json.loads(json.dumps(dict(reversed(content.items())), indent=7))
    assert compute_seal(shuffled) == content["seal"]


def make_answers(result: Result) -> dict[str, str]:
    """What a person would type."""
    answers = dict.fromkeys(("url", "family", "training_data_details", "license", "notes"), "")
    return answers | suggest_answers(result) | {
        "organisation": "Example Lab",
        "authors": "A. Author; B. Author",
        "contact": "a@example.org",
        "supervision": "supervised",
    }  # fmt: skip


def test_a_statement_is_made_of_what_the_result_knows() -> None:
    """Training data and generators are suggested, not asked twice."""
    statement = make_statement(make_answers(load_committed().result))
    assert statement.training_data == "imagenet-1k"
    assert statement.generated_training_data == ()
    assert statement.authors == ("A. Author", "B. Author")


def test_an_answer_that_is_not_allowed_is_named() -> None:
    """One message, with the field."""
    answers = make_answers(load_committed().result) | {"supervision": "magic"}
    with pytest.raises(InputError, match="supervision"):
        make_statement(answers)


def test_a_refused_submission_leaves_nothing_behind(tmp_path: Path) -> None:
    """Neither a file nor a draft."""
    submission = load_small()
    bad = submission.model_copy(update={"seal": "0" * 64})
    _, report = write_submission(
        bad, results_folder=SEALED / "mini", source=bad.result, root=tmp_path / "to", data=()
    )
    assert not report.accepted
    assert list((tmp_path / "to").rglob("*.json")) == []


def test_an_accepted_submission_is_written_with_its_predictions(tmp_path: Path) -> None:
    """Beside the file, under the name it gives."""
    before = load_small()
    submission = make_submission(before.version, before.statement, before.result)
    path, report = write_submission(
        submission, results_folder=SEALED / "mini", source=submission.result, root=tmp_path, data=()
    )
    assert report.trust == "recomputed"
    assert (path.parent / submission.result.entries[0].predictions.file).is_file()


def test_a_resubmission_leaves_no_predictions_that_it_does_not_name(tmp_path: Path) -> None:
    """What the earlier one had on other splits would look like evidence."""
    before = load_small()
    submission = make_submission(before.version, before.statement, before.result)
    for _ in range(2):
        path, report = write_submission(
            submission, results_folder=SEALED / "mini", source=submission.result, root=tmp_path, data=()
        )
        assert report.accepted
        files = sorted(file.name for file in path.with_suffix("").iterdir())
        (path.with_suffix("") / "v1-gone.parquet").write_bytes(b"old")
    assert files == ["mini-renditions.parquet"]
    assert not (tmp_path / ".draft").exists()


def test_a_second_run_of_the_same_weights_verifies() -> None:
    """No difference where the machine is the same."""
    verification = verify_run(GOOD, SecondRun(load_committed().result, GOOD.parent), by="maintainer")
    assert set(verification.differences.values()) == {0.0}


def test_a_second_run_of_other_weights_verifies_nothing() -> None:
    """Whatever its scores."""
    result = load_committed().result
    other = result.model_copy(update={"model": result.model.model_copy(update={"weights_sha256": "d" * 64})})
    with pytest.raises(InputError, match="other weights"):
        verify_run(GOOD, SecondRun(other, GOOD.parent), by="maintainer")


def test_code_of_strangers_is_never_run() -> None:
    """A python: spec names a module of the submitter's choosing."""
    submission = load_committed()
    model = submission.result.model.model_copy(update={"spec": "python:os:system"})
    hostile = submission.model_copy(update={"result": submission.result.model_copy(update={"model": model})})
    with pytest.raises(InputError, match="not run from a submission"):
        make_command(hostile, Path("out"), ())


@given(st.text(max_size=60))
def test_quoted_text_is_printable(text: str) -> None:
    """No control character of a hostile file reaches a terminal."""
    assert clip_text(text).isprintable()


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30))
def test_a_file_name_is_never_a_path(organisation: str, model: str) -> None:
    """Whatever people call their models."""
    stem = join_stem(organisation, model)
    assert "/" not in stem
    assert "\\" not in stem
    assert not stem.startswith(".")


@given(st.binary(max_size=200))
def test_any_bytes_parse_or_are_refused(data: bytes) -> None:
    """One kind of error, never another."""
    try:
        parse_json(data)
    except UntrustedFileError as error:
        assert str(error)


@pytest.mark.parametrize("name", ["ResNet-50", "ViT-B/16", "ConvNeXt V2 (base)", "efficientnet_b0"])
def test_usual_names_are_fine(name: str) -> None:
    """A slash is not: it would be a folder."""
    assert (explain_bad_name(name) is None) == ("/" not in name)


def test_a_greek_letter_is_a_lookalike() -> None:
    """Of the Latin one it prints like."""
    assert find_lookalike("RESNET-5\u039f", ["ResNet-50"]) == "ResNet-50"
    assert make_skeleton("r\u0435snet") == make_skeleton("resnet")


def test_a_gap_of_the_earlier_rule_is_computed_again_by_it(tmp_path: Path) -> None:
    """A sealed file names it; today's rule gives these few images a longer interval."""
    path = SEALED / "mini" / f"{STEM}.json"
    entries = {
        entry.split.view: entry for entry in Submission.model_validate_json(path.read_bytes()).result.entries
    }
    claimed = entries["fluent-high-contrast"]
    earlier, today = (
        rescore(
            RescoreRequest(
                files=(path.parent / claimed.predictions.file,),
                reference=None,
                view=claimed.split.view,
                data={},
                skip_unreadable=False,
                out=tmp_path,
                widened=widened,
                statistics=1,
            )
        )
        .entries[0]
        .gaps[0]
        for widened in (False, True)
    )
    assert not has_widened_intervals(claimed)
    assert earlier == claimed.gaps[0]
    assert today.method == "class-bootstrap-widened"
    assert today.low == earlier.low
    assert today.high is not None
    assert earlier.high is not None
    assert today.high > earlier.high + 0.005
