"""The page: Gradio controls wired to the functions of `pages`; nothing is computed here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gradio as gr

from imagenet_g.leaderboard import pages
from imagenet_g.leaderboard.about import format_about
from imagenet_g.leaderboard.board import Board
from imagenet_g.leaderboard.queries import (
    ANY,
    SIZES,
    BoardQuery,
    format_query,
    list_choices,
    parse_query,
    settle_query,
)
from imagenet_g.leaderboard.state import FILTER_COLUMNS, Order, click_table, make_query, split_query
from imagenet_g.leaderboard.tables import COLUMNS, DEFAULT_COLUMNS
from imagenet_g.leaderboard.views import (
    Controls,
    View,
    build_compare_tab,
    build_image_tab,
    build_profile_tab,
    build_rank_tab,
    build_scatter_tab,
    build_submit_tab,
    build_table_tab,
)

ADDRESS_JS = (
    "words => { history.replaceState(null, '', words ? '?' + words : location.pathname); return []; }"
)


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
        gr.Markdown("# ImageNet-G leaderboard\nHow far image classifiers fall on images unlike ImageNet's.")
        controls, columns = build_controls(board, start)
        order = gr.State((start.sort, start.ascending, start.page))
        address = gr.Textbox(visible="hidden", elem_id="address", label="address")
        with gr.Tabs():
            table = build_table_tab(board, start)
            redraws = [
                build_scatter_tab(board, controls, order, start),
                build_profile_tab(board, controls, order, start),
                build_rank_tab(board, controls, order),
                build_compare_tab(board, controls),
                build_image_tab(board, controls, reports),
            ]
            build_submit_tab(submissions)
            with gr.Tab("About"):
                gr.Markdown(format_about(board))
        wire_table(board, app, controls, order, table, columns, address, redraws)
    return app


def build_controls(board: Board, start: BoardQuery) -> tuple[list[gr.components.Component], gr.Dropdown]:
    """Version, split, baseline, link, search, filters as in `state.CONTROLS`; and the column picker."""
    version = board.info.find_version(start.version)
    with gr.Row():
        first: list[gr.components.Component] = [
            gr.Dropdown(
                [v.name for v in board.info.versions], value=version.name, label="Version", min_width=140
            ),
            gr.Dropdown(list(version.splits), value=start.split, label="Split", min_width=180),
            gr.Dropdown(list(board.baselines), value=start.baseline, label="Baseline of ER", min_width=140),
            gr.Radio(["logit", "linear"], value=start.link, label="Link", min_width=140),
            gr.Textbox(label="Search", placeholder="resnet; vit", min_width=160, elem_id="search"),
        ]
    with gr.Accordion("Filters and columns", open=False), gr.Row():
        choices = {
            name: list_choices(board, start.version, column) for name, column in FILTER_COLUMNS.items()
        }
        rest: list[gr.components.Component] = [
            gr.Dropdown(choices["training"], value=ANY, label="Training data", min_width=140),
            gr.Dropdown(choices["supervision"], value=ANY, label="Supervision", min_width=140),
            gr.Dropdown(
                [ANY, "yes", "none", "unknown"], value=ANY, label="Trained on generated", min_width=140
            ),
            gr.Dropdown(choices["trust"], value=ANY, label="Trust", min_width=140),
            gr.Dropdown(choices["family"], value=ANY, label="Family", min_width=140),
            gr.Dropdown([ANY, *SIZES], value=ANY, label="Parameters", min_width=140),
        ]
        columns = gr.Dropdown(
            [(column.title, column.name) for column in COLUMNS],
            value=list(DEFAULT_COLUMNS),
            multiselect=True,
            label="Columns",
        )
    return [*first, *rest], columns


def draw_if_open(view: View) -> Callable[..., object]:
    """Draw a view only while its tab is open; a plot nobody looks at costs everybody time."""
    count = len(view.outputs) if isinstance(view.outputs, list) else 1

    def draw(opened: str, *values: object) -> object:
        if opened == view.name:
            return view.draw(*values)
        return gr.skip() if count == 1 else tuple(gr.skip() for _ in range(count))

    return draw


def wire_table(
    board: Board,
    app: gr.Blocks,
    controls: Controls,
    order: gr.State,
    table: gr.HTML,
    columns: gr.Dropdown,
    address: gr.Textbox,
    redraws: list[View],
) -> None:
    """Controls, clicks on the table and the address of the page, to the table and back."""

    def draw(names: list[str], sorting: Order, *values: object) -> tuple[str, str]:
        query = make_query(board, values, sorting)
        return pages.show_table(board, query, names), format_query(query)

    def change(names: list[str], sorting: Order, *values: object) -> tuple[object, ...]:
        settled = (sorting[0], sorting[1], 0)
        return settled, *draw(names, settled, *values)

    def click(event: gr.EventData, names: list[str], sorting: Order, *values: object) -> tuple[object, ...]:
        settled = click_table(sorting, dict(event._data or {}))
        return settled, *draw(names, settled, *values)

    def switch(name: str) -> tuple[object, ...]:
        version = board.info.find_version(name)
        models = pages.list_models(board, version.name)
        lists = {key: list_choices(board, version.name, column) for key, column in FILTER_COLUMNS.items()}
        return (
            gr.Dropdown(list(version.splits), value=version.splits[0]),
            *(gr.Dropdown(lists[key], value=ANY) for key in FILTER_COLUMNS),
            gr.Dropdown(models, value=[]),
            gr.Dropdown(models, value=[m for _, m in models[:3]]),
        )

    def load(names: list[str], request: gr.Request) -> tuple[object, ...]:
        query = settle_query(board, parse_query(str(request.query_params)))
        values, sorting = split_query(query)
        splits = board.info.find_version(query.version).splits
        shown = [
            gr.Dropdown(list(splits), value=value) if n == 1 else value for n, value in enumerate(values)
        ]
        return *shown, sorting, *draw(names, sorting, *values)

    opened = gr.State("")
    for view in redraws:
        view.tab.select(lambda name=view.name: name, None, opened, show_progress="hidden")
    outputs = [order, table, address]
    inputs = [columns, order, *controls]
    version, filters = controls[0], [controls[5], controls[6], controls[8], controls[9]]
    pickers = [redraw.models for redraw in redraws if redraw.models is not None]
    switched = version.input(  # type: ignore[attr-defined]
        switch, version, [controls[1], *filters, *pickers], show_progress="hidden"
    )
    drawn = [switched.then(change, inputs, outputs, show_progress="hidden")]
    for control in controls[1:]:
        drawn += [control.input(change, inputs, outputs, show_progress="hidden")]  # type: ignore[attr-defined]
    for event in drawn:
        for view in redraws:
            event.then(draw_if_open(view), [opened, *view.inputs], view.outputs, show_progress="hidden")
    columns.input(draw, inputs, [table, address], show_progress="hidden")
    table.submit(click, inputs, outputs, show_progress="hidden")
    app.load(load, columns, [*controls, *outputs], show_progress="hidden")
    address.change(None, address, None, js=ADDRESS_JS)
