"""The tabs of numbers: each builds its controls and says how it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
from gradio.components import Component

from imagenet_g.leaderboard import pages
from imagenet_g.leaderboard.board import Board
from imagenet_g.leaderboard.controls import Controls
from imagenet_g.leaderboard.plots import MAX_PROFILES
from imagenet_g.leaderboard.queries import BoardQuery
from imagenet_g.leaderboard.state import Order, make_query
from imagenet_g.leaderboard.tables import DEFAULT_COLUMNS

# Answers take milliseconds: a queue, and the words about waiting in it, would take longer.
QUIET: dict[str, Any] = {"show_progress": "hidden", "queue": False}
# What is typed while an answer is on its way must not be lost.
TYPING: dict[str, Any] = {**QUIET, "trigger_mode": "always_last"}
TABLE_JS = """
element.addEventListener('click', event => {
  const target = event.target.closest('[data-sort], [data-page]');
  if (!target || target.disabled) return;
  trigger('submit', {sort: target.dataset.sort || null, page: target.dataset.page || null});
});
"""


@dataclass(frozen=True, slots=True)
class View:
    """A tab that is drawn when it is opened, and again when a control changes.

    Attributes:
        tab: The tab itself.
        name: Its word in the address.
        draw: From the values of the inputs to those of the outputs.
        inputs: Controls it reads.
        outputs: Components it fills, two at least: a single one would not be given a tuple.
        models: Its picker of models, whose choices follow the version; None where it has none.
    """

    tab: gr.Tab
    name: str
    draw: Callable[..., tuple[object, ...]]
    inputs: Sequence[Component]
    outputs: Sequence[Component]
    models: gr.Dropdown | None = None


def build_table_tab(board: Board, start: BoardQuery) -> tuple[gr.Tab, gr.HTML]:
    """The table."""
    with gr.Tab("Board", id="board") as tab:
        table = gr.HTML(
            pages.show_table(board, start, DEFAULT_COLUMNS), js_on_load=TABLE_JS, elem_id="board-table"
        )
    return tab, table


def build_scatter_tab(board: Board, controls: Controls, order: gr.State, start: BoardQuery) -> View:
    """Accuracy against accuracy."""
    with gr.Tab("Accuracy against accuracy", id="scatter") as tab:
        models = pages.list_models(board, start.version)
        chosen = gr.Dropdown(models, value=[], multiselect=True, label="Name these models", elem_id="named")
        plot = gr.Plot(show_label=False, elem_id="scatter")
        words = gr.Markdown(elem_id="scatter-words")

    def draw(names: list[str], sorting: Order, *values: object) -> tuple[object, ...]:
        query = make_query(board, values, sorting)
        return pages.show_scatter(board, query, names or []), pages.describe_scatter(board, query)

    inputs, outputs = [chosen, order, *controls], [plot, words]
    chosen.input(draw, inputs, outputs, **TYPING)
    return View(tab, "scatter", draw, inputs, outputs, chosen)


def build_profile_tab(board: Board, controls: Controls, order: gr.State, start: BoardQuery) -> View:
    """One metric over all splits of the version, for a few models."""
    with gr.Tab("Profiles", id="profiles") as tab:
        with gr.Row():
            models = pages.list_models(board, start.version)
            chosen = gr.Dropdown(
                models,
                value=[model_id for _, model_id in models[:3]],
                multiselect=True,
                max_choices=MAX_PROFILES,
                label="Up to six models",
            )
            metric = gr.Radio([("AG", "gap"), ("ER", "er"), ("top-1", "top1")], value="gap", label="Metric")
        plot = gr.Plot(show_label=False, elem_id="profiles")
        words = gr.Markdown(elem_id="profiles-words")

    def draw(names: list[str], what: str, sorting: Order, *values: object) -> tuple[object, ...]:
        figure = pages.show_profiles(board, make_query(board, values, sorting), names or [], what)
        return figure, pages.describe_profiles(figure, what)

    inputs, outputs = [chosen, metric, order, *controls], [plot, words]
    for event in (chosen.input, metric.input):
        event(draw, inputs, outputs, **TYPING)
    return View(tab, "profiles", draw, inputs, outputs, chosen)


def build_rank_tab(board: Board, controls: Controls, order: gr.State) -> View:
    """Ranks as the controls above say, and under another split or filter, baseline and link."""
    with gr.Tab("Rank changes", id="ranks") as tab:
        with gr.Row():
            by = gr.Radio([("ER", "er"), ("AG", "gap"), ("top-1", "top1")], value="er", label="Ranked by")
            split = gr.Dropdown([("the same", "")], value="", label="Other split or view")
            baseline = gr.Dropdown(
                list(board.baselines), value=next(reversed(board.baselines), ""), label="Other baseline"
            )
            link = gr.Radio(["logit", "linear"], value="linear", label="Other link")
        words = gr.Markdown(elem_id="ranks-words")
        plot = gr.Plot(show_label=False, elem_id="ranks")

    def draw(
        how: str, other_split: str, other_baseline: str, other_link: str, sorting: Order, *values: object
    ) -> tuple[object, ...]:
        query = make_query(board, values, sorting)
        splits = board.info.find_version(query.version).splits
        other = other_split if other_split in splits else ""
        there = replace(query, split=other or query.split, baseline=other_baseline or "", link=other_link)
        return (
            gr.Dropdown([("the same", ""), *((name, name) for name in splits)], value=other),
            pages.describe_rank_changes(board, query, there, how),
            pages.show_rank_changes(board, query, there, how),
        )

    inputs, outputs = [by, split, baseline, link, order, *controls], [split, words, plot]
    for event in (by.input, split.input, baseline.input, link.input):
        event(draw, inputs, outputs, **TYPING)
    return View(tab, "ranks", draw, inputs, outputs)
