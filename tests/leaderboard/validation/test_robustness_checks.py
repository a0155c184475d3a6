"""Effective robustness in a submission: line, value and interval are computed again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from robustness_cases import CLEAN, SPLIT, write_case_result, write_clean_copy
from submission_cases import list_codes, seal, set_at

from factories import make_model_record
from imagenet_g.benchmark.results import Result
from imagenet_g.benchmark.robustness.attach import place_entry
from imagenet_g.benchmark.robustness.placements import make_record
from imagenet_g.leaderboard.submissions.problems import ValidationReport, format_report
from imagenet_g.leaderboard.submissions.submission import SUFFIX, Statement, make_submission
from imagenet_g.leaderboard.submitting.submit import write_submission
from imagenet_g.leaderboard.validation.split_store import SplitStore
from imagenet_g.leaderboard.validation.validate import (
    ValidationContext,
    load_known_baselines,
    validate_submission,
)

RECORD = "result.entries.1.effective_robustness.0"
SPEC = "timm:a_net_of_ours.v1_in1k"


@dataclass(frozen=True)
class Case:
    """An accepted submission, the clean images it was measured on, and its baseline."""

    path: Path
    clean_copy: Path
    result: Result

    def validate(self, path: Path, *, baseline: bool = True) -> ValidationReport:
        """The report, with or without the baseline's file."""
        root = self.path.parent.parent
        baselines = load_known_baselines(root if baseline else root / "nowhere")
        return validate_submission(path, ValidationContext(open_splits(self.clean_copy), (), baselines))


@cache
def open_splits(clean_copy: Path) -> SplitStore:
    """The splits, opened once for all tests: to hash the clean images takes longer than all else."""
    return SplitStore({CLEAN: clean_copy})


def make_statement() -> Statement:
    """What people say about the model."""
    return Statement(
        organisation="Example Lab",
        model="A Net",
        authors=("A. Author",),
        contact="a@example.org",
        url=None,
        family=None,
        supervision="supervised",
        training_data="imagenet-1k",
        training_data_details=None,
        generated_training_data=(),
        license=None,
        notes=None,
    )


def write_whole_case(folder: Path, clean_copy: Path, **options: Any) -> Case:
    """Result, baseline and submission, as a person makes them."""
    spec, weights = options.pop("spec", SPEC), options.pop("weights", "7" * 64)
    result = write_case_result(
        folder / "result", make_model_record(spec, weights_sha256=weights), clean_copy, **options
    )
    baselines = folder / "submissions" / "mini" / "baselines"
    baselines.mkdir(parents=True)
    shutil.copyfile(folder / "result" / "baseline.json", baselines / "toy.json")
    path, report = write_submission(
        make_submission("mini", make_statement(), result),
        results_folder=folder / "result",
        source=result,
        root=folder / "submissions",
        data=[f"{CLEAN}={clean_copy}"],
    )
    assert report.accepted, format_report(report)
    assert report.trust == "recomputed", format_report(report)
    return Case(path, clean_copy, result)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """With an interval drawn by class."""
    folder = tmp_path_factory.mktemp("robust")
    return write_whole_case(folder, write_clean_copy(folder / "val"))


def spoil(case: Case, folder: Path, *changes: Callable[[Any], object]) -> Path:
    """A copy with its content changed and sealed again."""
    target = folder / "mini" / case.path.name
    shutil.copytree(case.path.with_suffix(""), target.with_suffix(""))
    content = json.loads(case.path.read_text())
    for change in changes:
        change(content)
    target.write_text(json.dumps(seal(content)))
    return target


def test_an_honest_effective_robustness_is_recomputed(case: Case) -> None:
    """Its line, its interval and the sentences that go with them."""
    report = case.validate(case.path)
    assert report.trust == "recomputed"
    assert [problem for problem in report.problems if problem.severity != "note"] == []
    assert case.result.entries[1].effective_robustness[0].clustered


@pytest.mark.parametrize(
    ("field", "change", "code"),
    [
        ("low", 0.004, "not-reproduced"),
        ("high", -0.004, "not-reproduced"),
        ("band_low", 0.01, "not-reproduced"),
        ("expected_top1", 0.01, "not-reproduced"),
        ("slope", 0.01, "other-baseline"),
        ("r2", 0.01, "other-baseline"),
        ("seed", 1, "not-reproduced"),
        ("num_resamples", 1, "not-reproduced"),
    ],
)
def test_an_edited_number_is_refused(
    case: Case, tmp_path: Path, field: str, change: float, code: str
) -> None:
    """Also where the edit only narrows the interval, or picks a luckier seed."""
    value = getattr(case.result.entries[1].effective_robustness[0], field) + change
    report = case.validate(spoil(case, tmp_path, set_at(f"{RECORD}.{field}", value)))
    assert code in list_codes(report), format_report(report)
    assert any(f"{field} is" in problem.message for problem in report.errors) or field == "expected_top1"


def test_a_whole_interval_left_out_is_refused(case: Case, tmp_path: Path) -> None:
    """Unknown is no way to hide a wide one."""
    path = spoil(case, tmp_path, set_at(f"{RECORD}.low", None), set_at(f"{RECORD}.high", None))
    assert "not-reproduced" in list_codes(case.validate(path))


def test_without_the_baseline_the_interval_is_unknown(case: Case) -> None:
    """Said in words, and the submission is no longer fully recomputed."""
    report = case.validate(case.path, baseline=False)
    assert report.accepted
    assert report.trust == "self-reported"
    assert "cannot be checked" in next(p for p in report.problems if p.code == "unknown-baseline").message


