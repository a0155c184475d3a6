"""Places on two sides as a drawing with names at both ends of every line, and the same as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.moves.choosing import MAX_MOVES, MOST, SHOWN, Move, choose_moves, name_side
from imagenet_g.leaderboard.pages.cells import escape
from imagenet_g.leaderboard.pages.model_links import link_model
from imagenet_g.leaderboard.pages.pages import ORDERED_BY
from imagenet_g.leaderboard.pages.queries import BoardQuery, compare_places

WIDTH, ROW, HEAD = 600, 22, 26
SIDE = 240
"""Pixels at either side that a name may take."""
MAX_LETTERS = 24
"""As many as fit beside a place of four digits, wide ones too."""
NUM_MARKED = 5
"""Lines in the accent colour: those that move most."""


def format_order_changes(board: Board, here: BoardQuery, there: BoardQuery, by: str, shown: str) -> str:
    """Drawing and table; empty where no model has two places, which `describe_order_changes` explains."""
    places = compare_places(board, here, there, by)
    if not places or name_side(here, by) == name_side(there, by):
        return ""
    moves = choose_moves(places, shown)
    sides = name_side(here, by), name_side(there, by)
    # A name that comes twice, and is shown with its organisation, is the board's own.
    names = {move.model_id: board.names.get(move.model_id, move.model_id) for move in moves}
    what = SHOWN.get(shown, next(iter(SHOWN.values())))
    caption = f"Places by {ORDERED_BY[by]}, of {what}: {len(moves)} of {len(places)} models."
    return (
        f'<div class="moves">{draw_moves(moves, names, sides)}'
        f"{format_moves(moves, names, sides, caption=caption, version=here.version)}</div>"
    )


def draw_moves(moves: Sequence[Move], names: Mapping[str, str], sides: tuple[str, str]) -> str:
    """Lines from the order here to the order there.

    The models that are shown stand one below another on both sides, each with its place: drawn to scale, one
    that falls by a thousand places would press all others together.
    """
    right = sorted(moves, key=lambda move: (move.there, move.here, move.model_id))
    places = {move.model_id: (move.here, move.there) for move in moves}
    marked = {move for move in choose_moves(places, MOST, NUM_MARKED) if move.risen}
    lines = "".join(
        _draw_line(move, names[move.model_id], row, right.index(move), marked=move in marked)
        for row, move in enumerate(moves)
    )
    height = HEAD + ROW * min(len(moves), MAX_MOVES) + 6
    heads = "".join(
        f'<text class="side" x="{x}" y="14" text-anchor="{anchor}"><title>{escape(side)}</title>'
        f"{escape(_cut(side, 30))}</text>"
        for x, anchor, side in ((0, "start", sides[0]), (WIDTH, "end", sides[1]))
    )
    return (
        '<div class="overview-scroll" role="region" tabindex="0" aria-label="Places as lines">'
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Places on {escape(sides[0])}, left, and '
        f'on {escape(sides[1])}; the table has the same.">{heads}{lines}</svg></div>'
    )


def _draw_line(move: Move, name: str, left: int, right: int, *, marked: bool) -> str:
    start, end = (HEAD + ROW * row + ROW / 2 for row in (left, right))
    title = escape(f"{name}: place {move.here} to {move.there}")
    kind = "move marked" if marked else "move"
    return (
        f'<g class="{kind}"><title>{title}</title>'
        f'<path d="M{SIDE} {start:g}L{WIDTH - SIDE} {end:g}"/>'
        f'<text x="{SIDE - 8}" y="{start + 4:g}" text-anchor="end">{escape(_cut(name))}'
        f'<tspan class="place" dx="6">{move.here}</tspan></text>'
        f'<text x="{WIDTH - SIDE + 8}" y="{end + 4:g}"><tspan class="place">{move.there}</tspan>'
        f'<tspan dx="6">{escape(_cut(name))}</tspan></text></g>'
    )


def _cut(name: str, letters: int = MAX_LETTERS) -> str:
    return name if len(name) <= letters else f"{name[: letters - 1]}…"


def format_moves(
    moves: Sequence[Move], names: Mapping[str, str], sides: tuple[str, str], *, caption: str, version: str
) -> str:
    """A table with a row a model: place here, place there, and how far it moves."""
    rows = "".join(
        f'<tr><th scope="row">{link_model(move.model_id, names[move.model_id], version)}</th>'
        f'<td class="num">{move.here}</td><td class="num">{move.there}</td>'
        f'<td class="num">{format_rise(move.risen)}</td></tr>'
        for move in moves
    )
    heads = "".join(f'<th scope="col" class="num">{escape(side)}</th>' for side in sides)
    return (
        f'<div class="overview-scroll" role="region" tabindex="0" aria-label="{escape(caption)}">'
        f'<table class="overview"><caption>{escape(caption)}</caption><thead><tr><th scope="col">Model</th>'
        f'{heads}<th scope="col" class="num">Moves</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def format_rise(risen: int) -> str:
    """Places gained or lost, in a sign and a word for those who do not see the sign.

    Example:
        >>> format_rise(0), format_rise(3)
        ('stays', '<span aria-hidden="true">▲</span> up 3')
    """
    if not risen:
        return "stays"
    # Up is towards the first place, whatever the number of the place does.
    mark, word = ("▲", "up") if risen > 0 else ("▼", "down")
    return f'<span aria-hidden="true">{mark}</span> {word} {abs(risen)}'
