"""Classes that papers report to mislead generators."""

from __future__ import annotations

from imagenet_g.benchmark.critiques.critique import Critique
from imagenet_g.benchmark.critiques.wording import UNKNOWN
from imagenet_g.generation.critique.pages.blocks import Block, PageTable, Paragraph, SectionPage
from imagenet_g.generation.critique.pages.thumbnails import Thumbnails


def make_section(critique: Critique, pictures: Thumbnails) -> SectionPage | None:
    """The known traps among the split's classes; None where not looked up."""
    section = critique.traps
    if section is None:
        return None
    blocks: list[Block] = [
        Paragraph(
            f"{len(section.found)} of {section.num_known} classes that papers report to mislead generators "
            "are in this split. The table is of reports: whether these images show the fault is for raters "
            "to say."
        )
    ]
    if section.found:
        rows = tuple(
            (
                one.name,
                one.trap.kind,
                one.trap.word,
                one.trap.other,
                f"{one.num_images:,}",
                UNKNOWN if one.num_prompts is None else f"{one.num_prompts:,}",
                one.trap.source,
            )
            for one in section.found
        )
        head = ("class", "kind", "word", "may be drawn", "images", "prompts with the word", "source")
        blocks.append(PageTable(head, rows, frozenset({4, 5})))
    return SectionPage("Known traps of the papers", blocks)
