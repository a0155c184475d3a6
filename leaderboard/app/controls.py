"""The controls above the tabs and in the drawer: their choices for a version, their values for a query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import gradio as gr
from gradio.components import Component

from imagenet_g.leaderboard.app.state import CONTROLS, RAW, list_bases, list_views, part_view, split_query
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.pages.filters import ANY, SIZES
from imagenet_g.leaderboard.pages.queries import (
    FILTER_COLUMNS,
    GENERATED,
    NEW_ROWS,
    BoardQuery,
    list_choices,
)
from imagenet_g.leaderboard.pages.tables import DEFAULT_COLUMNS, load_columns
from imagenet_g.leaderboard.selecting.ranges import EXAMPLE

Controls: TypeAlias = list[Component]
DRAWER, TOGGLE = "drawer", "drawer-button"
DRAWER_JS = """() => {
  const drawer = document.querySelector('#DRAWER'), button = document.querySelector('#TOGGLE');
  const set = open => {
    drawer.toggleAttribute('data-open', open);
    button.setAttribute('aria-expanded', open);
    (open ? drawer.querySelector('button') : button).focus();
  };
  drawer.onkeydown = event => { if (event.key === 'Escape' && !event.defaultPrevented) set(false); };
  set(!drawer.hasAttribute('data-open'));
  return [];
}""".replace("DRAWER", DRAWER).replace("TOGGLE", TOGGLE)


def build_controls(board: Board, start: BoardQuery) -> tuple[Controls, gr.Dropdown]:
    """The controls in the order of `state.CONTROLS`, and the column picker."""
    with gr.Row(elem_classes="controls"):
        first = _build_choices(board, start)
        search = gr.Textbox(label="Search", placeholder="resnet; vit", min_width=140, elem_id="search")
        toggle = gr.Button("Filters and columns", min_width=140, elem_id=TOGGLE)
    # A column that style makes a drawer: Gradio's own sidebar lies over the page, and cannot be put away by
    # the button that opens it.
    with gr.Column(elem_id=DRAWER):
        close = gr.Button("Close", elem_id="close-drawer", size="sm")
        line = _build_line(board, start)
        filters = _build_filters(board, start.version)
        columns = gr.Dropdown(
            [(column.title, column.name) for column in load_columns().values()],
            value=list(DEFAULT_COLUMNS),
            multiselect=True,
            label="Columns",
        )
    for button in (toggle, close):
        button.click(None, js=DRAWER_JS)
    return [*first, *line, search, *filters, build_axis(start)], columns


def build_axis(start: BoardQuery) -> gr.Radio:
    """What accuracy is drawn against; put onto the page by the tab with the plot."""
    names = [("clean accuracy", "clean"), ("parameters", "parameters"), ("images a second", "throughput")]
    return gr.Radio(names, value=start.axis, label="Horizontal axis", elem_id="axis", render=False)


def _build_choices(board: Board, start: BoardQuery) -> Controls:
    """Version, split and images."""
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
    ]


def _build_line(board: Board, start: BoardQuery) -> Controls:
    """Baseline and link of the effective robustness."""
    baselines = list(board.list_baselines(start.version))
    return [
        gr.Dropdown(baselines, value=start.baseline, label="Baseline of ER", min_width=140),
        gr.Radio(["logit", "linear"], value=start.link, label="Link", min_width=140),
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
        gr.Textbox(label="Ranges", placeholder=EXAMPLE, min_width=140, elem_id="ranges"),
        gr.Textbox(label="New since", placeholder="2026-03-31", min_width=140, elem_id="since"),
        gr.Radio(list(NEW_ROWS), value=NEW_ROWS[0], label="New rows", min_width=140),
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
