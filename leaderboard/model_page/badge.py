"""A badge for a README: one model on one split, as an SVG of any length of text."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from imagenet_g.benchmark.reports.numbers import format_percent
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.model_page.facts import format_copy
from imagenet_g.leaderboard.model_page.models import BoardEntry
from imagenet_g.leaderboard.pages.cells import Row, escape
from imagenet_g.leaderboard.pages.model_links import make_model_address
from imagenet_g.leaderboard.pages.queries import MAX_SEARCH
from imagenet_g.leaderboard.submissions.problems import clip_text

ADDRESS = "badge.svg"
PLACE = "BOARD/"
"""Stands for the board's own address, which only the reader's browser knows."""
UNKNOWN = "unknown"
COLORS = {"verified": "#1c5bb5", "recomputed": "#1c5bb5", "self-reported": "#8f540c"}
"""Of the right half, by trust level; any other, and "unknown", is grey."""
GREY = "#565e6a"
MAX_LETTERS = 60
_LETTER_PX, _MARGIN_PX = 6.4, 16


def format_badge(board: Board, model_id: str, split: str) -> str:
    """An SVG with the split, its version and the accuracy with its trust level; "unknown" without a row.

    Args:
        board: The board.
        model_id: Anything that a visitor sends.
        split: Likewise.
    """
    model_id, split = model_id[:MAX_SEARCH], split[:MAX_SEARCH]
    found = find_badge_row(board, model_id, split)
    if found is None:
        return draw_badge(f"ImageNet-G {clip_text(split)}", UNKNOWN, GREY)
    right = f"{format_percent(found['top1'])} % top-1, {found['trust']}"
    return draw_badge(name_split(found), right, COLORS.get(str(found["trust"]), GREY))


def find_badge_row(board: Board, model_id: str, split: str) -> Row | None:
    """The row of a model on a split, whatever its version."""
    for version in board.info.versions:
        rows = board.scores_by_split.get((version.name, split))
        if rows is not None and (places := (rows["model_id"] == model_id).to_numpy().nonzero()[0]).size:
            return {str(name): value for name, value in rows.iloc[int(places[0])].items()}
    return None


def name_split(row: Row) -> str:
    """A split with its version, once.

    Example:
        >>> name_split({"split": "mini/real", "version": "mini"})
        'ImageNet-G mini/real'
        >>> name_split({"split": "imagenet-r", "version": "real-sets"})
        'ImageNet-G imagenet-r (real-sets)'
    """
    split, version = str(row["split"]), str(row["version"])
    return f"ImageNet-G {split}" if split.startswith(f"{version}/") else f"ImageNet-G {split} ({version})"


def draw_badge(left: str, right: str, color: str) -> str:
    """Two halves with text, as wide as the texts; longer ones than `MAX_LETTERS` are cut.

    Example:
        >>> "&lt;b&gt;" in draw_badge("<b>", "unknown", "#555")
        True
    """
    left, right = (
        text if len(text) <= MAX_LETTERS else text[: MAX_LETTERS - 1] + "…" for text in (left, right)
    )
    widths = [round(_LETTER_PX * len(text)) for text in (left, right)]
    first, second = (width + _MARGIN_PX for width in widths)
    # A fixed length of the text, because nobody knows which font the reader has.
    texts = "".join(
        f'<text x="{x}" y="14" textLength="{width}" lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'
        for x, width, text in ((8, widths[0], left), (first + 8, widths[1], right))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{first + second}" height="20" role="img" '
        f'aria-label="{escape(left)}: {escape(right)}"><rect width="{first}" height="20" fill="#2c323d"/>'
        f'<rect x="{first}" width="{second}" height="20" fill="{color}"/>'
        f'<g fill="#fff" font-size="11" font-family="Verdana, sans-serif">{texts}</g></svg>\n'
    )


def format_badge_section(entry: BoardEntry, split: str) -> str:
    """The badge of the split that is shown, and the Markdown that shows it in a README."""
    rows = {one.split: one.row for version in entry.versions for one in version.splits if one.row is not None}
    chosen = split if split in rows else next(iter(rows))
    picture = f"{ADDRESS}?{urlencode({'model': entry.model_id, 'split': chosen})}"
    row = rows[chosen]
    name = name_split(row)
    markdown = format_markdown(name, picture, make_model_address(entry.model_id, str(row["version"])))
    return (
        f'<p><img src="{escape(picture)}" alt="{escape(name)}" height="20"></p>'
        '<p class="mp-note">It is drawn from this board whenever it is shown, and says "unknown" once the '
        f"row is gone. For another split, choose that one above.</p>{format_copy(markdown)}"
    )


def format_markdown(name: str, picture: str, page: str) -> str:
    """Markdown of a picture that links to a page; both addresses are relative to the board.

    Example:
        >>> format_markdown("mini/real", "badge.svg?model=a", "?model=a")
        '[![mini/real](BOARD/badge.svg?model=a)](BOARD/?model=a)'
    """
    # Brackets would end the text of the link.
    plain = re.sub(r"[^\w ./:()-]", " ", name)
    return f"[![{plain}]({PLACE}{picture})]({PLACE}{page})"
