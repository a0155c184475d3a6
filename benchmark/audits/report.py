"""The numbers of an audit in words and tables."""

from __future__ import annotations

from collections.abc import Iterator

from imagenet_g.benchmark.audits.coverage import AuditCoverage
from imagenet_g.benchmark.audits.records import AgreementRecord, AuditSection, ValidityRecord
from imagenet_g.benchmark.records import Estimate, MetricEstimate
from imagenet_g.benchmark.terminal.tables import NameTable, Shown, make_lines, make_notes, stack

NOT_KNOWN = "–"


def make_report(section: AuditSection) -> Shown:
    """Validity, raters, agreement and the paper's study, with notes below."""
    return stack(
        _make_validity_table(section),
        *make_lines(_list_sentences(section)),
        _make_rater_table(section),
        *make_lines(_list_agreement(section.agreement)),
        _make_study_table(section),
        *make_notes((section.study.caution, *section.notes)),
    )


def format_share(found: Estimate | None) -> str:
    """A share in percent with its interval.

    Example:
        >>> format_share(Estimate(value=0.54, low=0.5, high=0.58, method="wilson"))
        '54.0 (50.0 to 58.0)'
        >>> format_share(None)
        '–'
    """
    if found is None:
        return NOT_KNOWN
    return f"{100 * found.value:.1f}{_format_bounds(found.low, found.high, 100, 1)}"


def format_quality(found: MetricEstimate | None) -> str:
    """A mean quality with its interval."""
    return NOT_KNOWN if found is None else f"{found.value:.2f}{_format_bounds(found.low, found.high, 1, 2)}"


def make_coverage_table(found: dict[str, AuditCoverage], *, num_runs: int, seed: int) -> Shown:
    """How often intervals hold the truth in simulated worlds, a row a world."""
    headings = ("runs that hold it, %", "raw share's, %", "mean width", "bias", "without")
    table = NameTable(
        ("world", *headings),
        title=f"95 % intervals of the corrected share and the true one: {num_runs} runs a row, seed {seed}",
        right=headings,
    )
    for name, row in found.items():
        table.add_row(
            name,
            f"{100 * row.covered:.1f}",
            f"{100 * row.raw_covered:.1f}",
            f"{100 * row.width:.1f}",
            f"{100 * row.bias:+.2f}",
            str(row.num_without),
        )
    return table


def _format_bounds(low: float | None, high: float | None, factor: float, decimals: int) -> str:
    if low is None or high is None:
        return ""
    return f" ({factor * low:.{decimals}f} to {factor * high:.{decimals}f})"


def _make_validity_table(section: AuditSection) -> Shown:
    simulated = "SIMULATED ratings, " if section.simulated else ""
    headings = ("images", "rated valid", "corrected", "sensitivity", "specificity")
    table = NameTable(
        ("verdict of the majority", *headings),
        title=f"{simulated}{section.split.ref}: valid images in percent, with 95 % intervals",
        right=headings,
    )
    for record in (section.not_valid, section.left_out):
        table.add_row(
            record.treatment,
            str(record.num_images),
            format_share(record.consistency),
            format_share(record.corrected),
            format_share(record.sensitivity),
            format_share(record.specificity),
        )
    return table


def _list_sentences(section: AuditSection) -> Iterator[str]:
    yield (
        f"{section.num_rated} of {section.num_drawn} generated images rated by {len(section.raters)} raters, "
        f"with {section.num_right_controls} right and {section.num_wrong_controls} wrong controls."
    )
    for record in (section.not_valid, section.left_out):
        yield from _list_validity(record)
    quality = f"Quality, 1 to 5: {format_quality(section.quality)}"
    if section.control_quality is not None:
        quality += f"; of the right controls {format_quality(section.control_quality)}"
    yield f"{quality}."


def _list_validity(record: ValidityRecord) -> Iterator[str]:
    if record.num_ties:
        yield f"{record.treatment}: {record.num_ties} even splits, counted as not valid."
    if record.why_not_corrected is not None:
        yield f"{record.treatment}: not corrected. {record.why_not_corrected}"


def _make_rater_table(section: AuditSection) -> Shown:
    headings = ("ratings", "cannot say", "says yes, %", "sensitivity, %", "specificity, %")
    table = NameTable(("rater", *headings), right=headings)
    for rater in section.raters:
        table.add_row(
            rater.rater,
            str(rater.num_ratings),
            str(rater.num_cannot_say),
            format_share(rater.share_yes),
            format_share(rater.sensitivity),
            format_share(rater.specificity),
        )
    return table


def _list_agreement(found: AgreementRecord) -> Iterator[str]:
    if not found.num_images:
        yield "No generated image has two ratings, so that agreement is unknown."
        return
    yield (
        f"Agreement on {found.num_images} images: {_format_number(found.raw)} of the pairs of answers are "
        f"equal; Krippendorff's alpha {_format_number(found.alpha)} with 'cannot say' as a category, "
        f"{_format_number(found.alpha_missing)} with it as missing."
    )
    yield (
        f"Of quality, on {found.num_quality} images: {_format_number(found.quality_raw)} equal, "
        f"ordinal alpha {_format_number(found.quality_alpha)}."
    )


def _format_number(value: float | None) -> str:
    return NOT_KNOWN if value is None else f"{value:.3f}"


def _make_study_table(section: AuditSection) -> Shown:
    headings = ("consistency, %", "quality")
    table = NameTable(("printed beside it", *headings), title=section.study.source, right=headings)
    for row in section.study.rows:
        table.add_row(row.name, f"{100 * row.consistency:.0f}", f"{row.quality:.2f}")
    return table
