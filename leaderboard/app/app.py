"""The page: Gradio controls wired to the functions of `pages`; nothing is computed here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr
from gradio.components import Component

from imagenet_g.leaderboard.app.controls import Controls, build_controls, build_view_switch, fill_controls
from imagenet_g.leaderboard.app.image_tabs import build_compare_tab, build_image_tab, build_submit_tab
from imagenet_g.leaderboard.app.number_tabs import (
    PLOT_ORDER,
    QUIET,
    TYPING,
    View,
    build_profile_tab,
    build_rank_tab,
    build_scatter_tab,
    build_table_tab,
)
from imagenet_g.leaderboard.app.plot_script import find_plot_script, make_fetch_js
from imagenet_g.leaderboard.app.state import CONTROLS, Order, click_table, make_query, split_query
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.pages import pages
from imagenet_g.leaderboard.pages.about import format_about
from imagenet_g.leaderboard.pages.plots import MAX_PROFILES
from imagenet_g.leaderboard.pages.queries import BoardQuery, format_query, parse_query, settle_query
from imagenet_g.leaderboard.pages.tables import format_columns, list_columns

TITLE = (
    "# ImageNet-G leaderboard\nAccuracy of image classifiers on generated images and other shifted test sets."
)
ADDRESS_JS = "words => { history.replaceState({board: words}, '', '?' + words); return []; }"
OPEN_JS = """() => {
  if (history.state?.board === undefined) return NAME;  // The address has not been read yet.
  const words = new URLSearchParams(location.search);
  NAME ? words.set('tab', NAME) : words.delete('tab');
  history.replaceState({board: words.toString()}, '', '?' + words);
  return NAME;
}"""
"""The browser keeps the open tab by itself; the server receives it with the next change."""
NUM_CONTROLS = len(CONTROLS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The components that events connect.

    Attributes:
        board: The board shown.
        controls: As in `state.CONTROLS`.
        columns: Column picker.
        order: Sorting and page of the table.
        opened: Name of the open tab.
        address: The page's address, hidden.
        tabs: All tabs.
        table: The table.
        views: Tabs that are drawn when they are open.
    """

    board: Board
    controls: Controls
    columns: gr.Dropdown
    order: gr.State
    opened: gr.Textbox
    address: gr.Textbox
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
        return [self.order, self.table, self.address]

    @property
    def pickers(self) -> list[Component]:
        """Pickers whose choices are the models of the version."""
        return [view.models for view in self.views if view.models is not None]


def build_app(board: Board, *, submissions: Path, reports: Path) -> gr.Blocks:
    """All tabs over one board.

    Args:
        board: The board shown.
        submissions: Folder that uploads are compared with.
        reports: Folder that readers' reports on images go to.
    """
    start = settle_query(board, BoardQuery())
    app: gr.Blocks
    with gr.Blocks(title="ImageNet-G leaderboard", analytics_enabled=False, fill_width=True) as app:
        gr.Markdown(TITLE)
        controls, columns = build_controls(board, start)
        order = gr.State(split_query(start)[1])
        # Hidden by style and not absent: an event needs a component whose change the script can listen to.
        address = gr.Textbox(visible="hidden", elem_id="address", label="address")
        opened = gr.Textbox(visible="hidden", elem_id="opened", label="open tab")
        with gr.Tabs() as tabs:
            table_tab, table = build_table_tab(board, start)
            views = [
                build_scatter_tab(board, controls, start),
                build_profile_tab(board, controls, start),
                build_rank_tab(board, controls),
                build_compare_tab(board, controls),
                build_image_tab(board, controls, reports),
            ]
            submit_tab = build_submit_tab(submissions)
            with gr.Tab("About", id="about") as about_tab:
                gr.Markdown(format_about(board), elem_id="about")
        page = Page(
            board=board, controls=controls, columns=columns, order=order, opened=opened, address=address,
            tabs=tabs, table=table, views=views,
        )  # fmt: skip
        wire_tabs(page, [table_tab, *(view.tab for view in views), submit_tab, about_tab])
        wire_controls(page)
        wire_table(page)
        wire_start(page, app)
    return app


def show_rows(board: Board, opened: str, names: list[str], query: BoardQuery) -> tuple[Order, str, str]:
    """Outputs of a page: order, table and address."""
    words = format_query(replace(query, tab=opened, columns=format_columns(names)))
    return split_query(query)[1], pages.show_table(board, query, names), words


def wire_tabs(page: Page, tabs: list[gr.Tab]) -> None:
    """Which tab is open, in the address too."""
    for tab in tabs:
        name = "" if tab is tabs[0] else str(tab.id)
        tab.select(None, None, page.opened, js=OPEN_JS.replace("NAME", repr(name)))


