"""The numbers of an audit in words and tables."""

from __future__ import annotations

from collections.abc import Iterator

from imagenet_g.benchmark.audits.coverage import AuditCoverage
from imagenet_g.benchmark.audits.records import AgreementRecord, AuditSection
from imagenet_g.benchmark.records import Estimate, MetricEstimate
from imagenet_g.benchmark.terminal.tables import NameTable, Shown, make_lines, make_notes, stack

NOT_KNOWN = "–"
_QUANTITIES = {
    "consistency": "rated valid",
    "corrected": "valid, corrected",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
}
"""Fields of a `ValidityRecord`, with their names in the table."""


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


def format_share(found: Estimate | None, *, decimals: int = 1) -> str:
    """A share in percent with its interval.

    Example:
        >>> format_share(Estimate(value=0.54, low=0.5, high=0.58, method="wilson"))
        '54.0 (50.0 to 58.0)'
        >>> format_share(None)
        '–'
    """
    if found is None:
        return NOT_KNOWN
    return f"{100 * found.value:.{decimals}f}{_format_bounds(found.low, found.high, 100, decimals)}"


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
    # In the title, because a table is copied without the notes below it.
    simulated = "SIMULATED ratings, " if section.simulated else ""
    records = (section.not_valid, section.left_out)
    headings = tuple(record.treatment for record in records)
    table = NameTable(
        ("majority of raters", *headings),
        title=f"{simulated}{section.split.ref}: valid images in percent, 95 % intervals",
        right=headings,
    )
    table.add_row("images with a verdict", *(str(record.num_images) for record in records))
    table.add_row("even splits, not valid", *(str(record.num_ties) for record in records))
    for name, label in _QUANTITIES.items():
        table.add_row(label, *(format_share(getattr(record, name)) for record in records))
    return table


def _list_sentences(section: AuditSection) -> Iterator[str]:
    yield (
        f"{section.num_rated} of {section.num_drawn} generated images rated by {len(section.raters)} raters, "
        f"with {section.num_right_controls} right and {section.num_wrong_controls} wrong controls."
    )
    for record in (section.not_valid, section.left_out):
        if record.why_not_corrected is not None:
            yield f"Not corrected, {record.treatment}: {record.why_not_corrected}"
    quality = f"Quality, 1 to 5: {format_quality(section.quality)}"
    if section.control_quality is not None:
        quality += f"; of the right controls {format_quality(section.control_quality)}"
    yield f"{quality}."


def _make_rater_table(section: AuditSection) -> Shown:
    headings = ("answers", "says yes", "sensitivity", "specificity")
    table = NameTable(
        ("rater", *headings),
        title="raters: answers with those that are 'cannot say' in brackets, and shares in percent",
        right=headings,
    )
    for rater in section.raters:
        shares = (rater.share_yes, rater.sensitivity, rater.specificity)
        table.add_row(
            rater.rater,
            f"{rater.num_ratings} ({rater.num_cannot_say})",
            *(format_share(share, decimals=0) for share in shares),
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
