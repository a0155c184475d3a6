"""Images that look like others, and images that may be copies of training images."""

from __future__ import annotations

from collections.abc import Iterator

from imagenet_g.benchmark.critiques.critique import Critique
from imagenet_g.benchmark.critiques.image_checks import MemorySearch, NearDuplicatesSection, PairSearch
from imagenet_g.benchmark.critiques.wording import UNKNOWN, format_number, make_sentence
from imagenet_g.generation.critique.pages.blocks import (
    Block,
    ImageStrip,
    PageTable,
    Paragraph,
    SectionPage,
    StripPair,
)
from imagenet_g.generation.critique.pages.thumbnails import Thumbnails
from imagenet_g.generation.critique.sections.extremes import name_class

_SHOWN = 6
_WHERE = {"within": "the split itself", "split": "another split", "reference": "the reference"}


def make_section(critique: Critique, pictures: Thumbnails) -> SectionPage | None:
    """Counts of every search, and its closest pairs as images; None where not measured."""
    section = critique.near_duplicates
    if section is None:
        return None
    return SectionPage("Near-duplicates and copies", list(_list_blocks(critique, section, pictures)))


def _list_blocks(critique: Critique, section: NearDuplicatesSection, pictures: Thumbnails) -> Iterator[Block]:
    rule = "" if section.min_cosine_rule is None else f" ({section.min_cosine_rule})"
    confirmed = (
        "no features confirmed a pair"
        if section.features is None or section.min_cosine is None
        else f"{section.features} confirms a pair from a cosine of {format_number(section.min_cosine)}{rule}"
    )
    yield Paragraph(
        f"Perceptual hashes of 64 bits that differ in at most {section.max_distance}; {confirmed}. "
        f"{section.num_unreadable:,} images cannot be read and {section.num_flat:,} are flat; neither was "
        "compared. Nothing was removed."
    )
    rows = tuple(
        (
            f"{_WHERE[one.kind]}: {one.compared_with.ref}",
            f"{one.num_near:,}",
            UNKNOWN if one.num_confirmed is None else f"{one.num_confirmed:,}",
            f"{one.num_other_class:,}",
        )
        for one in section.searches
    )
    yield PageTable(
        ("held against", "look alike", "confirmed", "of another class"), rows, frozenset({1, 2, 3})
    )
    for search in section.searches:
        if search.closest:
            yield _show_pairs(critique, search, pictures)
    for memory in section.memory:
        yield from _list_memory(critique, memory, pictures)
    if section.memory_reason is not None:
        yield Paragraph(make_sentence(f"copies of training images: {section.memory_reason}"))


def _show_pairs(critique: Critique, search: PairSearch, pictures: Thumbnails) -> StripPair:
    strips = []
    for pair in search.closest[:_SHOWN]:
        cosine = "" if pair.cosine is None else f", cosine {pair.cosine:.3f}"
        strips.append(
            ImageStrip(
                f"{pair.bits} bits{cosine}",
                (
                    pictures.show(critique.split.base_ref, pair.image_id, name_class(pair.wnid)),
                    pictures.show(search.compared_with.ref, pair.other_id, name_class(pair.other_wnid)),
                ),
            )
        )
    title = f"The closest pairs with {_WHERE[search.kind]}, {search.compared_with.ref}"
    return StripPair(title, "An image of the split, then the one that it looks like.", tuple(strips))


def _list_memory(critique: Critique, memory: MemorySearch, pictures: Thumbnails) -> Iterator[Block]:
    above = UNKNOWN if memory.num_above_level is None else f"{memory.num_above_level:,}"
    yield Paragraph(
        f"Held against {memory.training.ref}: {above} images lie nearer to a training image than 99 % of "
        f"real images that the generator has not seen, and {memory.num_isolated:,} are nearer to one "
        f"training image than to the second by the ratio {memory.max_ratio:g}. Candidates are reasons to "
        "look, no verdicts."
    )
    if not memory.candidates:
        return
    strips = tuple(
        ImageStrip(
            f"cosine {one.cosine:.3f}",
            (
                pictures.show(critique.split.base_ref, one.image_id, name_class(one.wnid)),
                pictures.show(memory.training.ref, one.training_id, name_class(one.training_wnid)),
            ),
        )
        for one in memory.candidates[:_SHOWN]
    )
    yield StripPair(
        "Candidates for copies",
        "An image of the split, then the training image that it is nearest to.",
        strips,
    )
