"""A chart that a notebook shows and that can be saved."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.figures.canvas import open_canvas, open_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN_PER_INCH = 96
"""Of a screen: the picture has more dots, and is sharp on a screen that has more."""


@dataclass(frozen=True, slots=True, repr=False)
class Chart:
    """A chart; a notebook shows it as a picture.

    Attributes:
        title: What it shows.
        figure: What is drawn, as data: points, lines and bands.
        caption: Stands below it.
        size: Width and height in inches.
        draw: Draws it on a canvas of that size.
    """

    title: str
    figure: object
    caption: str
    size: tuple[float, float]
    draw: Callable[[Figure], None]

    def save(self, path: str | Path) -> Path:
        """Write it as PNG, PDF or SVG, by the ending of the file.

        Raises:
            InputError: Another ending, or matplotlib is not installed.
            StorageError: The place cannot be written.
        """
        target = Path(path).expanduser()
        with open_figure(target, self.caption, size=self.size) as canvas:
            self.draw(canvas)
        return target

    def __repr__(self) -> str:
        return f"<Chart of {self.title}>"

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """As a notebook shows it: the picture, and how wide in pixels."""
        stream = io.BytesIO()
        with open_canvas(stream, "png", self.caption, size=self.size) as canvas:
            self.draw(canvas)
        return stream.getvalue(), {"width": round(_SHOWN_PER_INCH * self.size[0])}
