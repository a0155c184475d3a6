"""What of the images' variation is measured, and what is not."""

from __future__ import annotations

from collections.abc import Iterator

from imagenet_g.benchmark.critiques.critique import Critique
from imagenet_g.benchmark.critiques.image_checks import GroupShare, VariationSection
from imagenet_g.benchmark.critiques.wording import UNKNOWN, format_bounds, format_number, make_sentence
from imagenet_g.benchmark.reports.numbers import format_percent
from imagenet_g.generation.critique.pages.blocks import Block, ImageStrip, PageTable, Paragraph, SectionPage
from imagenet_g.generation.critique.pages.thumbnails import Thumbnails
from imagenet_g.generation.critique.sections.extremes import name_class

_SHOWN = 8


def make_section(critique: Critique, pictures: Thumbnails) -> SectionPage | None:
    """Shares, tones and plain images, and what nobody measured; None where not measured."""
    if critique.variation is None:
        return None
    return SectionPage("Variation and bias", list(_list_blocks(critique, critique.variation, pictures)))


def _list_blocks(critique: Critique, section: VariationSection, pictures: Thumbnails) -> Iterator[Block]:
    yield Paragraph(
        "How much of the variation within a class goes with something that is known of the images. Shuffled "
        "values say what chance gives; a share well above it means that the set varies by little else."
    )
    if section.shares:
        head = ("known of the image", "values", "share", "shuffled, 95 %", "most frequent value")
        rows = tuple(_format_share(one) for one in section.shares)
        yield PageTable(head, rows, frozenset({1, 2}))
    if section.shares_reason is not None:
        yield Paragraph(make_sentence(section.shares_reason))
    if section.tones:
        yield _list_tones(section)
        furthest = "; ".join(
            f"{tone.tone.replace('_', ' ')}: {name_class(tone.furthest[0].wnid)} "
            f"({format_number(tone.furthest[0].value)})"
            for tone in section.tones
            if tone.furthest
        )
        yield Paragraph(f"Classes that differ most from the reference. {furthest}.")
    if section.tones_reason is not None:
        yield Paragraph(make_sentence(section.tones_reason))
    plain = section.plain
    yield Paragraph(
        f"{plain.num_any:,} of {plain.num_images:,} images show next to nothing: {plain.num_flat:,} flat, "
        f"{plain.num_near_black:,} near black, {plain.num_near_white:,} near white, "
        f"{plain.num_low_contrast:,} of low contrast."
    )
    if plain.listed:
        shown = (pictures.show(critique.split.base_ref, name, "") for name in plain.listed[:_SHOWN])
        yield ImageStrip("images that show next to nothing", tuple(shown))
    yield Paragraph(f"Not measured. {' '.join(map(make_sentence, section.not_measured))}", "caution")


def _format_share(one: GroupShare) -> tuple[str, ...]:
    largest = f"{format_percent(one.largest_group, 1)} %"
    if one.share is None:
        return one.factor, f"{one.num_groups:,}", UNKNOWN, one.reason or "", largest
    chance = (
        UNKNOWN
        if one.low is None or one.high is None
        else (f"{format_percent(one.low, 1)} to {format_percent(one.high, 1)} %")
    )
    return one.factor, f"{one.num_groups:,}", f"{format_percent(one.share, 1)} %", chance, largest


def _list_tones(section: VariationSection) -> PageTable:
    rows = tuple(
        (
            f"{tone.tone.replace('_', ' ')} ({tone.unit})",
            format_number(tone.split.value),
            format_number(tone.reference.value),
            format_number(tone.difference.value),
            format_bounds(tone.difference),
        )
        for tone in section.tones
    )
    head = ("tone", "split", "reference", "difference", "95 % interval")
    return PageTable(head, rows, frozenset({1, 2, 3}))
