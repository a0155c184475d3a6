"""Fréchet and kernel distances, class by class and whole."""

from __future__ import annotations

from collections.abc import Iterator

from imagenet_g.benchmark.critiques.critique import Critique
from imagenet_g.benchmark.critiques.wording import format_bounds, format_number, list_distance_names
from imagenet_g.benchmark.identity import make_slug
from imagenet_g.benchmark.quality.records import ClassFidelity, DistanceSection
from imagenet_g.generation.critique.pages.blocks import Block, PagePlot, PageTable, Paragraph, SectionPage
from imagenet_g.generation.critique.pages.plots import RangeRow, draw_ranges
from imagenet_g.generation.critique.pages.thumbnails import Thumbnails
from imagenet_g.generation.critique.sections.extremes import name_class

_SHOWN = 8


def make_section(critique: Critique, pictures: Thumbnails) -> SectionPage | None:
    """A plot and a table of the farthest and nearest classes for each features; None where not measured."""
    if critique.distances is None:
        return None
    blocks = [block for section in critique.distances for block in _list_blocks(section)]
    return SectionPage("Distance to the reference", blocks)


def _list_blocks(section: DistanceSection) -> Iterator[Block]:
    features = section.features
    yield Paragraph(
        f"{features.frechet_name}: {section.n_class} images of each of {section.num_classes} classes on both "
        f"sides; {section.num_left_out} classes are left out. The floor is the same distance between two "
        "halves of the reference at the same number of images."
    )
    for note in section.notes:
        yield Paragraph(note, "caution" if note in (features.influences or ()) else "plain")
    known = [one for one in section.classes if one.frechet is not None]
    if known:
        yield _draw(section, known)
    if section.paper is not None:
        yield _list_paper(section)
    if section.whole_reason is not None:
        yield Paragraph(section.whole_reason)


def _draw(section: DistanceSection, known: list[ClassFidelity]) -> PagePlot:
    ordered = sorted(known, key=_get_frechet, reverse=True)
    # With so few classes both ends would show some of them twice.
    few = len(ordered) <= 2 * _SHOWN
    shown = ordered if few else [*ordered[:_SHOWN], *ordered[-_SHOWN:]]
    rows = [
        RangeRow(
            name_class(one.wnid), one.frechet.value, one.frechet.low, one.frechet.high, one.frechet_floor
        )
        for one in shown
        if one.frechet is not None
    ]
    which = (
        "All classes" if few else f"The {_SHOWN} farthest and the {_SHOWN} nearest of {len(ordered)} classes"
    )
    title = f"{which} by {section.features.frechet_name}"
    return PagePlot(
        f"distances-{make_slug(section.features.name)}",
        draw_ranges(rows, title=title, axis=list_distance_names(section)[0]),
        f"{title}: the value with its 95 % interval by delete-one jackknife; the mark is the floor of the "
        "class.",
    )


def _get_frechet(one: ClassFidelity) -> float:
    return 0.0 if one.frechet is None else one.frechet.value


def _list_paper(section: DistanceSection) -> PageTable:
    paper = section.paper
    assert paper is not None
    sizes = f"{paper.n_split[0]} to {paper.n_split[1]}; {paper.n_reference[0]} to {paper.n_reference[1]}"
    return PageTable(
        ("Table 2's protocol", "value", "95 % interval", "images of a class, split; reference"),
        (("distance by class", format_number(paper.frechet.value), format_bounds(paper.frechet), sizes),),
        frozenset({1}),
    )
