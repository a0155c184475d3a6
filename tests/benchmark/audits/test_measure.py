"""The report of an audit, number by number."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import krippendorff
import numpy as np
import pytest
from audit_cases import make_sample, rate, write_audit
from pydantic import ValidationError

from imagenet_g.benchmark.audits.files import LoadedSample, RaterAnswers
from imagenet_g.benchmark.audits.measure import measure_audit, measure_audit_folder
from imagenet_g.benchmark.audits.records import ANSWERS, Answer, AuditSection
from imagenet_g.benchmark.audits.simulation import PanelSpec, simulate_panel
from imagenet_g.benchmark.errors import InputError


def answer_truly(sample: LoadedSample, generated: Sequence[Answer]) -> list[Answer]:
    """Right on every control, and on the generated images as given."""
    given = iter(generated)
    right: dict[str, Answer] = {"right control": "yes", "wrong control": "no"}
    return [next(given) if item.role == "generated" else right[item.role] for item in sample.sample.items]


def test_a_perfect_rater_is_not_corrected_away(tmp_path: Path) -> None:
    """9 of 12 images valid."""
    sample = write_audit(tmp_path, make_sample(12, 6))
    answers: list[Answer] = [*["yes"] * 9, *["no"] * 3]  # type: ignore[list-item]
    section = measure_audit(sample, [rate(sample, answer_truly(sample, answers))])
    found = section.not_valid
    assert found.consistency is not None and found.corrected is not None
    assert found.consistency.value == found.corrected.value == 0.75
    assert found.sensitivity is not None and found.sensitivity.value == 1.0
    # The doubt about 6 controls of either kind is carried into the corrected interval.
    assert _width(found.corrected) > _width(found.consistency)


def _width(found: object) -> float:
    return float(getattr(found, "high") - getattr(found, "low"))  # noqa: B009


def test_cannot_say_counts_in_both_ways(tmp_path: Path) -> None:
    """6 yes, 3 no, 3 cannot say: 6 of 12, and 6 of 9."""
    sample = write_audit(tmp_path, make_sample(12, 6))
    answers: list[Answer] = [*["yes"] * 6, *["no"] * 3, *["cannot say"] * 3]  # type: ignore[list-item]
    section = measure_audit(sample, [rate(sample, answer_truly(sample, answers))])
    assert section.not_valid.consistency is not None and section.left_out.consistency is not None
    assert section.not_valid.consistency.value == pytest.approx(6 / 12)
    assert section.left_out.consistency.value == pytest.approx(6 / 9)
    assert (section.not_valid.num_images, section.left_out.num_images) == (12, 9)


def make_panel(sample: LoadedSample) -> tuple[RaterAnswers, ...]:
    """Three simulated raters."""
    panel = simulate_panel(sample, PanelSpec(cannot_say=0.2), validity=0.6, spread=0.2, seed=3)
    return tuple(
        RaterAnswers(header, {rating.item: rating for rating in ratings}, "0" * 64, torn=False)
        for header, ratings in panel
    )


def test_agreement_is_that_of_the_package(tmp_path: Path) -> None:
    """Nominal with "cannot say" as a category and as missing, ordinal for quality; generated images only."""
    sample = write_audit(tmp_path, make_sample(60, 6))
    raters = make_panel(sample)
    found = measure_audit(sample, raters).agreement
    items = [item.item for item in sample.sample.items if item.role == "generated"]
    answers = np.array(
        [[ANSWERS.index(rater.answers[item].answer) for item in items] for rater in raters], dtype=float
    )
    quality = np.array([[rater.answers[item].quality for item in items] for rater in raters], dtype=float)
    assert found.alpha == pytest.approx(krippendorff.alpha(answers, level_of_measurement="nominal"))
    assert found.quality_alpha == pytest.approx(krippendorff.alpha(quality, level_of_measurement="ordinal"))
    answers[answers == 2] = np.nan
    assert found.alpha_missing == pytest.approx(krippendorff.alpha(answers, level_of_measurement="nominal"))


def test_each_rater_is_judged_by_the_controls(tmp_path: Path) -> None:
    """One says yes to everything."""
    sample = write_audit(tmp_path, make_sample(12, 6))
    raters = [
        rate(sample, answer_truly(sample, ["yes"] * 12), rater="amber-100"),
        rate(sample, ["yes"] * 24, rater="basil-200"),
    ]
    records = {record.rater: record for record in measure_audit(sample, raters).raters}
    assert records["amber-100"].specificity is not None and records["basil-200"].specificity is not None
    assert records["amber-100"].specificity.value == 1.0
    assert records["basil-200"].specificity.value == 0.0


def test_raters_who_say_yes_to_everything_give_no_corrected_share(tmp_path: Path) -> None:
    """The raw share of 1 stands alone, with the reason."""
    sample = write_audit(tmp_path, make_sample(12, 6))
    section = measure_audit(sample, [rate(sample, ["yes"] * 24)])
    assert section.not_valid.corrected is None
    assert "together at most 1" in str(section.not_valid.why_not_corrected)
    assert section.not_valid.consistency is not None and section.not_valid.consistency.value == 1.0


def test_a_simulated_panel_is_called_so(tmp_path: Path) -> None:
    """In the report's field and in its first note."""
    sample = write_audit(tmp_path)
    section = measure_audit(sample, make_panel(sample))
    assert section.simulated
    assert section.notes[0].startswith("Simulated")


def test_images_without_a_rating_are_named(tmp_path: Path) -> None:
    """The shares are of the others."""
    sample = write_audit(tmp_path)
    section = measure_audit(sample, [rate(sample, ["yes"] * 5)])
    assert any("have no rating yet" in note for note in section.notes)
    assert section.num_rated < section.num_drawn


def test_a_report_is_read_again_as_it_was_written(tmp_path: Path) -> None:
    """Through JSON, with the hashes of the sample and of each file."""
    sample = write_audit(tmp_path)
    rate(sample, answer_truly(sample, ["yes"] * 12), folder=tmp_path)
    section = measure_audit_folder(tmp_path)
    assert AuditSection.model_validate_json(section.model_dump_json()) == section
    assert section.sample_sha256 == sample.sha256
    assert section.ratings[0].sha256 != "0" * 64


def test_an_audit_without_ratings_has_no_report(tmp_path: Path) -> None:
    """And the next step is named."""
    write_audit(tmp_path)
    with pytest.raises(InputError, match="audit serve"):
        measure_audit_folder(tmp_path)


def test_the_papers_study_stands_beside(tmp_path: Path) -> None:
    """Table 6 as printed."""
    sample = write_audit(tmp_path)
    study = measure_audit(sample, [rate(sample, ["yes"])]).study
    assert [(row.name, row.consistency, row.quality) for row in study.rows] == [
        ("Real", 0.96, 4.52), ("SD-Labels", 0.86, 4.2),
        ("SD-Images", 0.54, 2.96), ("SD-Labels&Images", 0.85, 3.8),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ratings": []}, "no ratings"),
        ({"num_rated": 10**9}, "that are drawn"),
        ({"simulated": False}, "cannot stand in one report"),
    ],
)
def test_a_report_that_contradicts_itself_is_refused(change: dict[str, object], message: str) -> None:
    """One from elsewhere could else pass simulated ratings off as those of people."""
    folder = files("imagenet_g.benchmark") / "data" / "mini-v2-audits" / "sd-i-simulated"
    fields = json.loads((folder / "audit-simulated.json").read_text(encoding="utf-8"))
    AuditSection.model_validate(fields)
    with pytest.raises(ValidationError, match=message):
        AuditSection.model_validate(fields | change)
