"""The tab that the page opens on."""

from __future__ import annotations

import gradio as gr

from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.opening.opening import format_opening

OPENING = "finding"
"""Word of the tab in the address."""


def build_opening_tab(board: Board) -> gr.Tab:
    """The finding; the same for every reader, so that it is in the page before any answer of the server."""
    tab: gr.Tab
    with gr.Tab("Finding", id=OPENING, elem_id=OPENING) as tab:
        gr.HTML(format_opening(board), elem_id="opening")
    return tab
