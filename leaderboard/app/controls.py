"""The controls above the tabs: their choices for a version, and their values for a query."""

from __future__ import annotations

from typing import Any, TypeAlias

import gradio as gr
from gradio.components import Component

from imagenet_g.leaderboard.app.state import CONTROLS, RAW, list_bases, list_views, part_view, split_query
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.pages.queries import ANY, FILTER_COLUMNS, SIZES, BoardQuery, list_choices
from imagenet_g.leaderboard.pages.tables import DEFAULT_COLUMNS, load_columns

Controls: TypeAlias = list[Component]
_ANY_VALUE: dict[str, Any] = {"min_width": 140, "allow_custom_value": True}


def build_controls(board: Board, start: BoardQuery) -> tuple[Controls, gr.Dropdown]:
    """The controls in the order of `state.CONTROLS`, and the column picker.

    Those whose choices depend on the version take any value. A change of version fills them on the server
    while the page may still send a value of the version before: Gradio would refuse it, and `make_query`
    takes the nearest that the version has.
    """
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
    names = [version.name for version in board.info.versions]
    splits = board.info.find_version(start.version).splits
    return [
        gr.Dropdown(names, value=start.version, label="Version", min_width=140),
        gr.Dropdown(
            list(list_bases(splits)),
            value=part_view(start.split)[0],
            label="Split",
            min_width=220,
            allow_custom_value=True,
        ),
        build_view_switch(splits, start.split),
        gr.Dropdown(
            list(board.list_baselines(start.version)),
            value=start.baseline,
            label="Baseline of ER",
            **_ANY_VALUE,
        ),
        gr.Radio(["logit", "linear"], value=start.link, label="Link", min_width=140),
        gr.Textbox(label="Search", placeholder="resnet; vit", min_width=160, elem_id="search"),
    ]


def _build_filters(board: Board, version: str) -> Controls:
    """The filters of the table."""
    choices = {name: list_choices(board, version, name) for name in FILTER_COLUMNS}
    return [
        gr.Dropdown(choices["training"], value=ANY, label="Training data", **_ANY_VALUE),
        gr.Dropdown(choices["supervision"], value=ANY, label="Supervision", **_ANY_VALUE),
        gr.Dropdown([ANY, "yes", "none", "unknown"], value=ANY, label="Trained on generated", min_width=140),
        gr.Dropdown(choices["trust"], value=ANY, label="Trust", **_ANY_VALUE),
        gr.Dropdown(choices["family"], value=ANY, label="Family", **_ANY_VALUE),
        gr.Dropdown([ANY, *SIZES], value=ANY, label="Parameters", min_width=140),
    ]


def build_view_switch(splits: tuple[str, ...], split: str) -> gr.Radio:
    """A switch between all images and filtered ones; hidden for a split without a filtered view."""
    # Hidden and not left out: Gradio's events take a fixed list of components, whatever the split.
    base, view = part_view(split)
    views = list_views(splits, base)
    choices = [("all" if one == RAW else one, one) for one in views]
    return gr.Radio(choices, value=view, label="Images", min_width=180, visible=views != (RAW,))


def fill_controls(board: Board, query: BoardQuery) -> list[object]:
    """Every control with its choices in the query's version and the query's value."""
    values = dict(zip(CONTROLS, split_query(query)[0], strict=True))
    splits = board.info.find_version(query.version).splits
    # Choices and value in one update: Gradio refuses a value that is not among the choices it has.
    filled: dict[str, object] = dict(values)
    filled["split"] = gr.Dropdown(list(list_bases(splits)), value=values["split"])
    filled["view"] = build_view_switch(splits, query.split)
    filled["baseline"] = gr.Dropdown(list(board.list_baselines(query.version)), value=values["baseline"])
    for name in FILTER_COLUMNS:
        filled[name] = gr.Dropdown(list_choices(board, query.version, name), value=values[name])
    return [filled[name] for name in CONTROLS]
