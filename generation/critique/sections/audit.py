"""What people say of the images."""

from __future__ import annotations

from collections.abc import Iterator

from imagenet_g.benchmark.audits.records import AuditSection, ValidityRecord
from imagenet_g.benchmark.audits.valid_accuracy import ModelValidAccuracy, ValidAccuracySection
from imagenet_g.benchmark.critiques.critique import Critique
from imagenet_g.benchmark.critiques.wording import UNKNOWN, format_bounds, format_share
from imagenet_g.benchmark.records import Estimate
from imagenet_g.benchmark.reports.numbers import format_points
from imagenet_g.generation.critique.pages.blocks import Block, PageTable, Paragraph, SectionPage
from imagenet_g.generation.critique.pages.thumbnails import Thumbnails

_SIMULATED = (
    "SIMULATED RATINGS: a program answered in the place of people. These numbers show what an audit's report "
    "looks like and say nothing about the images."
)


def make_section(critique: Critique, pictures: Thumbnails) -> SectionPage | None:
    """Validity both ways, agreement, raters and the printed study; None where nobody rated."""
    if critique.audit is None:
        return None
    # In the heading: whoever follows a link to the section does not see what stands above it.
    title = "Label validity, simulated" if critique.audit.simulated else "Label validity, by people"
    blocks = list(_list_blocks(critique.audit))
    if critique.valid_accuracy is not None:
        blocks += _list_accuracies(critique.valid_accuracy)
    return SectionPage(title, blocks)


def _list_blocks(audit: AuditSection) -> Iterator[Block]:
    if audit.simulated:
        yield Paragraph(_SIMULATED, "caution")
    yield Paragraph(
        f"{audit.num_rated:,} of {audit.num_drawn:,} drawn images are rated, with "
        f"{audit.num_right_controls:,} controls that show the class and {audit.num_wrong_controls:,} that "
        f"show another, by {len(audit.raters)} raters."
    )
    head = ("“cannot say”", "as rated", "sensitivity", "specificity", "corrected", "images, ties")
    records = (audit.not_valid, audit.left_out)
    yield PageTable(head, tuple(_format_validity(record) for record in records))
    for record in records:
        if record.why_not_corrected is not None:
            yield Paragraph(record.why_not_corrected)
    if audit.quality is not None:
        yield Paragraph(
            f"Quality: {audit.quality.value:.2f} of 5 (95 % {format_bounds(audit.quality)})"
            + (
                "."
                if audit.control_quality is None
                else f"; {audit.control_quality.value:.2f} of real controls."
            )
        )
    yield _list_agreement(audit)
    yield _list_raters(audit)
    rows = tuple(
        (row.name, f"{100 * row.consistency:.0f} %", f"{row.quality:.2f}") for row in audit.study.rows
    )
    yield PageTable((audit.study.source, "consistency", "quality"), rows, frozenset({1, 2}))
    yield Paragraph(audit.study.caution)
    for note in audit.notes:
        yield Paragraph(note)


def _list_accuracies(section: ValidAccuracySection) -> Iterator[Block]:
    simulated = "SIMULATED: " if section.simulated else ""
    yield Paragraph(
        f"{simulated}Accuracy over the images that raters call valid, with the sample's weights, and its gap "
        f"to {section.reference or 'no reference'}; “cannot say” counts as not valid. The classes of the "
        "reference are weighted as those of the valid images."
    )
    head = ("model", "all rated images", "valid images", "not valid images", "gap on valid images, points")
    yield PageTable(head, tuple(_format_model(model) for model in section.models))


def _format_model(model: ModelValidAccuracy) -> tuple[str, ...]:
    strict = next(one for one in model.by_treatment if one.treatment.endswith("not valid"))
    gap = strict.gap_same_classes
    points = (
        UNKNOWN
        if gap is None
        else f"{format_points(gap.value, 1)} ({format_points(gap.low, 1)} to {format_points(gap.high, 1)})"
    )
    shares = (model.rated, strict.accuracy, strict.not_valid)
    return model.spec, *(_say(share) for share in shares), points


def _list_raters(audit: AuditSection) -> PageTable:
    head = ("rater", "ratings", "cannot say", "sensitivity", "specificity", "says yes")
    return PageTable(
        head,
        tuple(
            (
                one.rater,
                f"{one.num_ratings:,}",
                f"{one.num_cannot_say:,}",
                *(_say(share) for share in (one.sensitivity, one.specificity, one.share_yes)),
            )
            for one in audit.raters
        ),
        frozenset({1, 2}),
    )


def _format_validity(record: ValidityRecord) -> tuple[str, ...]:
    shares = (record.consistency, record.sensitivity, record.specificity, record.corrected)
    counts = "counts as not valid" if record.treatment.endswith("not valid") else "is left out"
    return counts, *(_say(share) for share in shares), f"{record.num_images:,}, {record.num_ties:,}"


def _list_agreement(audit: AuditSection) -> PageTable:
    found = audit.agreement

    def say(value: float | None) -> str:
        return UNKNOWN if value is None else f"{value:.3f}"

    rows = (
        ("shows the class", say(found.raw), say(found.alpha), f"{found.num_images:,}"),
        ("the same, “cannot say” as no answer", "", say(found.alpha_missing), f"{found.num_images:,}"),
        ("quality, ordinal", say(found.quality_raw), say(found.quality_alpha), f"{found.num_quality:,}"),
    )
    return PageTable(("agreement", "equal answers", "Krippendorff's α", "images"), rows, frozenset({1, 2, 3}))


def _say(share: Estimate | None) -> str:
    return UNKNOWN if share is None else format_share(share)
