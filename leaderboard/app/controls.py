"""The controls above the tabs: their choices for a version, and their values for a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import gradio as gr
from gradio.components import Component

from imagenet_g.leaderboard.app.state import CONTROLS, RAW, list_bases, list_views, part_view, split_query
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.pages.queries import (
    ANY,
    FILTER_COLUMNS,
    GENERATED,
    SIZES,
    BoardQuery,
    list_choices,
)
from imagenet_g.leaderboard.pages.tables import DEFAULT_COLUMNS, load_columns

Controls: TypeAlias = list[Component]


def build_controls(board: Board, start: BoardQuery) -> tuple[Controls, gr.Dropdown]:
    """The controls in the order of `state.CONTROLS`, and the column picker."""
    with gr.Row(elem_classes="controls"):
        first = _build_choices(board, start)
    with gr.Accordion("Filters and columns", open=False), gr.Row():
        rest = _build_filters(board, start.version)
        columns = gr.Dropdown(
            [(column.title, column.name) for column in load_columns().values()],
            value=list(DEFAULT_COLUMNS),
            multiselect=True,
            label="Columns",
        )
    return [*first, *rest], columns


def _build_choices(board: Board, start: BoardQuery) -> Controls:
    """Version, split, images, baseline, link and search."""
    names = [(version.label, version.name) for version in board.info.versions]
    splits = board.info.find_version(start.version).splits
    return [
        gr.Dropdown(names, value=start.version, label="Version", min_width=140),
        gr.Dropdown(
            list(list_bases(splits)),
            value=part_view(start.split)[0],
            label="Split",
            min_width=220,
        ),
        build_view_switch(splits, start.split),
        gr.Dropdown(
            list(board.list_baselines(start.version)),
            value=start.baseline,
            label="Baseline of ER",
            min_width=140,
        ),
        gr.Radio(["logit", "linear"], value=start.link, label="Link", min_width=140),
        gr.Textbox(label="Search", placeholder="resnet; vit", min_width=160, elem_id="search"),
    ]


def _build_filters(board: Board, version: str) -> Controls:
    """The filters of the table."""
    choices = {name: list_choices(board, version, name) for name in FILTER_COLUMNS}
    return [
        gr.Dropdown(choices["training"], value=ANY, label="Training data", min_width=140),
        gr.Dropdown(choices["supervision"], value=ANY, label="Supervision", min_width=140),
        gr.Dropdown([ANY, *GENERATED], value=ANY, label="Trained on generated", min_width=140),
        gr.Dropdown(choices["trust"], value=ANY, label="Trust", min_width=140),
        gr.Dropdown(choices["family"], value=ANY, label="Family", min_width=140),
        gr.Dropdown([ANY, *SIZES], value=ANY, label="Parameters", min_width=140),
    ]


def build_view_switch(splits: tuple[str, ...], split: str) -> gr.Radio:
    """A switch between all images and filtered ones; hidden for a split without a filtered view."""
    # Hidden and not left out: Gradio's events take a fixed list of components, whatever the split.
    base, view = part_view(split)
    views = list_views(splits, base)
    choices = [("all" if one == RAW else one, one) for one in views]
    return gr.Radio(choices, value=view, label="Images", min_width=180, visible=views != (RAW,))


def fill_controls(board: Board, query: BoardQuery, given: Sequence[object]) -> list[object]:
    """Every control with its choices in the query's version, and with the query's value where it is another.

    Args:
        board: The board shown.
        query: What the page shows from now on.
        given: Values that the controls have, as far as the server received them. A control that has the
            query's value gets none: its reader may have chosen another meanwhile.
    """
    values = dict(zip(CONTROLS, split_query(query)[0], strict=True))
    splits = board.info.find_version(query.version).splits
    choices: dict[str, Sequence[str]] = {
        "split": list_bases(splits),
        "baseline": board.list_baselines(query.version),
        **{name: list_choices(board, query.version, name) for name in FILTER_COLUMNS},
    }
    # Choices and value in one update: Gradio refuses a value that is not among the choices it has.
    updates: dict[str, dict[str, Any]] = {name: {} for name in CONTROLS}
    updates |= {name: {"choices": list(found)} for name, found in choices.items()}
    for name, had in zip(CONTROLS, given, strict=True):
        updates[name] |= {} if had == values[name] else {"value": values[name]}
    filled = {name: gr.update(**update) if update else gr.skip() for name, update in updates.items()}
    return [*({**filled, "view": build_view_switch(splits, query.split)}).values()]
