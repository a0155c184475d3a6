"""Names in figures: matplotlib reads `$x$` as mathematics and hides labels that start with an underscore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from imagenet_g.benchmark.terminal.text import escape_controls


@contextmanager
def draw_plain_text() -> Iterator[None]:
    """Texts that are made inside are drawn as they are, whatever the user's own settings say."""
    import matplotlib

    with matplotlib.rc_context({"text.parse_math": False, "text.usetex": False}):
        yield


def format_label(name: str) -> str:
    """A name for a title, a legend or beside a point.

    Example:
        >>> format_label("m[ema]"), format_label("_x")
        ('m[ema]', ' _x')
    """
    name = escape_controls(name)
    # A legend leaves out what starts with an underscore.
    return f" {name}" if name.startswith("_") else name
