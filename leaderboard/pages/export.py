"""The board as one HTML file for archives: the same tables and plots, no server and no network.

Plotly's own script is written into the page once, so that the file still opens in ten years.
"""

from __future__ import annotations

from imagenet_g.leaderboard.board.board import Board, BoardVersion
from imagenet_g.leaderboard.pages.about import COMMANDS
from imagenet_g.leaderboard.pages.cells import escape
from imagenet_g.leaderboard.pages.model_links import strip_links
from imagenet_g.leaderboard.pages.pages import choose_line, format_rule
from imagenet_g.leaderboard.pages.plots import build_scatter
from imagenet_g.leaderboard.pages.queries import BoardQuery, keep_comparable, select_rows, settle_query
from imagenet_g.leaderboard.pages.styles import load_style
from imagenet_g.leaderboard.pages.tables import format_table, list_filled_columns

# The published tables have over a thousand models on a set, and a browser must still open the one file.
MAX_ROWS = 200
_STYLE = """
:root { color-scheme: light dark; }
body { font: var(--board-size-3)/1.5 system-ui, sans-serif; margin: var(--board-gap-5) auto;
  max-width: 1280px; padding: 0 var(--board-gap-4);
  background: var(--board-paper); color: var(--board-ink); }
"""


def format_page(board: Board) -> str:
    """The whole page; each split of each version has a table of at most `MAX_ROWS` rows and a plot."""
    from plotly.offline import get_plotlyjs

    sections = "".join(_format_version(board, version) for version in board.info.versions)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>ImageNet-G leaderboard</title><style>{load_style()}{_STYLE}</style>"
        f"<script>{get_plotlyjs()}</script></head><body><h1>ImageNet-G leaderboard</h1>"
        f"<p>Built {escape(board.info.built_utc)} by imagenet-g {escape(board.info.imagenet_g)}.</p>"
        f"{sections}<h2>Evaluate your own model</h2><pre>{escape(COMMANDS)}</pre></body></html>\n"
    )


def _format_version(board: Board, version: BoardVersion) -> str:
    notice = f'<p class="notice">{escape(version.notice)}</p>' if version.notice else ""
    splits = "".join(_format_split(board, version.name, split) for split in version.splits)
    word = "Practice: " if version.practice else ""
    return f"<h2>{word}{escape(version.title)}</h2>{notice}{splits}"


def _format_split(board: Board, version: str, split: str) -> str:
    query = settle_query(board, BoardQuery(version=version, split=split))
    rows = select_rows(board, query)
    drawn = keep_comparable(rows)
    caption = f"{split}: the {min(len(rows), MAX_ROWS)} best of {len(rows)} models by top-1"
    columns = list_filled_columns(rows)
    table = format_table(rows.head(MAX_ROWS), columns, sort="", ascending=False, caption=caption)
    figure = build_scatter(drawn, choose_line(board, query, drawn), link=query.link, split=split)
    plot = figure.to_html(full_html=False, include_plotlyjs=False, config={"displaylogo": False})
    # A button that does nothing would mislead: this page has no script that sorts.
    plain = strip_links(table).replace('<button type="button"', "<span").replace("</button>", "</span>")
    head = f'<summary><h3 style="display:inline">{escape(split)}</h3></summary>'
    return f"<details open>{head}{format_rule(rows)}{plain}{plot}</details>"
