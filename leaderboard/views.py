"""The tabs of the page: each builds its controls and says how it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import gradio as gr
from gradio.components import Component

from imagenet_g.benchmark.errors import ImagenetGError
from imagenet_g.leaderboard import pages
from imagenet_g.leaderboard.board import Board
from imagenet_g.leaderboard.gallery import ImageFilter, find_facet, list_classes
from imagenet_g.leaderboard.image_reports import REASONS, write_image_report
from imagenet_g.leaderboard.problems import clip_text, format_report
from imagenet_g.leaderboard.queries import BoardQuery
from imagenet_g.leaderboard.state import Order, make_query
from imagenet_g.leaderboard.tables import DEFAULT_COLUMNS
from imagenet_g.leaderboard.uploads import check_upload

Controls: TypeAlias = list[Component]
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
        name: Its title.
        draw: From the values of the inputs to those of the outputs.
        inputs: Controls it reads.
        outputs: Components it fills.
        models: Its picker of models, whose choices follow the version; None where it has none.
    """

    tab: gr.Tab
    name: str
    draw: Callable[..., object]
    inputs: Sequence[Component]
    outputs: Component | Sequence[Component]
    models: gr.Dropdown | None = None


def build_table_tab(board: Board, start: BoardQuery) -> gr.HTML:
    """The table."""
    with gr.Tab("Board"):
        return gr.HTML(
            pages.show_table(board, start, DEFAULT_COLUMNS), js_on_load=TABLE_JS, elem_id="board-table"
        )


def build_scatter_tab(board: Board, controls: Controls, order: gr.State, start: BoardQuery) -> View:
    """Accuracy against accuracy."""
    with gr.Tab("Accuracy against accuracy") as tab:
        chosen = gr.Dropdown(
            pages.list_models(board, start.version),
            multiselect=True,
            label="Name these models",
            elem_id="named",
        )
        plot = gr.Plot(show_label=False, elem_id="scatter")

    def draw(models: list[str], sorting: Order, *values: object) -> object:
        return pages.show_scatter(board, make_query(board, values, sorting), models or [])

    inputs = [chosen, order, *controls]
    tab.select(draw, inputs, plot, show_progress="hidden")
    chosen.input(draw, inputs, plot, show_progress="hidden")
    return View(tab, "Accuracy against accuracy", draw, inputs, plot, chosen)


def build_profile_tab(board: Board, controls: Controls, order: gr.State, start: BoardQuery) -> View:
    """One metric over all splits of the version, for a few models."""
    with gr.Tab("Profiles") as tab:
        with gr.Row():
            models = pages.list_models(board, start.version)
            chosen = gr.Dropdown(
                models,
                value=[m for _, m in models[:3]],
                multiselect=True,
                max_choices=6,
                label="Up to six models",
            )
            metric = gr.Radio([("AG", "gap"), ("ER", "er"), ("top-1", "top1")], value="gap", label="Metric")
        plot = gr.Plot(show_label=False, elem_id="profiles")

    def draw(names: list[str], what: str, sorting: Order, *values: object) -> object:
        return pages.show_profiles(board, make_query(board, values, sorting), names or [], what)

    inputs = [chosen, metric, order, *controls]
    for event in (tab.select, chosen.input, metric.input):
        event(draw, inputs, plot, show_progress="hidden")
    return View(tab, "Profiles", draw, inputs, plot, chosen)


def build_rank_tab(board: Board, controls: Controls, order: gr.State) -> View:
    """Ranks under the chosen baseline and link, and under others."""
    with gr.Tab("Rank changes") as tab:
        with gr.Row():
            baseline = gr.Dropdown(list(board.baselines), value=board.baselines[-1], label="Other baseline")
            link = gr.Radio(["logit", "linear"], value="linear", label="Other link")
        words = gr.Markdown()
        plot = gr.Plot(show_label=False, elem_id="ranks")

    def draw(other: str, other_link: str, sorting: Order, *values: object) -> object:
        query = make_query(board, values, sorting)
        pair = (other, other_link)
        return pages.describe_rank_changes(board, query, pair), pages.show_rank_changes(board, query, pair)

    inputs = [baseline, link, order, *controls]
    for event in (tab.select, baseline.input, link.input):
        event(draw, inputs, [words, plot], show_progress="hidden")
    return View(tab, "Rank changes", draw, inputs, [words, plot])


