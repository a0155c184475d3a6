"""How much the images of a class differ from each other."""

from __future__ import annotations

from collections.abc import Iterator

from imagenet_g.benchmark.critiques.critique import Critique
from imagenet_g.benchmark.critiques.wording import format_bounds, format_number
from imagenet_g.benchmark.identity import make_slug
from imagenet_g.benchmark.quality.records import DiversitySection
from imagenet_g.generation.critique.pages.blocks import Block, PagePlot, Paragraph, SectionPage
from imagenet_g.generation.critique.pages.plots import RangeRow, draw_ranges
from imagenet_g.generation.critique.pages.thumbnails import Thumbnails
from imagenet_g.generation.critique.sections.extremes import name_class

_SHOWN = 8


def make_section(critique: Critique, pictures: Thumbnails) -> SectionPage | None:
    """A plot of the least and most varied classes for each features; None where not measured."""
    if critique.diversity is None:
        return None
    blocks = [block for section in critique.diversity for block in _list_blocks(section)]
    return SectionPage("Diversity within a class", blocks)


def _list_blocks(section: DiversitySection) -> Iterator[Block]:
    yield Paragraph(
        f"By {section.features.name}, on {section.n_class} images of each of {section.num_classes} classes: "
        "1 less the mean cosine of two images of a class (Table 7 of the paper). The Vendi score is the "
        "number of different images that would vary as much."
    )
    if section.ratio is not None:
        yield Paragraph(
            f"The split's diversity is {format_number(section.ratio.value)} times that of the reference "
            f"(95 % {format_bounds(section.ratio)}); {section.num_collapsed} of {section.num_classes} "
            "classes have less than half of the reference's."
        )
    for note in section.notes:
        yield Paragraph(note, "caution" if note in (section.features.influences or ()) else "plain")
    known = [one for one in section.classes if one.diversity is not None]
    if known:
        yield _draw(section)


def _draw(section: DiversitySection) -> PagePlot:
    rows = sorted(
        (
            RangeRow(
                name_class(one.wnid),
                one.diversity.value,
                one.diversity.low,
                one.diversity.high,
                one.diversity_reference,
            )
            for one in section.classes
            if one.diversity is not None
        ),
        key=lambda row: row.value,
    )
    few = len(rows) <= 2 * _SHOWN
    shown = rows if few else [*rows[:_SHOWN], *rows[-_SHOWN:]]
    which = (
        "All classes" if few else f"The {_SHOWN} least and the {_SHOWN} most varied of {len(rows)} classes"
    )
    title = f"{which} by {section.features.name}"
    return PagePlot(
        f"diversity-{make_slug(section.features.name)}",
        draw_ranges(shown, title=title, axis="1 − mean cosine of two images"),
        f"{title}, with 95 % intervals; the mark is the reference's diversity of the same class.",
    )
