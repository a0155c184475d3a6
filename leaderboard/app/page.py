"""The components of the page, and what a change of theirs is answered with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

from imagenet_g.leaderboard.app.controls import Controls, build_view_switch, fill_controls
from imagenet_g.leaderboard.app.number_tabs import PLOT_ORDER, View
from imagenet_g.leaderboard.app.opening_tab import OPENING
from imagenet_g.leaderboard.app.state import CONTROLS, Order, has_words, make_query, part_view, split_query
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.model_page.models import place_model
from imagenet_g.leaderboard.opening.known_models import choose_known_models
from imagenet_g.leaderboard.pages import pages
from imagenet_g.leaderboard.pages.model_links import MODEL_TAB
from imagenet_g.leaderboard.pages.plots import MAX_PROFILES
from imagenet_g.leaderboard.pages.queries import BoardQuery, format_query, parse_query, settle_query
from imagenet_g.leaderboard.pages.table_view import show_table
from imagenet_g.leaderboard.pages.tables import format_columns, list_columns

FIRST_TAB = "board"
"""Has no word in the address."""
OTHER_TABS = {OPENING, "submit", "about"}
"""Tabs that are no views."""
NUM_CONTROLS, VIEW = len(CONTROLS), CONTROLS.index("view")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The components that events connect.

    Attributes:
        board: The board shown.
        controls: As in `state.CONTROLS`.
        columns: Column picker.
        order: Sorting and page of the table.
        opened: Name of the open tab.
        model: Id of the model whose page is shown, hidden.
        address: The page's address, hidden.
        answered: Values of the controls that the rows shown belong to, as JSON, hidden.
        again: Changed by the browser where the controls have other values, hidden.
        tabs: All tabs.
        table: The table.
        views: Tabs that are drawn when they are open.
    """

    board: Board
    controls: Controls
    columns: gr.Dropdown
    order: gr.State
    opened: gr.Textbox
    model: gr.Textbox
    address: gr.Textbox
    answered: gr.Textbox
    again: gr.Textbox
    tabs: gr.Tabs
    table: gr.HTML
    views: list[View]

    @property
    def inputs(self) -> list[Component]:
        """Components that decide which rows are shown, and how."""
        return [self.opened, self.columns, self.order, *self.controls]

    @property
    def view_inputs(self) -> list[Component]:
        """Boxes of all views."""
        return [box for view in self.views for box in view.inputs]

    @property
    def view_outputs(self) -> list[Component]:
        """Components that all views fill."""
        return [box for view in self.views for box in view.outputs]

    @property
    def outputs(self) -> list[Component]:
        """Components that change with the rows."""
        return [self.order, self.table, self.address, self.answered]

    @property
    def change_inputs(self) -> list[Component]:
        """Components that decide the answer to a choice."""
        return [self.address, self.model, *self.inputs, *self.view_inputs]

    @property
    def change_outputs(self) -> list[Component]:
        """Components that a choice may change.

        In one response: Gradio's page requests the second only after it has the first.
        """
        return [*self.controls, *self.pickers, *self.outputs, *self.view_outputs]

    @property
    def address_outputs(self) -> list[Block]:
        """Components that an address fills."""
        return [
            *self.controls, *self.pickers, self.columns, self.opened, self.model, self.tabs, *self.outputs,
        ]  # fmt: skip

    @property
    def pickers(self) -> list[Component]:
        """Pickers whose choices are the models of the version."""
        return [view.models for view in self.views if view.models is not None]


def show_rows(
    board: Board, opened: str, names: list[str], query: BoardQuery, values: Sequence[object]
) -> tuple[Order, str, str, str]:
    """Outputs of a page: order, table, address, and the values of the controls as they are with it."""
    model = query.model if opened == MODEL_TAB else ""
    words = format_query(replace(query, tab=opened, columns=format_columns(names), model=model))
    answered = json.dumps(list(values), ensure_ascii=False, separators=(",", ":"))
    return split_query(query)[1], show_table(board, query, names), words, answered