def wire_controls(page: Page) -> None:
    """Controls, to the table and to the view that is open."""
    board = page.board

    def change(
        words: str, opened: str, names: list[str], order: Order, *values: object
    ) -> tuple[object, ...]:
        query = make_query(board, values[:NUM_CONTROLS], (order[0], order[1], 0))
        if is_shown(board, words, query):
            return tuple(gr.skip() for _ in outputs)
        return *show_rows(board, opened, names, query), *draw_open_view(page, opened, *values)

    def split(words: str, opened: str, names: list[str], order: Order, *values: object) -> tuple[object, ...]:
        query = make_query(board, values[:NUM_CONTROLS], order)
        switch = build_view_switch(board.info.find_version(query.version).splits, query.split)
        return switch, *change(words, opened, names, order, *values)

    def turn(opened: str, names: list[str], order: Order, *values: object) -> tuple[object, ...]:
        query = make_query(board, values, (order[0], order[1], 0))
        filled = fill_controls(board, query)
        return *filled, *fill_pickers(page, query), *show_rows(board, opened, names, query)

    version, splits, view, baseline, link, search, *filters = page.controls
    # One response for table and view: Gradio's page requests the second only after it has the first.
    inputs = [page.address, *page.inputs, *page.view_inputs]
    outputs = [*page.outputs, *page.view_outputs]
    # Not `input`: a dropdown raises it twice, and when it merely loses focus; a textbox does not raise it
    # when text is deleted or pasted.
    splits.change(split, inputs, [view, *outputs], **TYPING)  # type: ignore[attr-defined]
    for box in (view, baseline, link, search, *filters):
        box.change(change, inputs, outputs, **TYPING)  # type: ignore[attr-defined]
    # The view is drawn from boxes that this one fills.
    everything = [*page.controls, *page.pickers, *page.outputs]
    draw_after(page, version.input(turn, page.inputs, everything, **TYPING))  # type: ignore[attr-defined]


def is_shown(board: Board, words: str, query: BoardQuery) -> bool:
    """Whether the page with this address shows the rows of a query already, on any page of the table.

    Controls that an address has filled raise change events for rows that are shown. A page without an address
    has not been filled yet.
    """
    shown = settle_query(board, parse_query(words))
    same = replace(query, page=shown.page, columns=shown.columns, tab=shown.tab)
    return not words or shown == same


def wire_table(page: Page) -> None:
    """Columns, headings and pager, to the table alone."""
    board = page.board

    def arrange(opened: str, names: list[str], order: Order, *values: object) -> tuple[object, ...]:
        return show_rows(board, opened, names, make_query(board, values, order))

    def click(event: gr.EventData, opened: str, names: list[str], order: Order, *values: object) -> object:
        query = make_query(board, values, click_table(order, dict(event._data or {})))
        return show_rows(board, opened, names, query)

    page.columns.input(arrange, page.inputs, page.outputs, **TYPING)
    page.table.submit(click, page.inputs, page.outputs, **QUIET)


def wire_start(page: Page, app: gr.Blocks) -> None:
    """From the address to the page when it is opened, and from the page to the address afterwards."""

    def load(request: gr.Request) -> tuple[object, ...]:
        query = settle_query(page.board, parse_query(str(request.query_params)))
        names = list(list_columns(query.columns))
        # An address may name any tab; Gradio would open none for one that does not exist.
        opened = query.tab if query.tab in {view.name for view in page.views} | {"submit", "about"} else ""
        filled = [*fill_controls(page.board, query), *fill_pickers(page, query)]
        selected = gr.Tabs(selected=opened) if opened else gr.skip()
        return *filled, names, opened, selected, *show_rows(page.board, opened, names, query)

    outputs = [*page.controls, *page.pickers, page.columns, page.opened, page.tabs, *page.outputs]
    # The event of the tab that is opened here may come before its controls are filled.
    loaded = app.load(load, None, outputs, **QUIET)
    draw_after(page, loaded)
    loaded.then(None, None, None, js=make_fetch_js(find_plot_script()))
    page.address.change(None, page.address, None, js=ADDRESS_JS)


def fill_pickers(page: Page, query: BoardQuery) -> list[gr.Dropdown]:
    """The models of the query's version, for every picker of models."""
    models = pages.offer_models(page.board, query.version)
    first = [model_id for _, model_id in models[:3]]
    return [
        gr.Dropdown(models, value=first if picker.max_choices == MAX_PROFILES else [])  # type: ignore[attr-defined]
        for picker in page.pickers
    ]


def draw_after(page: Page, event: gr.events.Dependency) -> None:
    """Draw the open view once an event has filled the boxes that it is drawn from."""

    def draw(opened: str, *values: object) -> list[object]:
        return draw_open_view(page, opened, *values)

    event.then(draw, [page.opened, *page.controls, *page.view_inputs], page.view_outputs, **QUIET)


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
