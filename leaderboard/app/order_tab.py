"""The tab of order changes: the order as the controls say, and under another split, baseline and link."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import gradio as gr

from imagenet_g.leaderboard.app.controls import Controls
from imagenet_g.leaderboard.app.number_tabs import NUM_REMEMBERED, View, wire_view
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.moves.choosing import SHOWN, TOP, choose_other_split, describe_order_changes
from imagenet_g.leaderboard.moves.drawing import format_order_changes
from imagenet_g.leaderboard.pages.queries import BoardQuery, compare_places


def build_order_tab(board: Board, controls: Controls) -> View:
    """Words, and below them the drawing with its list; without places the words say why."""
    with gr.Tab("Order changes", id="ranks") as tab:
        boxes = _build_boxes(board)
        words = gr.Markdown(elem_id="ranks-words")
        drawing = gr.HTML(elem_id="ranks")

    @lru_cache(NUM_REMEMBERED)
    def draw_queries(here: BoardQuery, there: BoardQuery, how: str, shown: str) -> tuple[str, str]:
        words = describe_order_changes(board, here, there, how)
        return words, format_order_changes(board, here, there, how, shown)

    def draw(
        query: BoardQuery, how: str, split: str | None, baseline: str, link: str, shown: str
    ) -> tuple[object, ...]:
        splits = board.info.find_version(query.version).splits
        there = replace(query, baseline=baseline or "", link=link)

        def has_shared(other: str) -> bool:
            return bool(compare_places(board, query, replace(there, split=other), how))

        other = choose_other_split(splits, query.split, split, has_shared)
        there = replace(there, split=other)
        # A wish that the version cannot meet is shown as what was taken instead.
        box = gr.Dropdown(
            [("the same", ""), *((name, name) for name in splits)], value="" if split == "" else other
        )
        return box, *draw_queries(query, there, how, shown)

    view = View(tab, "ranks", draw, boxes, [boxes[1], words, drawing])
    return wire_view(board, view, controls, boxes)


def _build_boxes(board: Board) -> list[gr.Dropdown | gr.Radio]:
    """What the order is by, the other side, and which models are shown."""
    with gr.Row():
        by = gr.Radio(
            [("top-1", "top1"), ("AG", "gap"), ("ER", "er")],
            value="top1",
            label="Ordered by",
            elem_id="ranked-by",
        )
        # No wish at first: the next split of the version that is shown then.
        split = gr.Dropdown([("the same", "")], value=None, label="Other split or view")
        baseline = gr.Dropdown(
            list(board.baselines), value=next(reversed(board.baselines), ""), label="Other baseline"
        )
        link = gr.Radio(["logit", "linear"], value="linear", label="Other link")
        shown = gr.Radio([(title, name) for name, title in SHOWN.items()], value=TOP, label="Models shown")
    return [by, split, baseline, link, shown]
