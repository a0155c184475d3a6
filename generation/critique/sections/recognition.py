"""What judges recognise, their errors inside a hypernym, and the styles that a CLIP sees."""

from __future__ import annotations

from collections.abc import Iterator

from imagenet_g.benchmark.critiques.critique import Critique
from imagenet_g.benchmark.critiques.wording import UNKNOWN, format_share
from imagenet_g.benchmark.recognition.records import (
    FineGrainedSection,
    HypernymErrors,
    RecognitionSection,
    StyleSection,
)
from imagenet_g.benchmark.reports.numbers import format_percent
from imagenet_g.generation.critique.pages.blocks import Block, PagePlot, PageTable, Paragraph, SectionPage
from imagenet_g.generation.critique.pages.plots import RangeRow, draw_ranges
from imagenet_g.generation.critique.pages.thumbnails import Thumbnails
from imagenet_g.generation.critique.sections.extremes import name_class

_SHOWN = 8


def make_section(critique: Critique, pictures: Thumbnails) -> SectionPage | None:
    """The share of each judge, the classes it fails on, near errors and styles; None without any."""
    blocks: list[Block] = []
    if critique.recognition is not None:
        blocks += _list_shares(critique.recognition)
    if critique.fine_grained is not None:
        blocks += _list_near_errors(critique.fine_grained)
    if critique.style is not None:
        blocks += _list_styles(critique.style)
    return SectionPage("What machines recognise", blocks) if blocks else None


def _list_shares(section: RecognitionSection) -> Iterator[Block]:
    yield Paragraph(section.statement, "caution")
    rows = tuple(
        (one.spec, format_share(one.recognised), one.kinship.relation, "; ".join(one.cautions) or "–")
        for one in section.judges
    )
    total = ("any of them", format_share(section.share), "", "")
    both = ("every one", format_share(section.by_all), "", "")
    head = (f"judge, first {section.k} answers", "images", "to the filter", "cautions")
    yield PageTable(head, (*rows, total, both))
    if section.left_out:
        left = "; ".join(f"{one.spec} ({one.reason})" for one in section.left_out)
        yield Paragraph(f"Not taken as judges: {left}.")
    yield Paragraph(
        f"With the labels shuffled the share is {format_percent(section.shuffled.value, 1)} % "
        f"({format_percent(section.shuffled.low, 1)} to {format_percent(section.shuffled.high, 1)}): what is "
        "reached without recognition."
    )
    yield _draw_classes(section)


def _draw_classes(section: RecognitionSection) -> PagePlot:
    rows = sorted(
        (RangeRow(name_class(one.wnid), one.recognised / one.n) for one in section.classes if one.n),
        key=lambda row: row.value,
    )[: 2 * _SHOWN]
    title = f"The {len(rows)} classes that judges recognise least"
    return PagePlot(
        "recognition", draw_ranges(rows, title=title, axis="share of the images of the class"), f"{title}."
    )


def _list_near_errors(section: FineGrainedSection) -> Iterator[Block]:
    yield Paragraph(
        f"Errors of {section.judge} inside one hypernym, such as one crab for another, against all its "
        f"errors ({section.num_hypernyms} hypernyms have several classes)."
    )
    sides = (section.split, *((section.reference,) if section.reference is not None else ()))
    head = ("images", "accuracy", "any class of the hypernym counts", "errors inside", "by chance")
    yield PageTable(head, tuple(_format_errors(side) for side in sides))
    if section.pairs:
        rows = tuple(
            (name_class(one.wnid), name_class(one.answered), one.hypernym, f"{one.count} of {one.n}")
            for one in section.pairs[:_SHOWN]
        )
        yield PageTable(("class", "answered", "hypernym", "images"), rows, frozenset({3}))


def _format_errors(side: HypernymErrors) -> tuple[str, ...]:
    return (
        f"{side.set} ({side.num_images:,})",
        format_share(side.accuracy),
        format_share(side.accuracy_within_hypernym),
        UNKNOWN if side.inside is None else format_share(side.inside),
        UNKNOWN if side.by_chance is None else f"{format_percent(side.by_chance, 1)} %",
    )


def _list_styles(section: StyleSection) -> Iterator[Block]:
    yield Paragraph(
        f"Styles by {section.clip.spec}: each image is of the style whose texts it is nearest to. The "
        "reference shows what the CLIP makes of images whose style is known."
    )
    sides = (section.split, *((section.reference,) if section.reference is not None else ()))
    head = ("style", *(side.set for side in sides))
    rows = tuple(
        (style, *(format_share(side.shares[style]) if style in side.shares else UNKNOWN for side in sides))
        for style in section.split.shares
    )
    yield PageTable(head, rows, frozenset(range(1, len(head))))
