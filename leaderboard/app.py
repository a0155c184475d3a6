"""The page: Gradio controls wired to the functions of `pages`; nothing is computed here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import gradio as gr
from gradio.components import Component

from imagenet_g.leaderboard import pages
from imagenet_g.leaderboard.about import format_about
from imagenet_g.leaderboard.board import Board
from imagenet_g.leaderboard.controls import Controls, build_controls, fill_controls
from imagenet_g.leaderboard.image_views import build_compare_tab, build_image_tab, build_submit_tab
from imagenet_g.leaderboard.plot_script import find_plot_script, make_fetch_js
from imagenet_g.leaderboard.plots import MAX_PROFILES
from imagenet_g.leaderboard.queries import BoardQuery, format_query, parse_query, settle_query
from imagenet_g.leaderboard.state import Order, click_table, make_query, split_query
from imagenet_g.leaderboard.tables import format_columns, list_columns
from imagenet_g.leaderboard.views import (
    QUIET,
    TYPING,
    View,
    build_profile_tab,
    build_rank_tab,
    build_scatter_tab,
    build_table_tab,
)

TITLE = "# ImageNet-G leaderboard\nHow far image classifiers fall on images unlike ImageNet's."
ADDRESS_JS = "words => { history.replaceState({board: words}, '', '?' + words); return []; }"
OPEN_JS = """() => {
  if (history.state?.board === undefined) return NAME;  // The address has not been read yet.
  const words = new URLSearchParams(location.search);
  NAME ? words.set('tab', NAME) : words.delete('tab');
  history.replaceState({board: words.toString()}, '', '?' + words);
  return NAME;
}"""
"""The open tab is the page's own business: the server hears of it with the next change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What is wired.

    Attributes:
        board: What is shown.
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
        """What says which rows are shown how."""
        return [self.opened, self.columns, self.order, *self.controls]

    @property
    def outputs(self) -> list[Component]:
        """What a change of the rows changes."""
        return [self.order, self.table, self.address]

    @property
    def pickers(self) -> list[Component]:
        """Pickers whose choices are the models of the version."""
        return [view.models for view in self.views if view.models is not None]


def build_app(board: Board, *, submissions: Path, reports: Path) -> gr.Blocks:
    """All tabs over one board.

    Args:
        board: What is shown.
        submissions: Folder that uploads are compared with.
        reports: Folder that readers' reports on images go to.
    """
    start = settle_query(board, BoardQuery())
    app: gr.Blocks
    with gr.Blocks(title="ImageNet-G leaderboard", analytics_enabled=False, fill_width=True) as app:
        gr.Markdown(TITLE)
        controls, columns = build_controls(board, start)
        order = gr.State(split_query(start)[1])
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
        wire_rows(page)
        wire_start(page, app)
    return app


def show_rows(board: Board, opened: str, names: list[str], query: BoardQuery) -> tuple[Order, str, str]:
    """Outputs of a page: order, table and address."""
    words = format_query(replace(query, tab=opened, columns=format_columns(names)))
    return split_query(query)[1], pages.show_table(board, query, names), words


def wire_tabs(page: Page, tabs: list[gr.Tab]) -> None:
    """Which tab is open, in the address too; a view is drawn when its tab is opened."""
    for tab in tabs:
        name = "" if tab is tabs[0] else str(tab.id)
        tab.select(None, None, page.opened, js=OPEN_JS.replace("NAME", repr(name)))
    for view in page.views:
        view.tab.select(view.draw, view.inputs, view.outputs, **QUIET)


def wire_rows(page: Page) -> None:
    """Controls and clicks, to the table; and then to the view that is open."""
    board = page.board

    def change(opened: str, names: list[str], order: Order, *values: object) -> tuple[object, ...]:
        return show_rows(board, opened, names, make_query(board, values, (order[0], order[1], 0)))

    def split(opened: str, names: list[str], order: Order, *values: object) -> tuple[object, ...]:
        query = make_query(board, values, (order[0], order[1], 0))
        return fill_controls(board, query)[2], *show_rows(board, opened, names, query)

    def switch(opened: str, names: list[str], order: Order, *values: object) -> tuple[object, ...]:
        query = make_query(board, values, (order[0], order[1], 0))
        filled = fill_controls(board, query)
        return *filled, *fill_pickers(page, query), *show_rows(board, opened, names, query)

    def arrange(opened: str, names: list[str], order: Order, *values: object) -> tuple[object, ...]:
        return show_rows(board, opened, names, make_query(board, values, order))

    def click(event: gr.EventData, opened: str, names: list[str], order: Order, *values: object) -> object:
        query = make_query(board, values, click_table(order, dict(event._data or {})))
        return show_rows(board, opened, names, query)

    def seek(words: str, opened: str, names: list[str], order: Order, *values: object) -> tuple[object, ...]:
        # The box also changes when an address fills it, and then the page of the table must stay.
        same = not words or parse_query(words).search == make_query(board, values, order).search
        return tuple(gr.skip() for _ in page.outputs) if same else change(opened, names, order, *values)

    version, splits, view, baseline, link, search, *filters = page.controls
    everything = [*page.controls, *page.pickers, *page.outputs]
    for box, action, outputs in (
        (version, switch, everything),
        (splits, split, [view, *page.outputs]),
        *((box, change, page.outputs) for box in (view, baseline, link, *filters)),
    ):
        draw_opened(page, box.input(action, page.inputs, outputs, **TYPING))  # type: ignore[attr-defined]
    # Not `input`: a textbox does not say it when text is deleted or pasted.
    sought = search.change(seek, [page.address, *page.inputs], page.outputs, **TYPING)  # type: ignore[attr-defined]
    draw_opened(page, sought)
    page.columns.input(arrange, page.inputs, page.outputs, **TYPING)
    page.table.submit(click, page.inputs, page.outputs, **QUIET)


def wire_start(page: Page, app: gr.Blocks) -> None:
    """The address to the page when it is opened, and the page to the address ever after."""

    def load(request: gr.Request) -> tuple[object, ...]:
        query = settle_query(page.board, parse_query(str(request.query_params)))
        names = list(list_columns(query.columns))
        opened = query.tab if query.tab in {view.name for view in page.views} | {"submit", "about"} else ""
        filled = [*fill_controls(page.board, query), *fill_pickers(page, query)]
        selected = gr.Tabs(selected=opened) if opened else gr.skip()
        return *filled, names, opened, selected, *show_rows(page.board, opened, names, query)

    outputs = [*page.controls, *page.pickers, page.columns, page.opened, page.tabs, *page.outputs]
    # The event of the tab that is opened here may come before its controls are filled.
    loaded = app.load(load, None, outputs, **QUIET)
    draw_opened(page, loaded)
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


def draw_opened(page: Page, event: gr.events.Dependency) -> None:
    """After an event, draw the view whose tab is open; a plot nobody looks at costs everybody time."""
    inputs = [page.opened, *(box for view in page.views for box in view.inputs)]
    outputs = [box for view in page.views for box in view.outputs]
    event.then(partial(draw_one, page.views), inputs, outputs, **QUIET)


def draw_one(views: list[View], opened: str, *values: object) -> tuple[object, ...]:
    """Outputs of all views, of which only the open one's are drawn."""
    drawn: list[object] = []
    rest = list(values)
    for view in views:
        own, rest = rest[: len(view.inputs)], rest[len(view.inputs) :]
        drawn += view.draw(*own) if view.name == opened else [gr.skip() for _ in view.outputs]
    return tuple(drawn)