def build_compare_tab(board: Board, controls: Controls) -> View:
    """Two models on the same images."""
    with gr.Tab("Compare") as tab:
        with gr.Row():
            first = gr.Dropdown([], label="First model", elem_id="first")
            second = gr.Dropdown([], label="Second model", elem_id="second")
        words = gr.Markdown(elem_id="pair")
        sheets = gr.HTML()
    split = controls[1]

    def offer(name: str) -> tuple[gr.Dropdown, gr.Dropdown]:
        models = pages.list_comparable(board, name)
        ids = [model_id for _, model_id in models]
        return (
            gr.Dropdown(models, value=ids[0] if ids else None),
            gr.Dropdown(models, value=ids[1] if len(ids) > 1 else None),
        )

    show = partial(pages.show_pair, board)
    tab.select(offer, split, [first, second], show_progress="hidden").then(
        show, [split, first, second], [words, sheets], show_progress="hidden"
    )
    for box in (first, second):
        box.input(show, [split, first, second], [words, sheets], show_progress="hidden")
    return View(tab, "Compare", show, [split, first, second], [words, sheets])


def build_image_tab(board: Board, controls: Controls, reports: Path) -> View:
    """Images by class and facet, and a form for what is wrong with one."""
    split = controls[1]
    with gr.Tab("Images") as tab:
        with gr.Row():
            wnid = gr.Dropdown([("all classes", "")], value="", label="Class", elem_id="class")
            facet = gr.Dropdown([("all", "")], value="", label="Recipe")
            clip = gr.Slider(0, 1, value=0, step=0.01, label="Least CLIP score (0: any)")
            page = gr.Number(1, precision=0, minimum=1, label="Page")
        count = gr.Markdown(elem_id="count")
        gallery = gr.HTML(elem_id="gallery")
        with gr.Accordion("This image is wrong", open=False):
            with gr.Row():
                image_id = gr.Textbox(label="Image id, as below the image", max_length=100)
                reason = gr.Dropdown(list(REASONS), value=REASONS[0], label="Reason")
                remark = gr.Textbox(label="In your words (optional)", max_length=300)
            send = gr.Button("Report")
            answer = gr.Markdown()

    def offer(name: str) -> tuple[gr.Dropdown, gr.Dropdown]:
        base = pages.name_base(name)
        found = find_facet(base)
        title, values = found if found else ("recipe", ())
        return (
            gr.Dropdown([("all classes", ""), *list_classes(base)], value=""),
            gr.Dropdown([("all", ""), *((v, v) for v in values)], value="", label=title.capitalize()),
        )

    def show(name: str, which: str, what: str, least: float, number: float) -> tuple[str, str]:
        wanted = ImageFilter(
            wnid=which or "", facet=what or "", min_clip=least or None, page=max(0, int(number or 1) - 1)
        )
        return pages.show_images(board, name, wanted)

    def report(name: str, which: str, why: str, text: str) -> str:
        try:
            path = write_image_report(
                reports, split=pages.name_base(name), image_id=which, reason=why, note=text
            )
        except ImagenetGError as problem:
            return f"Not written: {clip_text(str(problem))}"
        return f"Written as `{path.name}`. Thank you; the maintainers of the data read these."

    inputs, outputs = [split, wnid, facet, clip, page], [gallery, count]
    tab.select(offer, split, [wnid, facet], show_progress="hidden").then(
        show, inputs, outputs, show_progress="hidden"
    )
    for box in (wnid, facet, page):
        box.input(show, inputs, outputs, show_progress="hidden")
    clip.release(show, inputs, outputs, show_progress="hidden")
    send.click(report, [split, image_id, reason, remark], answer)
    return View(tab, "Images", show, inputs, outputs)


def build_submit_tab(submissions: Path) -> None:
    """Upload a submission with its predictions, see the report; nothing is kept."""
    with gr.Tab("Submit"):
        gr.Markdown(
            "Check a submission before you open a pull request with it: the `.json` that `imagenet-g submit` "
            "wrote and the `.parquet` files of the folder beside it. Nothing you upload is kept or executed."
        )
        files = gr.File(
            file_count="multiple", file_types=[".json", ".parquet"], label="Submission and predictions"
        )
        check = gr.Button("Check", variant="primary")
        verdict = gr.Textbox(label="Report", lines=8, buttons=["copy"], elem_id="report")
        machine = gr.Code(label="For machines", language="json")

    def run(paths: list[str] | None) -> tuple[str, str]:
        report = check_upload([Path(path) for path in paths or []], submissions)
        return format_report(report), report.model_dump_json(indent=2)

    check.click(run, files, [verdict, machine], concurrency_limit=2)
