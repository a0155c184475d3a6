"""The page: Gradio controls wired to the functions of `pages`; nothing is computed here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gradio as gr

from imagenet_g.leaderboard.app.controls import build_controls
from imagenet_g.leaderboard.app.hub_states import make_states
from imagenet_g.leaderboard.app.image_tabs import build_compare_tab, build_image_tab
from imagenet_g.leaderboard.app.model_tab import VISIT_JS, build_model_tab, build_visit_parts
from imagenet_g.leaderboard.app.number_tabs import (
    PLOT_ORDER,
    QUIET,
    TYPING,
    build_profile_tab,
    build_scatter_tab,
    build_table_tab,
)
from imagenet_g.leaderboard.app.opening_tab import OPENING, build_opening_tab
from imagenet_g.leaderboard.app.order_tab import build_order_tab
from imagenet_g.leaderboard.app.page import (
    FIRST_TAB,
    NUM_CONTROLS,
    Page,
    answer_change,
    draw_open_view,
    is_shown,
    show_address,
    show_rows,
)
from imagenet_g.leaderboard.app.plot_script import find_plot_script, make_fetch_js
from imagenet_g.leaderboard.app.state import Order, click_table, make_query, split_query
from imagenet_g.leaderboard.app.submit_tab import build_submit_tab
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.pages.about import format_about
from imagenet_g.leaderboard.pages.model_links import MODEL_TAB
from imagenet_g.leaderboard.pages.queries import BoardQuery, parse_query, settle_query
from imagenet_g.leaderboard.uploads.store import UploadStore

TITLE = (
    "# ImageNet-G leaderboard\nAccuracy of image classifiers on generated images and other shifted test sets."
)
ADDRESS_JS = """words => {
  const {board: before, typed: typing} = history.state ?? {};
  const [now, then] = [words, before].map(text => new URLSearchParams(text));
  const same = before === undefined || `${now}` === `${then}`;
  const texts = ['search', 'ranges', 'since'];
  const searched = texts.some(name => now.get(name) !== then.get(name));
  for (const all of [now, then]) [...texts, 'part'].forEach(name => all.delete(name));
  const typed = same ? typing : searched && `${now}` === `${then}`;
  const method = same || (typed && typing) ? 'replaceState' : 'pushState';
  history[method]({board: words, typed}, '', '?' + words);
  return [];
}"""
"""An entry of the browser's history for each state that a reader makes; one for all letters of a text."""
OPEN_JS = """model => {
  if (history.state?.board === undefined) return NAME;  // The address has not been read yet.
  const words = new URLSearchParams(location.search);
  // Opened by an address or a link, perhaps of a state that the reader has left again; not by a press.
  if (!window.pressedTab || (words.get('tab') ?? '') === NAME) return NAME;
  window.pressedTab = false;
  NAME === 'model' && model ? words.set('model', model) : words.delete('model');
  NAME ? words.set('tab', NAME) : words.delete('tab');
  history.pushState({board: words.toString()}, '', '?' + words);
  return NAME;
}"""
"""The browser keeps the open tab by itself; the server receives it with the next change."""
RESTORE = "restore"
LISTEN_JS = """() => {
  const restore = () => document.querySelector('#RESTORE').click();
  window.onpopstate = event => {
    window.pressedTab = false;
    if (event.state?.board !== undefined) restore();
  };
  document.addEventListener('click', event => {
    window.pressedTab = Boolean(event.target.closest?.('.tab-wrapper'));
  }, true);
  return [];
}""".replace("RESTORE", RESTORE)
"""Only an event of a component reaches the server: back and forward press a button that nobody sees."""
READ_JS = "(words, ...others) => [location.search.slice(1), ...others]"
SETTLE_JS = """(again, answered, ...values) => {
  const words = JSON.stringify(values);
  const settled = !answered || words === answered;
  const ask = !settled && window.askedAgain !== words;
  window.askedAgain = settled ? null : words;
  return ask ? String(Number(again) + 1) : again;
}"""
"""A new number raises an event. What was asked for again is not asked for a third time."""


def build_app(board: Board, *, submissions: Path, reports: Path, store: UploadStore) -> gr.Blocks:
    """All tabs over one board.

    Args:
        board: The board shown.
        submissions: Folder that uploads are compared with.
        reports: Folder that readers' reports on images go to.
        store: Where uploads lie until their report.
    """
    start = settle_query(board, BoardQuery())
    app: gr.Blocks
    # Whatever Gradio itself writes is deleted within minutes.
    with gr.Blocks(
        title="ImageNet-G leaderboard", analytics_enabled=False, fill_width=True, delete_cache=(60, 300)
    ) as app:
        gr.Markdown(TITLE)
        with gr.Column(elem_id="choices"):
            controls, columns = build_controls(board, start)
        order = gr.State(split_query(start)[1])
        # Hidden by style and not absent: an event needs a component whose change the script can listen to.
        address = gr.Textbox(visible="hidden", elem_id="address", label="address")
        answered = gr.Textbox(visible="hidden", elem_id="answered", label="values of the rows shown")
        again = gr.Textbox(visible="hidden", elem_id="again", label="values to be shown")
        opened = gr.Textbox(visible="hidden", elem_id="opened", label="open tab")
        model, visit = build_visit_parts()
        restore = gr.Button("Restore the address", visible="hidden", elem_id=RESTORE)
        with gr.Tabs(selected=OPENING) as tabs:
            opening_tab = build_opening_tab(board)
            table_tab, table = build_table_tab(board, start)
            views = [
                build_scatter_tab(board, controls, start),
                build_profile_tab(board, controls, start),
                build_order_tab(board, controls),
                build_compare_tab(board, controls),
                build_image_tab(board, controls, reports),
                build_model_tab(board, controls, model),
            ]
            submit_tab = build_submit_tab(submissions, store, make_states(board))
            about_tab = build_about_tab(board)
        page = Page(
            board=board, controls=controls, columns=columns, order=order, opened=opened, model=model,
            address=address, answered=answered, again=again, tabs=tabs, table=table, views=views,
        )  # fmt: skip
        wire_tabs(page, [opening_tab, table_tab, *(view.tab for view in views), submit_tab, about_tab])
        wire_controls(page)
        wire_table(page)
        wire_start(page, app)
        wire_history(page, restore, visit)
    return app


