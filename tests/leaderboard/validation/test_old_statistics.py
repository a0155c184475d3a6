"""Submissions of statistics 1, as they were sealed: they stay valid by their own rules, and come up whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from submission_cases import list_codes, seal, set_at

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.results import STATISTICS_VERSION
from imagenet_g.leaderboard.submissions.problems import ValidationReport
from imagenet_g.leaderboard.submissions.submission import Submission
from imagenet_g.leaderboard.validation.split_store import SplitStore
from imagenet_g.leaderboard.validation.validate import (
    ValidationContext,
    load_known_baselines,
    validate_submission,
)

SEALED = Path(__file__).parent / "statistics_1"
MEASURED = "imagenet-g__mini-resnet-s"
PUBLISHED = "imagenet-g__efficientnet-lite0"
_STORE = SplitStore()


def validate(path: Path) -> ValidationReport:
    """The report on a file, with the measured baselines beside it."""
    return validate_submission(path, ValidationContext(_STORE, (), load_known_baselines(path.parents[1])))


def copy_sealed(folder: Path, stem: str) -> Path:
    """A submission of statistics 1, its predictions and baselines beside it."""
    shutil.copytree(SEALED / "mini" / stem, folder / "mini" / stem)
    shutil.copytree(SEALED / "mini" / "baselines", folder / "mini" / "baselines")
    return Path(shutil.copyfile(SEALED / "mini" / f"{stem}.json", folder / "mini" / f"{stem}.json"))


@pytest.mark.parametrize("stem", [MEASURED, PUBLISHED])
def test_a_sealed_file_is_recomputed_by_the_rules_of_its_version(stem: str) -> None:
    """Old statistics are a note and no contradiction; so are later metrics, and tests that lack models."""
    report = validate(SEALED / "mini" / f"{stem}.json")
    found = {(one.code, one.severity) for one in report.problems}
    assert found == {("old-statistics", "note"), ("no-metric", "note"), ("plausibility", "note")}
    assert (report.accepted, report.trust) == (True, "recomputed")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("gaps.0.low", -0.9),
        ("gaps.0.reference.filtered_alike", False),
        ("effective_robustness.0.value", 0.5),
        ("effective_robustness.0.high", 0.9),
        ("scores.0.mean_per_class_top1", 0.99),
    ],
)
def test_an_edited_number_of_a_sealed_file_is_refused(tmp_path: Path, field: str, value: object) -> None:
    """Old statistics excuse nothing: the number does not follow from the predictions by any rule."""
    path = copy_sealed(tmp_path, MEASURED)
    content = json.loads(path.read_bytes())
    set_at(f"result.entries.1.{field}", value)(content)
    path.write_text(json.dumps(seal(content)), encoding="utf-8")
    assert "not-reproduced" in list_codes(validate(path))


@pytest.mark.parametrize("stem", [MEASURED, PUBLISHED])
def test_an_upgraded_submission_is_accepted_without_a_note(tmp_path: Path, stem: str) -> None:
    """Sealed again, with the numbers of today and the predictions as they were."""
    path = copy_sealed(tmp_path, stem)
    files = {file: hash_file(file) for file in path.parent.rglob("*.parquet")}
    assert main(["score", "--upgrade", str(path)]) == 0
    assert {file: hash_file(file) for file in path.parent.rglob("*.parquet")} == files
    before = Submission.model_validate_json((SEALED / "mini" / path.name).read_bytes())
    after = Submission.model_validate_json(path.read_bytes())
    assert (after.result.statistics, after.statement) == (STATISTICS_VERSION, before.statement)
    report = validate(path)
    assert report.trust == "recomputed"
    assert not [problem for problem in report.problems if problem.code == "old-statistics"]


def test_an_edited_file_is_not_sealed_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An upgrade would make an honest file of it."""
    path = copy_sealed(tmp_path, PUBLISHED)
    content = json.loads(path.read_bytes())
    set_at("statement.notes", "better")(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    before = hash_file(path)
    assert main(["score", "--upgrade", str(path)]) == 2
    assert hash_file(path) == before
    assert "edited after it was written" in " ".join(capsys.readouterr().err.split())