def test_without_predictions_the_interval_is_unknown(case: Case, tmp_path: Path) -> None:
    """It was drawn by class, and nothing says which images were right."""
    path = spoil(case, tmp_path)
    shutil.rmtree(path.with_suffix(""))
    report = case.validate(path)
    assert list_codes(report) == {"no-predictions"}
    assert "unknown-interval" in {problem.code for problem in report.problems}


def test_without_predictions_a_false_line_is_still_refused(case: Case, tmp_path: Path) -> None:
    """The line needs the baseline alone."""
    path = spoil(case, tmp_path, set_at(f"{RECORD}.band_high", 0.9))
    shutil.rmtree(path.with_suffix(""))
    assert "not-reproduced" in list_codes(case.validate(path))


def test_an_interval_of_independent_images_is_recomputed_too(case: Case, tmp_path: Path) -> None:
    """As its record says it was made, with the sentence that says so."""
    made = write_whole_case(tmp_path, case.clean_copy, clustered=False)
    assert not made.result.entries[1].effective_robustness[0].clustered
    record = made.result.entries[1].effective_robustness[0]
    path = spoil(made, tmp_path / "spoilt", set_at(f"{RECORD}.low", (record.low or 0) + 0.002))
    assert "not-reproduced" in list_codes(made.validate(path))


def test_a_robustness_that_comes_twice_is_refused(case: Case, tmp_path: Path) -> None:
    """Thousands of them would cost hours to compute."""

    def repeat(content: Any) -> None:
        content["result"]["entries"][1]["effective_robustness"] *= 2

    assert "repeated" in list_codes(case.validate(spoil(case, tmp_path, repeat)))


@pytest.mark.parametrize(("number", "code"), [(10**30, "schema"), (10**9, "other-axis")])
def test_numbers_of_images_that_cannot_be_are_refused(
    case: Case, tmp_path: Path, number: int, code: str
) -> None:
    """Before anything is drawn from them."""
    path = spoil(case, tmp_path, set_at("result.entries.1.n", number))
    shutil.rmtree(path.with_suffix(""))
    assert code in list_codes(case.validate(path))


def test_doubts_about_the_clean_accuracy_cannot_be_left_out(case: Case, tmp_path: Path) -> None:
    """A known model far from its published accuracy carries a warning of the benchmark."""
    with pytest.raises(AssertionError, match="warning-removed"):
        write_whole_case(tmp_path, case.clean_copy, spec="timm:resnet50.a1_in1k")


def test_the_clean_set_itself_has_no_robustness(case: Case) -> None:
    """Only the split has."""
    assert [len(entry.effective_robustness) for entry in case.result.entries] == [0, 1]
    assert case.path.name.endswith(SUFFIX)
    assert case.result.entries[1].split.ref == SPLIT


@pytest.fixture(scope="module")
def own(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A submission of a model with the weights of the baseline's fourth."""
    return write_whole_case(tmp_path_factory.mktemp("own"), case.clean_copy, weights=f"{3:064x}")


def test_a_model_of_the_baseline_is_recomputed_without_itself(own: Case) -> None:
    """By the weights that it was submitted with."""
    record = own.result.entries[1].effective_robustness[0]
    assert (record.left_out, record.num_models) == (("model-3",), 7)
    assert own.validate(own.path).trust == "recomputed"


@pytest.mark.parametrize(
    ("field", "value"),
    [("left_out", None), ("left_out", []), ("leverage", 0.01), ("leverage_limit", 1.0), ("hole", [0.1, 0.9])],
)
def test_a_flag_that_is_left_out_or_edited_is_refused(
    own: Case, tmp_path: Path, field: str, value: object
) -> None:
    """A file of today cannot claim the rule of older ones."""
    report = own.validate(spoil(own, tmp_path, set_at(f"{RECORD}.{field}", value)))
    assert "not-reproduced" in list_codes(report), format_report(report)


def test_a_number_by_ones_own_line_is_refused(own: Case, tmp_path: Path) -> None:
    """All of the record of a line with the model in it, in a file of today."""
    baseline = load_known_baselines(own.path.parent.parent)[-1]
    placed = place_entry(
        own.result.entries[1], baseline, "logit", pair=None, judged=None, num_resamples=1000, seed=0
    )
    record = make_record(placed, clustered=False).model_dump(mode="json")
    report = own.validate(spoil(own, tmp_path, set_at(RECORD, record)))
    assert "other-baseline" in list_codes(report), format_report(report)


def test_a_robustness_on_part_of_the_clean_images_is_refused(case: Case, tmp_path: Path) -> None:
    """The line is on all of them."""
    path = spoil(case, tmp_path, set_at("result.entries.1.gaps.0.reference.n", 100))
    shutil.rmtree(path.with_suffix(""))
    assert "no-robustness" in list_codes(case.validate(path))


@pytest.mark.parametrize("reason", ["", "the baseline is poor"])
def test_an_invented_reason_for_no_robustness_is_refused(case: Case, tmp_path: Path, reason: str) -> None:
    """It is computed again like a number."""
    record = case.result.entries[1].effective_robustness[0]
    refusal = {"baseline": record.baseline, "baseline_sha256": record.baseline_sha256, "reason": reason}
    path = spoil(case, tmp_path, set_at("result.entries.1.no_robustness", [refusal]))
    assert "not-reproduced" in list_codes(case.validate(path))
