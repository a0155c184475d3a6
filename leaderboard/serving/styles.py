"""The board's style: all its style files as one text, for the page and for the export."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

DATA = "imagenet_g.leaderboard.data"
FIRST = "board.css"
"""Has the tokens: sizes, distances and colours, which the other files take from it."""
OTHER_PAGES = ("rating.css",)


@cache
def load_style() -> str:
    """Every style file of the board, the one with the tokens first, the others by name.

    A file of the data folder is the board's unless `OTHER_PAGES` names it.

    Example:
        >>> load_style().index("--board-accent:") < load_style().index("var(--board-accent)")
        True
    """
    found = {file.name: file for file in files(DATA).iterdir() if file.name.endswith(".css")}
    names = sorted(set(found) - {FIRST, *OTHER_PAGES})
    return "\n".join(found[name].read_text(encoding="utf-8") for name in (FIRST, *names))
