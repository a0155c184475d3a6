"""The tabs of images: two models on the same images, and single images."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import gradio as gr

from imagenet_g.benchmark.errors import ImagenetGError
from imagenet_g.leaderboard.app.controls import Controls
from imagenet_g.leaderboard.app.image_reports import REASONS, write_image_report
from imagenet_g.leaderboard.app.number_tabs import QUIET, TYPING, View, wire_search, wire_view
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.pages import pages
from imagenet_g.leaderboard.pages.image_cards import FACETS, ImageFilter, find_facet, list_classes
from imagenet_g.leaderboard.pages.queries import BoardQuery
from imagenet_g.leaderboard.submissions.problems import clip_text

# "all" has a bound too: every image is a thumbnail within the page.
SHEETS = {"12": 12, "48": 48, "all": 10_000}


def build_compare_tab(board: Board, controls: Controls) -> View:
    """Two models on the same images."""
    with gr.Tab("Compare", id="compare") as tab:
        with gr.Row():
            first = gr.Dropdown([], label="First model", elem_id="first", min_width=260)
            second = gr.Dropdown([], label="Second model", elem_id="second", min_width=260)
            size = gr.Radio(list(SHEETS), value="12", label="Images in each sheet", elem_id="sheet-size")
        words = gr.Markdown(elem_id="pair")
        sheets = gr.HTML(elem_id="sheets")
    split = controls[1]

    def show(name: str, one: str | None, other: str | None, many: str) -> tuple[object, ...]:
        return pages.show_pair(board, name, one, other, SHEETS.get(many, 12))

    def draw(query: BoardQuery, one: str | None, other: str | None, many: str) -> tuple[object, ...]:
        models = pages.list_comparable(board, query.split)
        ids = [model_id for _, model_id in models]
        # After a change of split the chosen models may have no predictions; the first two that have are
        # shown.
        one = one if one in ids else next(iter(ids), None)
        other = other if other in ids and other != one else next((i for i in ids if i != one), None)
        boxes = (
            gr.Dropdown(pages.match_models(models, "", [value or ""]), value=value) for value in (one, other)
        )
        return *boxes, *show(query.split, one, other, many)

    for picker in (first, second):
        wire_search(picker, split, partial(pages.list_comparable, board))
    boxes: list[gr.Dropdown | gr.Radio] = [first, second, size]
    for box in boxes:
        box.input(show, [split, *boxes], [words, sheets], **TYPING)
    return wire_view(board, View(tab, "compare", draw, boxes, [first, second, words, sheets]), controls)


def build_image_tab(board: Board, controls: Controls, reports: Path) -> View:
    """Images by class and facet, and a form for what is wrong with one."""
    split = controls[1]
    with gr.Tab("Images", id="images") as tab:
        with gr.Row():
            wnid = gr.Dropdown([("all classes", "")], value="", label="Class", elem_id="class")
            facet = gr.Dropdown([("all", "")], value="", label="Recipe")
            clip = gr.Slider(0, 1, value=0, step=0.01, label="CLIP score at least")
            page = gr.Number(1, precision=0, minimum=1, label="Page of images")
        count = gr.Markdown(elem_id="count")
        gallery = gr.HTML(elem_id="gallery")
        build_report_form(split, reports)

    def show(name: str, which: str, what: str, least: float, number: float) -> tuple[object, ...]:
        wanted = ImageFilter(
            wnid=which or "", facet=what or "", min_clip=least or None, page=max(0, int(number or 1) - 1)
        )
        return pages.show_images(board, name, wanted)

    def restart(name: str, which: str, what: str, least: float, number: float) -> tuple[object, ...]:
        return 1, *show(name, which, what, least, 1)

    def draw(query: BoardQuery, which: str, what: str, least: float, number: float) -> tuple[object, ...]:
        base = pages.name_base(query.split)
        classes, (name, values) = list_classes(base), find_facet(base) or ("recipe", ())
        which = which if which in {number for _, number in classes} else ""
        what = what if what in values else ""
        return (
            gr.Dropdown([("all classes", ""), *classes], value=which),
            gr.Dropdown([("all", ""), *((v, v) for v in values)], value=what, label=FACETS[name]),
            gr.Slider(visible=pages.has_clip_scores(base)),
            *show(base, which, what, least, number),
        )

    boxes, outputs = [wnid, facet, clip, page], [gallery, count]
    for event in (wnid.input, facet.input, clip.release):
        # Back to the first page: the chosen one may lie beyond the end of the new selection.
        event(restart, [split, *boxes], [page, *outputs], **TYPING)
    page.input(show, [split, *boxes], outputs, **TYPING)
    return wire_view(board, View(tab, "images", draw, boxes, [wnid, facet, clip, *outputs]), controls)


def build_report_form(split: gr.components.Component, reports: Path) -> None:
    """A form that reports a wrong image, as a file for the maintainers of the data."""
    with gr.Accordion("This image is wrong", open=False):
        with gr.Row():
            image_id = gr.Textbox(label="Image id, as below the image", max_length=100)
            reason = gr.Dropdown(list(REASONS), value=REASONS[0], label="Reason")
            remark = gr.Textbox(label="In your words (optional)", max_length=300)
        send = gr.Button("Report")
        answer = gr.Markdown()

    def report(name: str, which: str, why: str, text: str) -> str:
        try:
            path = write_image_report(
                reports, split=pages.name_base(name), image_id=which, reason=why, note=text
            )
        except ImagenetGError as problem:
            return f"Not written: {clip_text(str(problem))}"
        return f"Written as `{path.name}`. Thank you; the maintainers of the data read these reports."

    send.click(report, [split, image_id, reason, remark], answer, **{**QUIET, "preprocess": True})
