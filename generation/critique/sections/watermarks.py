"""Whether the generator marks its images."""

from __future__ import annotations

from imagenet_g.benchmark.critiques.critique import Critique
from imagenet_g.benchmark.critiques.wording import make_sentence
from imagenet_g.generation.critique.pages.blocks import Block, PageTable, Paragraph, SectionPage
from imagenet_g.generation.critique.pages.thumbnails import Thumbnails


def make_section(critique: Critique, pictures: Thumbnails) -> SectionPage | None:
    """What the release says and what was found; None where not measured."""
    section = critique.watermarks
    if section is None:
        return None
    said = {
        "marks": "By the release's own record, the generator marks its images",
        "does not mark": "By the release's own record, the generator does not mark its images",
        "unknown": "Whether the generator marks its images is not recorded",
    }[section.recorded]
    blocks: list[Block] = [Paragraph(make_sentence(f"{said}: {section.recorded_detail}"))]
    if section.detections:
        rows = tuple(
            (
                one.mark,
                f"{one.num_marked:,} of {one.num_tested:,}",
                f"{one.num_too_small:,}",
                f"{one.min_matching} of {one.num_bits} bits",
                f"{one.false_share:.2g}",
            )
            for one in section.detections
        )
        head = ("mark", "found", "not tested", "counts from", "by chance")
        blocks.append(PageTable(head, rows, frozenset({1, 2})))
    if section.detection_reason is not None:
        blocks.append(Paragraph(make_sentence(section.detection_reason)))
    return SectionPage("Watermarks", blocks)
