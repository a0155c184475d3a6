"""The page of a critique: the answer, the figures, the pictures, then each section."""

from __future__ import annotations

from collections.abc import Callable

from imagenet_g.benchmark.critiques.critique import Critique
from imagenet_g.benchmark.critiques.figures import list_figures
from imagenet_g.benchmark.critiques.headlines import list_answers
from imagenet_g.generation.critique.pages.blocks import CritiquePage, PageTable, Paragraph, SectionPage
from imagenet_g.generation.critique.pages.thumbnails import Thumbnails
from imagenet_g.generation.critique.sections import (
    audit,
    distances,
    diversity,
    extremes,
    filter_effects,
    near_duplicates,
    recognition,
    safety,
    traps,
    variation,
    watermarks,
)

_MAKERS: tuple[Callable[[Critique, Thumbnails], SectionPage | None], ...] = (
    extremes.make_section,
    audit.make_section,
    recognition.make_section,
    distances.make_section,
    diversity.make_section,
    near_duplicates.make_section,
    safety.make_section,
    variation.make_section,
    watermarks.make_section,
    filter_effects.make_section,
    traps.make_section,
)


def make_page(critique: Critique, pictures: Thumbnails) -> CritiquePage:
    """The page of a critique.

    Args:
        critique: The numbers; every word of the page follows from them.
        pictures: Where its images are; without any, their places say so.
    """
    sections = [made for make in _MAKERS if (made := make(critique, pictures)) is not None]
    # Behind what was measured, and never left out: silence would read as "nothing found".
    if critique.unmeasured:
        sections.append(_list_unmeasured(critique))
    sections.append(_describe_making(critique))
    notice = f" {critique.split.notice}" if critique.split.notice else ""
    return CritiquePage(
        title=f"How good the images of {critique.split.ref} are",
        facts=f"{critique.num_images:,} images against {critique.num_reference_images:,} of "
        f"{critique.reference.ref}, {critique.num_classes} classes that both have"
        + (f"; {len(critique.missing_wnids)} classes have no reference" if critique.missing_wnids else "")
        + f".{notice}",
        answers=list_answers(critique),
        figures=PageTable(
            ("measure", "value", "95 % interval", "beside it", "of"),
            tuple(tuple(row) for row in list_figures(critique)),
            frozenset({1}),
        ),
        sections=tuple(sections),
    )


def _list_unmeasured(critique: Critique) -> SectionPage:
    rows = tuple((name.replace("_", " "), why) for name, why in critique.unmeasured.items())
    return SectionPage("Not measured", (PageTable(("section", "why"), rows),))


def _describe_making(critique: Critique) -> SectionPage:
    environment = critique.environment
    versions = ", ".join(f"{name} {value}" for name, value in environment.versions.items())
    rows = [
        (side.ref, "images and labels", side.content_sha256) for side in (critique.split, critique.reference)
    ]
    for used in critique.features:
        rows.append((used.spec, "weights", used.weights_sha256))
        rows.append((used.spec, "features of the split", used.values_split_sha256))
        rows.append((used.spec, "features of the reference", used.values_reference_sha256))
    rows += [(file.name, file.kind, file.sha256) for file in critique.inputs]
    return SectionPage(
        "How it was made",
        (
            Paragraph(
                f"{environment.command}, {environment.created_utc}, imagenet-g {environment.imagenet_g}, "
                f"{versions}. critique.json beside this page holds every number."
            ),
            PageTable(("input", "what", "sha256"), tuple(rows)),
        ),
    )