def is_shown(board: Board, words: str, query: BoardQuery) -> bool:
    """Whether the page with this address shows the rows of a query already, on any page of the table.

    Controls that an address has filled raise change events for rows that are shown. A page without an address
    has not been filled yet.
    """
    shown = settle_query(board, parse_query(words))
    same = replace(query, page=shown.page, columns=shown.columns, tab=shown.tab, model=shown.model)
    return not words or shown == same


def answer_change(
    page: Page, query: BoardQuery, shown: tuple[str, str, list[str]], values: Sequence[object]
) -> tuple[object, ...]:
    """Controls, pickers, table and view after a choice.

    Only what the choice changes is filled: a choice that the reader makes meanwhile must stand.

    Args:
        page: The components.
        query: That of the controls.
        shown: The page's address, its open tab and its columns.
        values: Those of the controls, then those of the views' boxes.
    """
    words, opened, names = shown
    before = settle_query(page.board, parse_query(words))
    values, own = list(values[:NUM_CONTROLS]), values[NUM_CONTROLS:]
    settled = split_query(query)[0]
    filled: list[object] = [gr.skip() for _ in page.controls]
    pickers: dict[Component, dict[str, Any]] = {}
    if before.version != query.version:
        filled, values = fill_controls(page.board, query, values), list(settled)
        pickers = fill_pickers(page, query)
    # Of another split, not of another view: an address fills the view after the split, and must not lose it.
    elif part_view(before.split)[0] != part_view(query.split)[0]:
        splits = page.board.info.find_version(query.version).splits
        filled[VIEW], values[VIEW] = build_view_switch(splits, query.split), settled[VIEW]
    boxes = [
        pickers[box]["value"] if box in pickers else value
        for box, value in zip(page.view_inputs, own, strict=True)
    ]
    return (
        *filled,
        *(pickers.get(box, gr.skip()) for box in page.pickers),
        *show_rows(page.board, opened, names, query, values),
        *draw_open_view(page, opened, *values, *boxes),
    )


def show_address(page: Page, words: str, open_now: str, given: Sequence[object]) -> tuple[object, ...]:
    """Values of `Page.address_outputs` for an address.

    Args:
        page: The components.
        words: The part of the address behind "?"; what is unknown in it is left out.
        open_now: Name of the tab that is open.
        given: Values that the controls have.
    """
    query = settle_query(page.board, place_model(page.board, parse_query(words)))
    names = list(list_columns(query.columns))
    # An address may name any tab; Gradio would open none for one that does not exist.
    tab = MODEL_TAB if query.model else query.tab
    opened = tab if tab in {view.name for view in page.views} | OTHER_TABS else ""
    opened = opened if has_words(words) else OPENING
    # Models that a reader has picked stand in no address.
    pickers = fill_pickers(page, query) if given[0] != query.version else {}
    return (
        *fill_controls(page.board, query, given),
        *(pickers.get(box, gr.skip()) for box in page.pickers),
        names,
        opened,
        query.model,
        gr.Tabs(selected=opened or FIRST_TAB) if opened != open_now else gr.skip(),
        *show_rows(page.board, opened, names, query, split_query(query)[0]),
    )


def fill_pickers(page: Page, query: BoardQuery) -> dict[Component, dict[str, Any]]:
    """The models of the query's version, for every picker of models."""
    known = choose_known_models(page.board, query.version)
    models = pages.offer_models(page.board, query.version, "", known)
    return {
        picker: gr.update(choices=models, value=known if picker.max_choices == MAX_PROFILES else [])  # type: ignore[attr-defined]
        for picker in page.pickers
    }


def draw_open_view(page: Page, opened: str, *values: object) -> list[object]:
    """Outputs of all views, of which only the open one is drawn: drawing hidden ones would slow every change.

    Args:
        page: The components.
        opened: Name of the open tab.
        *values: Those of the controls, then those of the views' boxes.
    """
    query = make_query(page.board, values[:NUM_CONTROLS], PLOT_ORDER)
    rest = list(values[NUM_CONTROLS:])
    drawn: list[object] = []
    for view in page.views:
        own, rest = rest[: len(view.inputs)], rest[len(view.inputs) :]
        drawn += view.draw(query, *own) if view.name == opened else [gr.skip() for _ in view.outputs]
    return drawn
