"""A page as HTML that is one file: style, plots and thumbnails are inside it, and it fetches nothing."""

from __future__ import annotations

from html import escape
from importlib.resources import files

from imagenet_g.generation.critique.pages.blocks import (
    Block,
    CritiquePage,
    ImageStrip,
    PagePlot,
    PageTable,
    Paragraph,
    SectionPage,
    ShownImage,
    StripPair,
)


def format_html(page: CritiquePage) -> str:
    """The page; every word in it is escaped."""
    style = (files("imagenet_g.generation.data") / "critique.css").read_text(encoding="utf-8")
    links = "".join(
        f'<li><a href="#{section.anchor}">{escape(section.title)}</a></li>' for section in page.sections
    )
    answers = "".join(f"<p>{escape(sentence)}</p>" for sentence in page.answers)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        # A page of images from outside: nothing in it may load or run anything.
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">"
        f"<title>{escape(page.title)}</title><style>{style}</style></head><body>"
        f'<header><h1>{escape(page.title)}</h1><p class="facts">{escape(page.facts)}</p></header>'
        f'<main><section class="answer" aria-label="The answer">{answers}</section>'
        f'<div class="figures">{_format_table(page.figures)}</div>'
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>'
        f"{''.join(_format_section(section) for section in page.sections)}</main></body></html>\n"
    )


def _format_section(section: SectionPage) -> str:
    blocks = "\n".join(_format_block(block) for block in section.blocks)
    return f'<section id="{section.anchor}"><h2>{escape(section.title)}</h2>\n{blocks}</section>\n'


def _format_block(block: Block) -> str:
    match block:
        case Paragraph():
            kind = ' class="caution"' if block.kind == "caution" else ""
            return f"<p{kind}>{escape(block.text)}</p>"
        case PageTable():
            return _format_table(block)
        case PagePlot():
            return (
                f"<figure class='plot'>{block.svg}<figcaption>{escape(block.caption)}</figcaption></figure>"
            )
        case ImageStrip():
            return _format_strip(block)
        case StripPair():
            return _format_pair(block)


def _format_table(table: PageTable) -> str:
    def align(number: int) -> str:
        return ' class="number"' if number in table.numeric else ""

    head = "".join(
        f'<th scope="col"{align(number)}>{escape(title)}</th>' for number, title in enumerate(table.head)
    )
    rows = []
    for row in table.rows:
        first, *others = row
        # On a narrow screen a row becomes a block, and each cell says what it is.
        cells = "".join(
            f'<td{align(number)} data-label="{escape(table.head[number])}">{escape(text)}</td>'
            for number, text in enumerate(others, start=1)
        )
        rows.append(f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>')
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _format_pair(pair: StripPair) -> str:
    strips = "".join(_format_strip(strip) for strip in pair.strips)
    return (
        f'<div class="pair"><h3>{escape(pair.title)}</h3><p class="note">{escape(pair.note)}</p>'
        f'<div class="strips">{strips}</div></div>'
    )


def _format_strip(strip: ImageStrip) -> str:
    figures = "".join(_format_image(image) for image in strip.images)
    return f'<div class="strip"><h4>{escape(strip.title)}</h4><div class="images">{figures}</div></div>'


def _format_image(image: ShownImage) -> str:
    if image.address is None:
        picture = '<div class="missing">The image cannot be read.</div>'
    else:
        # The id is what a reader reports, so it is the name of the image.
        picture = f'<img src="{escape(image.address)}" alt="{escape(image.image_id)}" loading="lazy">'
    if image.blurred:
        picture = f"<details><summary>hidden: show</summary>{picture}</details>"
    caption = f"<figcaption>{escape(image.caption)}</figcaption>"
    return f'<figure title="{escape(image.image_id)}">{picture}{caption}</figure>'
