"""The board as one HTML file for archives: the same tables, drawn plots, no script, no server, no network."""

from __future__ import annotations

from imagenet_g.benchmark.results import HEADLINE
from imagenet_g.leaderboard.board.board import Board, BoardVersion
from imagenet_g.leaderboard.exporting.svg_plots import draw_scatter
from imagenet_g.leaderboard.opening.opening import format_opening
from imagenet_g.leaderboard.pages.about import COMMANDS
from imagenet_g.leaderboard.pages.cells import escape
from imagenet_g.leaderboard.pages.model_links import strip_links
from imagenet_g.leaderboard.pages.pages import choose_line
from imagenet_g.leaderboard.pages.queries import BoardQuery, keep_comparable, select_rows, settle_query
from imagenet_g.leaderboard.pages.table_html import format_table, name_order
from imagenet_g.leaderboard.pages.table_view import format_rule
from imagenet_g.leaderboard.pages.tables import list_filled_columns
from imagenet_g.leaderboard.serving.styles import load_style

# The published tables have over a thousand models on a set, and a browser must still open the one file.
MAX_ROWS = 200
_STYLE = """
:root { color-scheme: light dark; }
* { box-sizing: border-box; }
body { font: var(--board-size-3)/1.5 system-ui, sans-serif; margin: var(--board-gap-5) auto;
  max-width: 1280px; padding: 0 var(--board-gap-4); overflow-wrap: break-word;
  background: var(--board-paper); color: var(--board-ink); }
h1, h2, h3 { line-height: 1.25; }
h1 { font-size: var(--board-size-5); }
h2 { font-size: var(--board-size-4); margin-top: var(--board-gap-6); }
h3 { font-size: var(--board-size-3); }
details { margin: 0 0 var(--board-gap-5); }
summary { cursor: pointer; padding: var(--board-gap-1) 0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: var(--board-gap-3);
  background: var(--board-field); border-radius: var(--board-round); font-size: var(--board-size-2); }
.plot { display: block; width: 100%; max-width: 720px; height: auto; margin: var(--board-gap-3) 0;
  font: 12px system-ui, sans-serif; }
"""


def format_page(board: Board) -> str:
    """The finding, then of each split a table of the first `MAX_ROWS` rows and a plot of all."""
    sections = "".join(_format_version(board, version) for version in board.info.versions)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>ImageNet-G leaderboard</title><style>{load_style()}{_STYLE}</style>"
        "</head><body><main><h1>ImageNet-G leaderboard</h1>"
        f"<p>Built {escape(board.info.built_utc)} by imagenet-g {escape(board.info.imagenet_g)}.</p>"
        f"{format_opening(board, links=False)}{sections}"
        f"<h2>Evaluate your own model</h2><pre>{escape(COMMANDS)}</pre></main></body></html>\n"
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
    shown = rows.head(MAX_ROWS)
    caption = f"{split}: {len(rows)} models, sorted by {name_order(HEADLINE, False)}"
    if len(shown) < len(rows):
        caption = f"{split}: the first {MAX_ROWS} of {len(rows)} models by top-1, highest first"
    table = format_table(shown, list_filled_columns(rows), sort="", ascending=False, caption=caption)
    plain = strip_links(table)
    plot = draw_scatter(drawn, choose_line(board, query, drawn), link=query.link, split=split)
    head = f'<summary><h3 style="display:inline">{escape(split)}</h3></summary>'
    return f"<details open>{head}{format_rule(rows)}{plain}{plot}</details>"
