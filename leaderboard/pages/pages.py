"""The content of each view: from a board and the values of its controls to HTML, text and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from imagenet_g.benchmark.robustness.fits import LineFit
from imagenet_g.leaderboard.board.answer_tables import ANSWER, list_answering_models
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.pages.axes import describe_axis
from imagenet_g.leaderboard.pages.cells import escape
from imagenet_g.leaderboard.pages.costs import build_cost_scatter, describe_costs
from imagenet_g.leaderboard.pages.image_cards import (
    PAGE_IMAGES,
    ImageFilter,
    choose_images,
    find_rows,
    format_gallery,
    read_clip_scores,
)
from imagenet_g.leaderboard.pages.model_links import link_model
from imagenet_g.leaderboard.pages.pairs import compute_pair, format_pair
from imagenet_g.leaderboard.pages.plots import build_profiles, build_scatter
from imagenet_g.leaderboard.pages.queries import (
    BoardQuery,
    find_robustness,
    keep_comparable,
    select_rows,
)
from imagenet_g.leaderboard.validation.lines import find_line, name_measured_axis

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

MAX_SHEET = 12
MAX_OFFERED = 50
"""Models that a picker lists at once: the page copies every list with every click."""
ORDERED_BY = {"er": "effective robustness", "gap": "accuracy gap", "top1": "top-1"}
PLACES = (
    "A place is that of the value alone: neighbours may differ by chance. Ranks that are tested stand in the "
    "table."
)


def show_scatter(board: Board, query: BoardQuery, chosen: Sequence[str]) -> go.Figure:
    """Accuracy against clean accuracy, size or speed, for the rows that pass the filters."""
    if query.axis != "clean":
        return build_cost_scatter(select_rows(board, query), query.axis, split=query.split, chosen=chosen)
    # A line is fitted on one clean axis: points of another axis would be compared with it by their position.
    rows = keep_comparable(select_rows(board, query))
    return build_scatter(
        rows, choose_line(board, query, rows), link=query.link, split=query.split, chosen=chosen
    )


def choose_line(board: Board, query: BoardQuery, rows: pd.DataFrame) -> LineFit | None:
    """The line of most rows; None where the baseline has no figures on the split."""
    axes, clean = rows["axis"].dropna().mode(), rows["clean_set"].mode()
    axis = "" if axes.empty else str(axes.iloc[0])
    # Rows of published tables alone name their axis. A measured line has that of the points where it is of
    # the same clean set; any other line would lie beside them.
    if not axis:
        axis = name_measured_axis("" if clean.empty else str(clean.iloc[0]))
    return find_line(
        board.lines, baseline=query.baseline, target=query.split, link=query.link, axis=axis, near=0.99
    )


def show_profiles(board: Board, query: BoardQuery, chosen: Sequence[str], metric: str) -> go.Figure:
    """A metric over all splits of the version for a few models."""
    splits = board.info.find_version(query.version).splits
    scores = board.scores
    rows = scores[(scores["version"] == query.version) & scores["model_id"].isin(list(chosen))]
    if metric == "er":
        import pandas as pd

        there = {split: find_robustness(board, replace(query, split=split)) for split in splits}
        parts = [own[own["model_id"].isin(list(chosen))].assign(split=split) for split, own in there.items()]
        rows = rows.merge(pd.concat(parts), on=["model_id", "split"], how="left")
    return build_profiles(rows, chosen, metric=metric)


def describe_profiles(figure: go.Figure, metric: str) -> str:
    """The profiles in words, for readers who do not see the plot: the extremes of each model.

    Not the worst and the best: which is better depends on the metric, and some have no better direction.
    """
    title = escape(describe_axis(metric)[0])
    if not figure.data:
        return f"No chosen model has a value of {title} here. Choose other models."
    extremes = (
        f"{line.name}: {_format_value(min(line.y))} on {line.x[int(line.y.argmin())]}, highest "
        f"{_format_value(max(line.y))} on {line.x[int(line.y.argmax())]}"
        for line in figure.data
    )
    return f"Lowest {title}: " + "; ".join(extremes) + "."


def _format_value(value: float) -> str:
    # With the minus of the table, which is as wide as a digit; a hyphen is not.
    return f"{value:.1f}".replace("-", "−")


def describe_scatter(board: Board, query: BoardQuery) -> str:
    """The plot in words: how many points, which line, and what is not on it."""
    every = select_rows(board, query)
    if query.axis != "clean":
        return describe_costs(every, query.axis)
    shown = keep_comparable(every)
    drawn = int(shown["clean"].notna().sum())
    line = choose_line(board, query, shown)
    if line is None:
        fit = f"No line: the baseline {escape(query.baseline)} has no figures on {escape(query.split)}."
    else:
        models = f"{line.num_models} standard models ({escape(line.baseline)})"
        fit = f"The line is fitted to {models}, r² {line.r2:.2f}."
    return f"{drawn} of {len(every)} models are drawn: those with a clean accuracy on one axis. {fit}"


def list_models(board: Board, version: str) -> Sequence[tuple[str, str]]:
    """Name and id of all models of a version, by name."""
    return board.models[board.info.find_version(version).name]


def offer_models(
    board: Board, version: str, words: str = "", chosen: Sequence[str] = ()
) -> list[tuple[str, str]]:
    """Name and id of the first `MAX_OFFERED` models of a version whose names hold the words, by name.

    Chosen models that are not among them come last: a picker shows only what is in its list.
    """
    return match_models(list_models(board, version), words, chosen)


def match_models(
    models: Sequence[tuple[str, str]], words: str, chosen: Sequence[str]
) -> list[tuple[str, str]]:
    """The first `MAX_OFFERED` of some models whose names hold the words, then the chosen ones.

    Example:
        >>> match_models([("ResNet", "a"), ("ViT", "b")], "resnet", ["b"])
        [('ResNet', 'a'), ('ViT', 'b')]
    """
    found = [model for model in models if words.lower() in model[0].lower()][:MAX_OFFERED]
    return found + [model for model in models if model[1] in chosen and model not in found]


def name_base(split: str) -> str:
    """The whole split behind a view.

    Example:
        >>> name_base("v1/sd-l:clip-filtered"), name_base("imagenet-r")
        ('v1/sd-l', 'imagenet-r')
    """
    return split.partition(":")[0]


def list_comparable(board: Board, split: str) -> list[tuple[str, str]]:
    """Name and id of the models whose answers on a split are stored."""
    answers = board.load_answers(name_base(split))
    return [
        (board.names.get(m, m), m) for m in (list_answering_models(answers) if answers is not None else ())
    ]


def show_pair(
    board: Board, split: str, first: str | None, second: str | None, sheet: int = MAX_SHEET
) -> tuple[str, str]:
    """Markdown of the paired numbers, and up to `sheet` images that only one of the two gets right."""
    base = name_base(split)
    answers = board.load_answers(base)
    known = list_answering_models(answers) if answers is not None else ()
    if answers is None or first not in known or second not in known or first == second:
        return (
            f"Choose two models with stored predictions on {escape(base)}; {len(known)} models have them.",
            "",
        )
    if among := name_other_outputs(board, base, (str(first), str(second))):
        return among, ""
    score = compute_pair(answers, str(first), str(second))
    # By id: two organisations may use one name.
    by_id = {model_id: name for name, model_id in list_comparable(board, split)}
    said = collect_answers(board, base, [str(first), str(second)])
    sheets = ""
    for model_id, ids in ((str(first), score.first_only_ids), (str(second), score.second_only_ids)):
        name = link_model(model_id, by_id[model_id])
        sheets += f"<h3>Only {name} is right: {min(len(ids), sheet)} of {len(ids)}</h3>"
        sheets += format_gallery(base, find_rows(base, ids[:sheet]), said)
    return format_pair(score, escape(by_id[str(first)]), escape(by_id[str(second)])), sheets


def name_other_outputs(board: Board, base: str, models: Sequence[str]) -> str:
    """Why two models cannot be compared: they chose among other numbers of classes; empty where they can."""
    rows = board.scores[(board.scores["split"] == base) & board.scores["model_id"].isin(list(models))]
    among = dict(zip(rows["model_id"], rows["outputs"], strict=True))
    if len(set(among.values())) < 2:
        return ""
    said = " and ".join(f"{escape(board.names[one])} among {among[one]}" for one in models)
    return f"Not comparable: {said} classes. A model that chooses among fewer has an easier task."


def collect_answers(
    board: Board, base: str, models: Sequence[str] | None = None
) -> dict[str, dict[str, int]]:
    """First answers by image, by model name."""
    answers = board.load_answers(base)
    if answers is None:
        return {}
    chosen = models if models is not None else list_answering_models(answers)[:4]
    return {
        board.names.get(m, m): dict(zip(answers["image_id"], answers[ANSWER + m].tolist(), strict=True))
        for m in chosen
    }


def show_images(board: Board, split: str, wanted: ImageFilter) -> tuple[str, str]:
    """A page of images with the answers of up to four models, and the number of images."""
    base = name_base(split)
    rows = choose_images(base, wanted)
    last = max(0, (len(rows) - 1) // PAGE_IMAGES)
    page = min(max(wanted.page, 0), last)
    shown = rows[page * PAGE_IMAGES : (page + 1) * PAGE_IMAGES]
    return (
        format_gallery(base, shown, collect_answers(board, base)),
        f"{len(rows)} images, page {page + 1} of {last + 1}",
    )


def has_clip_scores(split: str) -> bool:
    """Whether the images of a split have a CLIP score to filter by."""
    return read_clip_scores(split) is not None
