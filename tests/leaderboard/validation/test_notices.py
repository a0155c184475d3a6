"""What is said of a split may change after a submission was written; the submission stays as good."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from submission_cases import ROOT, list_codes, set_at, validate_case, write_case

from imagenet_g.benchmark.catalogue import catalogue
from imagenet_g.benchmark.records import SPLIT_COMMENTARY, SplitOrigin, SplitRecord, is_same_split
from imagenet_g.benchmark.splits.registry import drop_superseded, load_versions
from imagenet_g.leaderboard.submissions.problems import ValidationReport
from imagenet_g.leaderboard.submissions.submission import Submission
from imagenet_g.leaderboard.validation.split_store import SplitStore
from imagenet_g.leaderboard.validation.validate import (
    ValidationContext,
    load_known_baselines,
    validate_submission,
)

SHIPPED = [ROOT / "mini" / "imagenet-g__mini-resnet-s.json", ROOT / "mini-v2" / "imagenet-g__mini-clip.json"]
NOTICE = "result.entries.0.split.notice"
WARNINGS = "result.entries.0.warnings"
ORIGIN = SplitOrigin(generators=("another",), models=(), sources=None, released=None)


def supersede_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every split of every version is replaced by one of a version to come."""
    versions = {
        name: spec.model_copy(update={"superseded_splits": {one: f"v99/{one}" for one in spec.splits}})
        for name, spec in load_versions().items()
    }
    monkeypatch.setattr(catalogue, "load_versions", lambda: versions)


def validate_afresh(path: Path) -> ValidationReport:
    """As the command does, with splits opened now."""
    return validate_submission(path, ValidationContext(SplitStore(), baselines=load_known_baselines(ROOT)))


@pytest.fixture
def superseded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A later day, on which every split is superseded."""
    supersede_everything(monkeypatch)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_submission_outlives_the_superseding_of_its_splits(path: Path, superseded: None) -> None:
    """With the trust it had, whole splits and filtered views alike."""
    report = validate_afresh(path)
    assert report.trust == "recomputed", report.problems


def test_a_submission_written_after_the_superseding_is_as_good(tmp_path: Path, superseded: None) -> None:
    """Its predictions may be older, from the cache, and carry the notice of their day."""
    old = json.loads((ROOT / "mini" / "imagenet-g__efficientnet-lite0.json").read_text())
    base = old["result"]["entries"][0]["split"]["notice"]
    later = f"{base} mini/renditions is superseded by v99/renditions."
    rest = [text for text in old["result"]["entries"][0]["warnings"] if text != base]

    def rewrite(content: dict[str, Any]) -> None:
        set_at(NOTICE, later)(content)
        set_at(WARNINGS, [later, *rest])(content)

    report = validate_afresh(write_case(tmp_path, rewrite))
    assert report.trust == "recomputed", report.problems


def test_a_notice_worded_anew_refuses_nothing_and_is_for_the_reviewer(tmp_path: Path) -> None:
    """Neither the words stored with the predictions nor those of today."""

    def rewrite(content: dict[str, Any]) -> None:
        set_at(NOTICE, "Best split ever.")(content)
        set_at(WARNINGS, [*content["result"]["entries"][0]["warnings"], "Best split ever."])(content)

    report = validate_case(write_case(tmp_path, rewrite))
    assert report.accepted
    assert report.trust == "self-reported"
    assert "own-notice" in {problem.code for problem in report.problems}


def test_a_notice_cannot_be_left_out_of_the_warnings(tmp_path: Path) -> None:
    """Readers see the warnings, not the split's record."""

    def hide(content: dict[str, Any]) -> None:
        entry = content["result"]["entries"][0]
        entry["warnings"] = [text for text in entry["warnings"] if text != entry["split"]["notice"]]

    assert list_codes(validate_case(write_case(tmp_path, hide))) == {"warning-removed"}


def test_every_field_of_a_split_but_the_commentary_is_a_fact() -> None:
    """Two records that differ in one fact are of two splits; those that differ in commentary are of one."""
    shipped = Submission.model_validate_json(SHIPPED[0].read_bytes()).result.entries[0].split
    for name in SplitRecord.model_fields:
        value = getattr(shipped, name)
        changed = ORIGIN if name == "origin" else value + 1 if isinstance(value, int) else f"not {value}"
        other = shipped.model_copy(update={name: changed})
        assert is_same_split(shipped, other) == (name in SPLIT_COMMENTARY)


@pytest.mark.parametrize(
    ("notice", "rest"),
    [
        (None, None),
        ("For tests.", "For tests."),
        ("For tests. v9 is superseded by v10.", "For tests."),
        ("v9/sd-l is superseded by v10/sd-l.", None),
        ("v9 is superseded by v10. For tests.", "For tests."),
    ],
)
def test_only_the_superseding_sentence_is_dropped_from_a_notice(notice: str | None, rest: str | None) -> None:
    """Wherever it stands."""
    assert drop_superseded(notice) == rest
