"""A canvas of matplotlib that becomes a file, whole or not at all, or the bytes of one."""

from __future__ import annotations

import textwrap
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.storage import replace_file
from imagenet_g.benchmark.terminal.plots import draw_plain_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure

FORMATS = ("png", "pdf", "svg")
DOTS_PER_INCH = 150
_LETTERS_PER_INCH = 16.4
"""Of a caption in 7 points."""


@contextmanager
def open_figure(path: Path, caption: str, *, size: tuple[float, float] = (7.2, 5.6)) -> Iterator[Figure]:
    """A canvas to draw on; it is written when the block ends.

    Args:
        path: The file; its ending chooses the format.
        caption: Stands below, folded to the width.
        size: Width and height in inches.

    Raises:
        InputError: matplotlib is not installed, or the ending is not one of `FORMATS`.
        StorageError: The place cannot be written.
    """
    kind = path.suffix.lstrip(".")
    if kind not in FORMATS:
        raise InputError(f"A figure is written as {', '.join(FORMATS)}; '{path.name}' ends otherwise.")
    with replace_file(path) as temporary, open_canvas(temporary, kind, caption, size=size) as canvas:
        yield canvas


@contextmanager
def open_canvas(
    target: Path | IO[bytes], kind: str, caption: str, *, size: tuple[float, float]
) -> Iterator[Figure]:
    """A canvas to draw on; when the block ends, it goes into a file or a stream.

    Args:
        target: Where to.
        kind: One of `FORMATS`; not taken from the name, which may be that of a temporary file.
        caption: Stands below, folded to the width.
        size: Width and height in inches.

    Raises:
        InputError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError("Figures need matplotlib: pip install 'imagenet-g[plots]'.") from error
    # Figure and not pyplot, which keeps global state and may look for a display.
    canvas = Figure(figsize=size, dpi=DOTS_PER_INCH)
    with draw_plain_text():
        yield canvas
        folded = textwrap.fill(caption, int(_LETTERS_PER_INCH * size[0]))
        canvas.text(0.02, 0.02, folded, fontsize=7, color="#444444", va="bottom")
        canvas.savefig(target, format=kind)