def build_about_tab(board: Board) -> gr.Tab:
    """Commands, definitions and what the board was built from."""
    tab: gr.Tab
    with gr.Tab("About", id="about", elem_id="about-tab") as tab:
        gr.Markdown(format_about(board), elem_id="about")
    return tab


def wire_tabs(page: Page, tabs: list[gr.Tab]) -> None:
    """Which tab is open, in the address too."""
    for tab in tabs:
        name = "" if tab.id == FIRST_TAB else str(tab.id)
        tab.select(None, page.model, page.opened, js=OPEN_JS.replace("NAME", repr(name)))


def wire_controls(page: Page) -> None:
    """Controls, to the table, to one another and to the view that is open."""

    def change(
        words: str, model: str, opened: str, names: list[str], order: Order, *values: object
    ) -> tuple[object, ...]:
        query = make_query(page.board, values[:NUM_CONTROLS], order._replace(page=0))
        query = replace(query, model=str(model or ""))
        if is_shown(page.board, words, query):
            return tuple(gr.skip() for _ in page.change_outputs)
        return answer_change(page, query, (words, opened, names), values)

    version, *others = page.controls
    # One event for all controls: while a response is under way the page keeps the last choice, whichever
    # control it is made in, and sends it afterwards with the values of all.
    # Not `input`: a dropdown raises it twice, and when it merely loses focus; a textbox does not raise it
    # when text is deleted or pasted. Of the version it is: an address fills the version before the split, and
    # a change event in between would ask for the version's first split.
    changes = [version.input, *(box.change for box in others), page.again.change]  # type: ignore[attr-defined]
    settle(page, gr.on(changes, change, page.change_inputs, page.change_outputs, **TYPING))


def settle(page: Page, answered: gr.events.Dependency) -> None:
    """Ask again, once, where the controls have other values than those that a response belongs to.

    A reader may choose while a response is under way, and of two responses the older one may come last.
    """
    answered.then(None, [page.again, page.answered, *page.controls], page.again, js=SETTLE_JS)


def wire_table(page: Page) -> None:
    """Columns, headings and pager, to the table alone."""
    board = page.board

    def arrange(opened: str, names: list[str], order: Order, *values: object) -> tuple[object, ...]:
        return show_rows(board, opened, names, make_query(board, values, order), values)

    def click(event: gr.EventData, opened: str, names: list[str], order: Order, *values: object) -> object:
        query = make_query(board, values, click_table(order, dict(event._data or {})))
        return show_rows(board, opened, names, query, values)

    settle(page, page.columns.input(arrange, page.inputs, page.outputs, **TYPING))
    settle(page, page.table.submit(click, page.inputs, page.outputs, **TYPING))


def wire_start(page: Page, app: gr.Blocks) -> None:
    """From the address to the page when it is opened, and from the page to the address afterwards."""
    start = split_query(settle_query(page.board, BoardQuery()))[0]

    def load(request: gr.Request) -> tuple[object, ...]:
        return show_address(page, str(request.query_params), OPENING, start)

    loaded = app.load(load, None, page.address_outputs, **QUIET)
    # The event of the tab that is opened here may come before its controls are filled.
    draw_after(page, loaded)
    settle(page, loaded)
    loaded.then(None, None, None, js=make_fetch_js(find_plot_script()))
    loaded.then(None, None, None, js=LISTEN_JS)
    loaded.then(None, None, None, js=VISIT_JS.replace("RESTORE", RESTORE))
    page.address.change(None, page.address, None, js=ADDRESS_JS)


def wire_history(page: Page, restore: gr.Button, visit: gr.Button) -> None:
    """From an earlier or later address of the browser's history to the page, and from a link to a model."""

    def show(words: str, opened: str, *values: object) -> tuple[object, ...]:
        return show_address(page, words, opened, values)

    inputs = [page.address, page.opened, *page.controls]
    shown = restore.click(show, inputs, page.address_outputs, js=READ_JS, **TYPING)
    draw_after(page, shown)
    settle(page, shown)
    wire_visits(page, visit)


def wire_visits(page: Page, visit: gr.Button) -> None:
    """From a link to a model to its page, with the controls as they are: one request, and no table."""
    view = next(view for view in page.views if view.name == MODEL_TAB)

    def show(words: str, *values: object) -> tuple[object, ...]:
        query = replace(make_query(page.board, values, PLOT_ORDER), model=parse_query(words).model)
        return MODEL_TAB, query.model, gr.Tabs(selected=MODEL_TAB), *view.draw(query, query.model)

    outputs = [page.opened, page.model, page.tabs, *view.outputs]
    visit.click(show, [page.address, *page.controls], outputs, js=READ_JS, **TYPING)


def draw_after(page: Page, event: gr.events.Dependency) -> None:
    """Draw the open view once an event has filled the boxes that it is drawn from."""

    def draw(opened: str, *values: object) -> list[object]:
        return draw_open_view(page, opened, *values)

    event.then(draw, [page.opened, *page.controls, *page.view_inputs], page.view_outputs, **QUIET)
