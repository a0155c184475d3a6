"""The worst and the best images by each measure."""

from __future__ import annotations

from imagenet_g.benchmark.classes import load_classes, load_index_by_wnid
from imagenet_g.benchmark.critiques.critique import Critique, Extremes, RankedImage
from imagenet_g.benchmark.critiques.wording import format_number
from imagenet_g.generation.critique.pages.blocks import ImageStrip, SectionPage, ShownImage, StripPair
from imagenet_g.generation.critique.pages.thumbnails import Thumbnails


def make_section(critique: Critique, pictures: Thumbnails) -> SectionPage | None:
    """Two strips a measure; None where nothing was ranked."""
    if not critique.extremes:
        return None
    return SectionPage(
        "The worst and the best images",
        tuple(_make_pair(critique, one, pictures) for one in critique.extremes),
    )


def name_class(wnid: str) -> str:
    """The name of a class as pages show it; the wnid where there is no such class.

    Example:
        >>> name_class("n01440764"), name_class("n00000000")
        ('tench', 'n00000000')
    """
    index = load_index_by_wnid().get(wnid)
    return wnid if index is None else load_classes()[index].name


def _make_pair(critique: Critique, extremes: Extremes, pictures: Thumbnails) -> StripPair:
    def show(image: RankedImage) -> ShownImage:
        caption = f"{name_class(image.wnid)}, {format_number(image.value)}"
        return pictures.show(critique.split.base_ref, image.image_id, caption)

    return StripPair(
        extremes.measure[:1].upper() + extremes.measure[1:],
        extremes.note,
        (
            ImageStrip("worst", tuple(show(image) for image in extremes.worst)),
            ImageStrip("best", tuple(show(image) for image in extremes.best)),
        ),
    )
