"""One HTML page of the most confused pairs, with their images: it can be sent around as one file."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from imagenet_g.benchmark.classes import ClassInfo, load_classes
from imagenet_g.benchmark.confusions.answers import AnsweredPair, FirstAnswers
from imagenet_g.benchmark.confusions.shares import format_points, format_share
from imagenet_g.benchmark.confusions.tables import ConfusionRow
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.splits.readable import load_image
from imagenet_g.benchmark.splits.splits import Split

THUMBNAIL_PX = 128
NUM_IMAGES = 6
MakeAddress = Callable[[str], str | None]
"""The address of an image's thumbnail by its id; None where it cannot be read."""
_STYLE = """
body { font: 16px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem;
  padding: 0 1rem; color: #1c1c1c }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin: 2.2rem 0 .2rem }
p { margin: .3rem 0 .8rem; max-width: 46rem } .sets { display: flex; flex-wrap: wrap; gap: 1.2rem 2rem }
.sets h3 { font-size: .9rem; font-weight: 600; margin: 0 0 .3rem }
.images { display: flex; flex-wrap: wrap; gap: .5rem } figure { margin: 0; width: 128px }
img, .missing { width: 128px; height: 128px; object-fit: contain; background: #eee; display: block }
.missing { font-size: .8rem; color: #555; padding: .4rem; box-sizing: border-box }
figcaption { font-size: .75rem; color: #555; overflow-wrap: anywhere }
"""


@dataclass(frozen=True, slots=True)
class Strip:
    """Images of one kind in a row.

    Attributes:
        title: What they are.
        answers: Where their ids and probabilities are.
        rows: Which of them.
        make_address: How to get at their thumbnails.
    """

    title: str
    answers: FirstAnswers
    rows: Sequence[int]
    make_address: MakeAddress


def make_thumbnails(split: Split) -> MakeAddress:
    """Thumbnails of a split's images as data addresses."""
    row_of = {image_id: row for row, image_id in enumerate(split.rows.image_ids)}

    def make(image_id: str) -> str | None:
        try:
            image = load_image(split, row_of[image_id])
        except DataError:
            return None
        image.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
        stream = io.BytesIO()
        image.save(stream, format="WEBP", quality=80)
        return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode()

    return make


def format_page(
    pair: AnsweredPair,
    rows: Sequence[ConfusionRow],
    thumbnails: MakeAddress,
    clean_thumbnails: MakeAddress | None,
) -> str:
    """The page.

    Args:
        pair: The answers.
        rows: The confusions to show, the first one first.
        thumbnails: Of the split's images.
        clean_thumbnails: Of the clean set's images; None where they are not available.
    """
    title = f"What {pair.model} takes {pair.split} for"
    body = "\n".join(_format_section(pair, row, thumbnails, clean_thumbnails) for row in rows)
    empty = "" if rows else "<p>The split adds no wrong answer.</p>"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f"<p>The {len(rows)} wrong answers that the split adds most images to. Of each, the images with "
        f"the most confident answer come first.</p>{empty}{body}</body></html>\n"
    )


def _format_section(
    pair: AnsweredPair, row: ConfusionRow, thumbnails: MakeAddress, clean_thumbnails: MakeAddress | None
) -> str:
    truth, answer = (load_classes()[index] for index in (row.index, row.answer))
    strips = list_strips(pair, row, thumbnails, clean_thumbnails)
    shown = "".join(_format_strip(strip) for strip in strips if strip.rows)
    return (
        f"<section><h2>{escape(truth.name)} → {escape(answer.name)}</h2>"
        f"<p>{escape(describe_confusion(pair.split, pair.reference, row))}</p>"
        f"{_format_definitions(truth, answer)}"
        f'<div class="sets">{shown}</div></section>'
    )


def _format_definitions(truth: ClassInfo, answer: ClassInfo) -> str:
    lines = "<br>".join(
        f"{escape(info.name)} ({escape(info.wnid)}): {escape(info.definition)}" for info in (truth, answer)
    )
    return f"<p><small>{lines}</small></p>"


def list_strips(
    pair: AnsweredPair, row: ConfusionRow, thumbnails: MakeAddress, clean_thumbnails: MakeAddress | None
) -> list[Strip]:
    """The mistaken images, right ones of the class, and what the answer looks like where it is right."""
    truth, answer = (load_classes()[index].name for index in (row.index, row.answer))
    found = pair.shifted.find_images(row.index, row.answer)[:NUM_IMAGES]
    strips = [Strip(f"{truth} on {pair.split}, called {answer}", pair.shifted, found, thumbnails)]
    if pair.clean is None or clean_thumbnails is None:
        return strips
    for kind, name in ((row.index, truth), (row.answer, answer)):
        right = pair.clean.find_images(kind, kind)[: NUM_IMAGES // 2]
        strips.append(Strip(f"{name} on {pair.reference}, right", pair.clean, right, clean_thumbnails))
    return strips


def describe_confusion(split: str, reference: str | None, row: ConfusionRow) -> str:
    """The shares in words.

    Example:
        >>> from imagenet_g.benchmark.confusions.shares import Share
        >>> row = ConfusionRow(
        ...     index=1, answer=2, split=Share(7, 10), reference=Share(1, 10), change=None, p_fdr=None
        ... )
        >>> describe_confusion("v1/sd-l", "imagenet-val", row)
        '7 of 10 images on v1/sd-l, 1 of 10 on imagenet-val.'
    """
    text = f"{format_share(row.split)} images on {split}"
    if row.reference is not None:
        text += f", {format_share(row.reference)} on {reference}"
    if row.change is not None and row.p_fdr is not None:
        low, high = (format_points(bound) for bound in (row.change.low, row.change.high))
        text += (
            f": {format_points(row.change.value)} points (95 % {low} to {high}), "
            f"p = {row.p_fdr:.2g} after correction for all pairs"
        )
    return f"{text}."


def _format_strip(strip: Strip) -> str:
    figures = "".join(_format_figure(strip, row) for row in strip.rows)
    return f'<div><h3>{escape(strip.title)}</h3><div class="images">{figures}</div></div>'


def _format_figure(strip: Strip, row: int) -> str:
    image_id = strip.answers.image_ids[row]
    address = strip.make_address(image_id)
    image = (
        '<div class="missing">The image cannot be read.</div>'
        if address is None
        else f'<img src="{address}" alt="{escape(strip.title)}" loading="lazy">'
    )
    caption = f"{100 * strip.answers.probabilities[row]:.0f} %, {escape(image_id)}"
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"
