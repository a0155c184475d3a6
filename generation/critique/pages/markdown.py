"""A page as Markdown, with its plots and thumbnails as files beside it."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from imagenet_g.benchmark.terminal.markdown import escape_cell, escape_heading
from imagenet_g.generation.critique.pages.blocks import (
    Block,
    CritiquePage,
    ImageStrip,
    PagePlot,
    PageTable,
    Paragraph,
    StripPair,
)

PICTURES = "pictures"
"""Folder of the files beside the page."""
_WEBP = "data:image/webp;base64,"


def format_markdown(page: CritiquePage) -> str:
    """The page; images lead into the folder `PICTURES`."""
    parts = [
        f"# {escape_heading(page.title)}",
        escape_heading(page.facts),
        *(escape_heading(sentence) for sentence in page.answers),
        format_table(page.figures),
    ]
    for section in page.sections:
        parts.append(f"## {escape_heading(section.title)}")
        parts += [_format_block(block, section.anchor, n) for n, block in enumerate(section.blocks)]
    return "\n\n".join(parts) + "\n"


def list_pictures(page: CritiquePage) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every file beside the Markdown."""
    for section in page.sections:
        for number, block in enumerate(section.blocks):
            if isinstance(block, PagePlot):
                yield f"{block.name}.svg", block.svg.encode()
            for strip, name in _list_strips(block, section.anchor, number):
                for place, image in enumerate(strip.images):
                    # One that the page hides is no file either: nobody asked to see it.
                    if image.blurred or image.address is None:
                        continue
                    if image.address.startswith(_WEBP):
                        yield f"{name}-{place}.webp", base64.b64decode(image.address.removeprefix(_WEBP))


def format_table(table: PageTable) -> str:
    r"""A table of Markdown.

    Example:
        >>> print(format_table(PageTable(("measure", "value"), (("a|b", "1"),), frozenset({1}))))
        | measure | value |
        | --- | ---: |
        | a\|b | 1 |
    """
    rules = ("---:" if number in table.numeric else "---" for number in range(len(table.head)))
    lines = [
        f"| {' | '.join(escape_cell(title) for title in table.head)} |",
        f"| {' | '.join(rules)} |",
        *(f"| {' | '.join(escape_cell(cell) for cell in row)} |" for row in table.rows),
    ]
    return "\n".join(lines)


def _list_strips(block: Block, anchor: str, number: int) -> list[tuple[ImageStrip, str]]:
    """Strips of a block with the beginning of the names of their files."""
    strips = (
        block.strips if isinstance(block, StripPair) else (block,) if isinstance(block, ImageStrip) else ()
    )
    return [(strip, f"{anchor}-{number}-{place}") for place, strip in enumerate(strips)]


def _format_block(block: Block, anchor: str, number: int) -> str:
    match block:
        case Paragraph():
            text = escape_heading(block.text)
            return f"> {text}" if block.kind == "caution" else text
        case PageTable():
            return format_table(block)
        case PagePlot():
            caption = escape_heading(block.caption)
            return f"![{caption}]({PICTURES}/{block.name}.svg)\n\n{caption}"
        case StripPair():
            head = f"### {escape_heading(block.title)}\n\n{escape_heading(block.note)}"
            return "\n\n".join([head, *_format_strips(block, anchor, number)])
        case ImageStrip():
            return "\n\n".join(_format_strips(block, anchor, number))


def _format_strips(block: Block, anchor: str, number: int) -> Iterator[str]:
    for strip, name in _list_strips(block, anchor, number):
        lines = [
            f"- {escape_heading(image.caption)}, {escape_cell(image.image_id)}"
            # Markdown cannot hide an image until it is asked for, so that such a one is only named.
            + ("" if image.address is None or image.blurred else f" ![]({PICTURES}/{name}-{place}.webp)")
            for place, image in enumerate(strip.images)
        ]
        yield "\n".join([f"**{escape_heading(strip.title)}**", "", *lines])
