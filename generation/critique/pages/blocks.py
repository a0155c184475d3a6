"""What a page is made of, before it is HTML or Markdown: words, tables, plots and rows of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph.

    Attributes:
        text: Plain words; escaped where it is shown.
        kind: "plain", or "caution" for what must be read before a number is quoted.
    """

    text: str
    kind: str = "plain"


@dataclass(frozen=True, slots=True)
class PageTable:
    """A table.

    Attributes:
        head: Its headings.
        rows: Cells as plain text, one for each heading.
        numeric: Positions of the columns that are set flush right.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class PagePlot:
    """A plot.

    Attributes:
        name: Of its file, without ending.
        svg: The drawing.
        caption: What it shows; read aloud in its place.
    """

    name: str
    svg: str
    caption: str


@dataclass(frozen=True, slots=True)
class ShownImage:
    """An image on a page.

    Attributes:
        image_id: Its id.
        address: Its thumbnail as a data address; None where it cannot be read.
        caption: The words below it.
        blurred: Whether it stays hidden until a reader asks for it.
    """

    image_id: str
    address: str | None
    caption: str
    blurred: bool = False


@dataclass(frozen=True, slots=True)
class ImageStrip:
    """Images in a row.

    Attributes:
        title: What they are.
        images: The images, left to right.
    """

    title: str
    images: tuple[ShownImage, ...]


@dataclass(frozen=True, slots=True)
class StripPair:
    """Two strips beside each other, such as the worst images and the best.

    Attributes:
        title: What both show.
        note: How they were chosen.
        strips: The two.
    """

    title: str
    note: str
    strips: tuple[ImageStrip, ...]


Block = Paragraph | PageTable | PagePlot | ImageStrip | StripPair


@dataclass(frozen=True, slots=True)
class SectionPage:
    """A section of a page.

    Attributes:
        title: Its heading.
        blocks: What stands below it.
    """

    title: str
    blocks: Sequence[Block]

    @property
    def anchor(self) -> str:
        """The name that a link leads to.

        Example:
            >>> SectionPage("Known traps of the papers", ()).anchor
            'known-traps-of-the-papers'
        """
        # Anything but letters and digits would have to be escaped in the address of a link.
        return "-".join("".join(c if c.isalnum() else " " for c in self.title.lower()).split())


@dataclass(frozen=True, slots=True)
class CritiquePage:
    """A whole page.

    Attributes:
        title: Its heading.
        facts: What was looked at: a line of words.
        answers: The answer in at most four sentences.
        figures: The table of figures.
        sections: What follows.
    """

    title: str
    facts: str
    answers: tuple[str, ...]
    figures: PageTable
    sections: tuple[SectionPage, ...]
