"""The tabs of numbers: each builds its controls and its drawing function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.components import Component
from gradio.components.plot import PlotData

from imagenet_g.leaderboard.app.controls import Controls
from imagenet_g.leaderboard.app.state import CONTROLS, Order, make_query
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.opening.known_models import choose_known_models
from imagenet_g.leaderboard.pages import pages
from imagenet_g.leaderboard.pages.axes import list_profile_metrics
from imagenet_g.leaderboard.pages.plots import MAX_PROFILES
from imagenet_g.leaderboard.pages.queries import MAX_SEARCH, BoardQuery
from imagenet_g.leaderboard.pages.table_view import show_table
from imagenet_g.leaderboard.pages.tables import DEFAULT_COLUMNS

if TYPE_CHECKING:
    import plotly.graph_objects as go

# Responses take milliseconds: a queue, and its progress display, would take longer. Not public: Gradio writes
# the description of every public event into the page, and every call of one into its reader's browser.
# Not preprocessed: Gradio would refuse a value that the server's last response took from the choices and that
# the page still has. The functions behind the events take the nearest value instead.
QUIET: dict[str, Any] = {
    "show_progress": "hidden",
    "queue": False,
    "api_visibility": "private",
    "preprocess": False,
}
# Text typed while a response is under way must not be lost.
TYPING: dict[str, Any] = {**QUIET, "trigger_mode": "always_last"}
PLOT_ORDER = Order()
"""A constant order: with the table's own, each click on a heading would draw the plots again."""
NUM_REMEMBERED = 64
"""Drawn plots of each tab, a few hundred kilobytes each on a large board; the board never changes."""
TABLE_JS = """
element.addEventListener('click', event => {
  const target = event.target.closest('[data-sort], [data-page], [data-pin]');
  if (!target || target.disabled) return;
  const {sort, page, pin} = target.dataset;
  trigger('submit', {sort: sort || null, page: page || null, pin: pin || null});
});
"""


@dataclass(frozen=True, slots=True)
class View:
    """A tab that is drawn when it is opened, and again when a control changes.

    Attributes:
        tab: The tab itself.
        name: Its word in the address.
        draw: From the query of the page and the values of the inputs to those of the outputs.
        inputs: Its own boxes.
        outputs: Components it fills, two at least: a single one would not be given a tuple.
        models: Its picker of models, whose choices follow the version; None where it has none.
    """

    tab: gr.Tab
    name: str
    draw: Callable[..., tuple[object, ...]]
    inputs: Sequence[Component]
    outputs: Sequence[Component]
    models: gr.Dropdown | None = None


def wire_view(
    board: Board, view: View, controls: Controls, redrawing: Sequence[gr.Dropdown | gr.Radio] = ()
) -> View:
    """Draw a view when its tab is opened, and when one of the boxes that redraw all of it is changed."""

    def draw(*values: object) -> tuple[object, ...]:
        own, rest = values[: len(view.inputs)], values[len(view.inputs) :]
        return view.draw(make_query(board, rest, PLOT_ORDER), *own)

    inputs = [*view.inputs, *controls]
    view.tab.select(draw, inputs, view.outputs, **QUIET)
    for box in redrawing:
        box.input(draw, inputs, view.outputs, **TYPING)
    return view


def write_plot(figure: go.Figure) -> PlotData:
    """A figure as the page gets it."""
    # Lazy: plotly takes seconds to import, and the table does not need it.
    from plotly.io.json import to_json_plotly

    # Serialised here and not by Gradio's Plot, which would do it again for every reader; this text is
    # remembered.
    shown = {**figure.to_plotly_json(), "config": {"displaylogo": False}}
    return PlotData(type="plotly", plot=to_json_plotly(shown))


def wire_search(
    picker: gr.Dropdown, where: Component, list_models: Callable[[str], Sequence[tuple[str, str]]]
) -> None:
    """Offer the models whose names hold what is typed into a picker of models.

    Args:
        picker: Of one model or of several.
        where: The control whose value says among which models.
        list_models: Name and id of all of them, from that value.
    """

    def answer(event: gr.KeyUpData, name: str, chosen: list[str] | str | None) -> object:
        models = list_models(name)
        # The browser searches in the list that it has. Another list, sent meanwhile, would be mixed with that
        # one, and a choice from it would be lost.
        if len(models) <= pages.MAX_OFFERED:
            return gr.skip()
        # From the browser, so cut to a length before it is searched for.
        words = str(event.input_value or "")[:MAX_SEARCH]
        ids = [chosen] if isinstance(chosen, str) else chosen or []
        return gr.Dropdown(pages.match_models(models, words, ids))

    # With "always last" the first of many keys would be sent twice, so each key is an event of its own.
    picker.key_up(answer, [where, picker], picker, **QUIET, trigger_mode="multiple")


def build_table_tab(board: Board, start: BoardQuery) -> tuple[gr.Tab, gr.HTML]:
    """The table."""
    with gr.Tab("Board", id="board") as tab:
        table = gr.HTML(show_table(board, start, DEFAULT_COLUMNS), js_on_load=TABLE_JS, elem_id="board-table")
    return tab, table


def build_scatter_tab(board: Board, controls: Controls, start: BoardQuery) -> View:
    """Accuracy against accuracy."""
    with gr.Tab("Accuracy against accuracy", id="scatter") as tab:
        models = pages.offer_models(board, start.version)
        chosen = gr.Dropdown(
            models, value=[], multiselect=True, label="Name these models (type to search)", elem_id="named"
        )
        controls[CONTROLS.index("axis")].render()  # type: ignore[no-untyped-call]
        plot = gr.Plot(show_label=False, elem_id="scatter")
        words = gr.Markdown(elem_id="scatter-words")

    @lru_cache(NUM_REMEMBERED)
    def draw_query(query: BoardQuery, names: tuple[str, ...]) -> tuple[PlotData, str]:
        return write_plot(pages.show_scatter(board, query, names)), pages.describe_scatter(board, query)

    def draw(query: BoardQuery, names: list[str]) -> tuple[object, ...]:
        return draw_query(query, tuple(names or ()))

    wire_search(chosen, controls[0], partial(pages.list_models, board))
    view = View(tab, "scatter", draw, [chosen], [plot, words], chosen)
    return wire_view(board, view, controls, [chosen])


def build_profile_tab(board: Board, controls: Controls, start: BoardQuery) -> View:
    """One metric over all splits of the version, for a few models."""
    with gr.Tab("Profiles", id="profiles") as tab:
        with gr.Row():
            known = choose_known_models(board, start.version)
            chosen = gr.Dropdown(
                pages.offer_models(board, start.version, "", known),
                value=known,
                multiselect=True,
                max_choices=MAX_PROFILES,
                label="Up to six models (type to search)",
                min_width=300,
            )
            metric = gr.Radio(list_profile_metrics(board), value="gap", label="Metric")
        plot = gr.Plot(show_label=False, elem_id="profiles")
        words = gr.Markdown(elem_id="profiles-words")

    @lru_cache(NUM_REMEMBERED)
    def draw_query(query: BoardQuery, names: tuple[str, ...], what: str) -> tuple[PlotData, str]:
        figure = pages.show_profiles(board, query, names, what)
        return write_plot(figure), pages.describe_profiles(figure, what)

    def draw(query: BoardQuery, names: list[str], what: str) -> tuple[object, ...]:
        return draw_query(query, tuple(names or ())[:MAX_PROFILES], what)

    wire_search(chosen, controls[0], partial(pages.list_models, board))
    view = View(tab, "profiles", draw, [chosen, metric], [plot, words], chosen)
    return wire_view(board, view, controls, [chosen, metric])
