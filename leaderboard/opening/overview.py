"""Models by splits: one cell a score, coloured by it, and no average that would hide a missing set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from imagenet_g.benchmark.reports.numbers import format_percent, format_points
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.opening.finding import STRATEGIES
from imagenet_g.leaderboard.pages.cells import escape, is_missing
from imagenet_g.leaderboard.pages.model_links import link_model, make_table_address

NUM_SHADES = 10
MAX_MODELS = 40
Cells = Mapping[tuple[str, str], Mapping[Any, Any]]


def format_overview(
    board: Board,
    version: str,
    models: Sequence[str],
    *,
    numbers: Mapping[str, int] | None = None,
    links: bool = True,
) -> str:
    """A table of top-1 in percent with the gap below it; a score that does not exist is visibly absent.

    Args:
        board: The board.
        version: Whose splits are the columns.
        models: Ids in the order of their rows; at most `MAX_MODELS` are shown.
        numbers: The models' numbers in the figure.
        links: Whether headings lead to tables and names to the models' pages; a file has neither.
    """
    shown, splits = list(models[:MAX_MODELS]), board.info.find_version(version).splits
    cells = collect_cells(board, version, shown)
    # The clean accuracy of the first split: other splits may cover other classes, and their gaps say it.
    head = "".join(_format_heading(version, split, links=links) for split in splits)
    names = {
        model: _format_name(board.names.get(model, model), model, version, links=links) for model in shown
    }
    body = "".join(_format_row(cells, names, model, splits, numbers or {}) for model in shown)
    caption = (
        f"{version}: {len(shown)} of {len(board.models[version])} models on {len(splits)} splits. Top-1 in "
        "percent, below it the accuracy gap in points. The deeper the colour, the higher the accuracy. There "
        "is no average: it would hide what is missing."
    )
    return (
        f'<div class="overview-scroll" role="region" tabindex="0" aria-label="{escape(version)} by split">'
        f'<table class="overview"><caption>{escape(caption)}</caption><thead><tr><th scope="col">Model</th>'
        f'<th scope="col" class="num">Clean</th>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def collect_cells(board: Board, version: str, models: Sequence[str]) -> Cells:
    """Score rows by model and split."""
    rows = board.scores[(board.scores["version"] == version) & board.scores["model_id"].isin(list(models))]
    return {(row["model_id"], row["split"]): row for row in rows.to_dict(orient="records")}


def rank_models(board: Board, version: str, numbers: Mapping[str, int]) -> list[str]:
    """Models of a version: those on most splits first, then by their number."""
    counts = board.scores[board.scores["version"] == version].groupby("model_id")["split"].nunique()
    # A model on few splits would leave most of a line empty at the top of the table.
    return sorted(numbers, key=lambda model: (-counts[model], numbers[model]))


def choose_shade(top1: float) -> int:
    """The shade of an accuracy, 0 for none right to `NUM_SHADES` for all.

    Example:
        >>> choose_shade(0.0), choose_shade(0.444), choose_shade(1.0)
        (0, 4, 10)
    """
    return round(NUM_SHADES * top1)


def _format_heading(version: str, split: str, *, links: bool) -> str:
    base, _, view = split.partition(":")
    name = base.partition("/")[2] or base
    short = escape(STRATEGIES[name].partition(",")[0] if name in STRATEGIES else name)
    below = f"<small>{escape(view)}</small>" if view else ""
    if links:
        short = f'<a href="{escape(make_table_address(version, split))}">{short}</a>'
    return f'<th scope="col" class="num">{short}{below}</th>'


def _format_name(name: str, model: str, version: str, *, links: bool) -> str:
    return link_model(model, name, version) if links else escape(name)


def _format_row(
    cells: Cells, names: Mapping[str, str], model: str, splits: Sequence[str], numbers: Mapping[str, int]
) -> str:
    # Only what was measured or published: an absent cell is drawn as absent.
    own = [cells[model, split] for split in splits if (model, split) in cells]
    number = f'<span class="number">{numbers[model]}</span>' if model in numbers else ""
    trust = escape(own[0]["trust"]) if own else ""
    head = f'<th scope="row">{number}<span>{names[model]}<small>{trust}</small></span></th>'
    clean = _format_clean(cells.get((model, splits[0])) or (own[0] if own else None))
    return f"<tr>{head}{clean}{''.join(_format_cell(cells.get((model, split))) for split in splits)}</tr>"


def _format_clean(row: Mapping[Any, Any] | None) -> str:
    if row is None or is_missing(row["clean"]):
        return _ABSENT
    return f'<td class="num">{format_percent(row["clean"], 1)}<small>{escape(row["clean_set"])}</small></td>'


_ABSENT = (
    '<td class="num absent"><span aria-hidden="true">–</span><span class="said">not measured</span></td>'
)


def _format_cell(row: Mapping[Any, Any] | None) -> str:
    if row is None or is_missing(row["top1"]):
        return _ABSENT
    # A gap to other classes is no gap; the table flags such rows.
    gap = "" if is_missing(row["gap"]) or not row["same_classes"] else format_points(row["gap"], 1)
    below = f"<small>{gap}</small>" if gap else ""
    return f'<td class="num shade-{choose_shade(row["top1"])}">{format_percent(row["top1"], 1)}{below}</td>'
