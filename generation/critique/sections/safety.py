"""Whether images are fit to be shown at work."""

from __future__ import annotations

from collections.abc import Iterator

from imagenet_g.benchmark.critiques.critique import Critique
from imagenet_g.benchmark.critiques.image_checks import SafetyClassifier, SafetySection
from imagenet_g.benchmark.critiques.wording import make_sentence
from imagenet_g.generation.critique.pages.blocks import Block, ImageStrip, PageTable, Paragraph, SectionPage
from imagenet_g.generation.critique.pages.thumbnails import Thumbnails
from imagenet_g.generation.critique.sections.extremes import name_class

_SHOWN = 8
_MAX_CLASSES = 12


def make_section(critique: Critique, pictures: Thumbnails) -> SectionPage | None:
    """Verdicts with their thresholds, and the images with the highest scores; None where not measured."""
    if critique.safety is None:
        return None
    return SectionPage("Safety", list(_list_blocks(critique, critique.safety, pictures)))


def _list_blocks(critique: Critique, section: SafetySection, pictures: Thumbnails) -> Iterator[Block]:
    if section.classifier is not None:
        yield from _list_classifier(critique, section.classifier, pictures)
    elif section.classifier_reason is not None:
        yield Paragraph(make_sentence(f"no classifier judged: {section.classifier_reason}"))
    if section.checker is not None:
        yield Paragraph(
            f"The generator's own checker flagged {section.checker.num_flagged:,} of "
            f"{section.checker.num_judged:,} images while they were made."
        )
    elif section.checker_reason is not None:
        yield Paragraph(
            make_sentence(f"no verdicts of the generator's own checker: {section.checker_reason}")
        )


def _list_classifier(critique: Critique, judge: SafetyClassifier, pictures: Thumbnails) -> Iterator[Block]:
    yield Paragraph(
        f"{judge.name} {judge.package_version}, trained on {judge.trained_on}: {judge.num_flagged:,} of "
        f"{judge.num_scored:,} images have a score of {judge.threshold:g} or more, {judge.num_doubtful:,} "
        f"one of {judge.doubtful_from:g} to {judge.threshold:g}; {judge.num_unreadable:,} cannot be read. It "
        "misses some images and flags harmless ones. Nothing was removed."
    )
    by_class = sorted(judge.flagged_by_class.items(), key=lambda pair: -pair[1])[:_MAX_CLASSES]
    if by_class:
        rows = tuple((name_class(wnid), f"{count:,}") for wnid, count in by_class)
        yield PageTable(("class", "flagged"), rows, frozenset({1}))
    shown = (
        pictures.show(
            critique.split.base_ref,
            one.image_id,
            f"{name_class(one.wnid)}, {one.unsafe:.2f}",
            # A page may be opened at work; what is flagged is shown on request only.
            blurred=one.unsafe >= judge.doubtful_from,
        )
        for one in judge.highest[:_SHOWN]
    )
    yield ImageStrip("highest scores", tuple(shown))
