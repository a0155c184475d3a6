"""Rows of the papers' printed tables, read as data: `baselines/data/papers/boards.toml` says which.

A number stands as printed, the gap is computed of the printed accuracies, and what is wrong in print is a
caution of its row.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from importlib.resources import files
from typing import Any, Literal

from imagenet_g.benchmark.records import FileModel, MetricEstimate
from imagenet_g.benchmark.results import HEADLINE
from imagenet_g.benchmark.statistics.intervals import (
    compute_difference_interval,
    compute_wilson_interval,
)
from imagenet_g.leaderboard.board.rows import NONE, ScoreRow
from imagenet_g.leaderboard.validation.lines import TABLES

NUM_OUTPUTS = 1000
# Top-1 and its bounds.
Estimate = tuple[float, float | None, float | None]


class CleanColumn(FileModel):
    """The clean set of a printed table; without `n` the number of images is not printed."""

    column: str
    set: str
    n: int | None = None


class ShiftedColumn(FileModel):
    """A shifted set of a printed table."""

    column: str
    split: str
    n: int | None = None


class BoardTable(FileModel):
    """A printed table that is shown."""

    table: str
    caution: str = ""
    """About every row of it."""
    clean: CleanColumn
    splits: tuple[ShiftedColumn, ...]


class BoardModel(FileModel):
    """What the name of a row stands for."""

    id: str
    rows: tuple[str, ...]
    """Its names in the tables."""
    model: str
    family: str
    supervision: str
    training_data: str
    generated: tuple[str, ...] = ()
    caution: str = ""


class PaperBoard(FileModel):
    """What is shown of one paper on the ranking of one version."""

    version: str
    paper: str
    organisation: str
    url: str
    quantity: str
    caution: str
    """About every row."""
    tables: tuple[BoardTable, ...]
    models: tuple[BoardModel, ...]


class BoardsFile(FileModel):
    """`boards.toml`."""

    schema_version: Literal[1]
    boards: tuple[PaperBoard, ...]


def list_paper_scores() -> Iterator[ScoreRow]:
    """Every model of every printed table that is shown on the board, one row a split."""
    folder = files(TABLES) / "papers"
    boards = BoardsFile.model_validate(tomllib.loads((folder / "boards.toml").read_text(encoding="utf-8")))
    papers = tomllib.loads((folder / "papers.toml").read_text(encoding="utf-8"))
    cells = list(csv.DictReader((folder / "tables.csv").read_text(encoding="utf-8").splitlines()))
    for board in boards.boards:
        for table in board.tables:
            printed = {
                (cell["row"], cell["column"]): _read_percent(cell["printed"])
                for cell in cells
                if cell["table"] == table.table and cell["quantity"] == board.quantity
            }
            yield from _list_table(board, table, printed, papers)


def _list_table(
    board: PaperBoard,
    table: BoardTable,
    printed: Mapping[tuple[str, str], float],
    papers: Mapping[str, Any],
) -> Iterator[ScoreRow]:
    # A row that no model is named for would be missing from the board without a word; it is a KeyError here.
    models = {row: model for model in board.models for row in model.rows}
    for row in dict.fromkeys(row for row, _ in printed):
        for shifted in table.splits:
            clean = printed[row, table.clean.column], table.clean.n
            numbers = _compute_scores((printed[row, shifted.column], shifted.n), clean)
            cautions = [board.caution, table.caution, models[row].caution]
            cautions += _list_cautions(papers, table, row, (shifted.column, table.clean.column))
            yield _make_row(board, table, models[row], shifted, filter(None, cautions), numbers)


def _make_row(
    board: PaperBoard,
    table: BoardTable,
    model: BoardModel,
    shifted: ShiftedColumn,
    flags: Iterable[str],
    numbers: Mapping[str, Any],
) -> ScoreRow:
    place = table.table.partition("/")[2].replace("table-", "Table ")
    return ScoreRow(
        version=board.version,
        split=shifted.split,
        model_id=f"{board.paper}/{model.id}",
        model=model.model,
        organisation=board.organisation,
        trust="published",
        source=f"{board.organisation}, {place}",
        url=board.url,
        # The paper names no weights.
        spec="",
        family=model.family,
        supervision=model.supervision,
        training_data=model.training_data,
        generated=", ".join(model.generated) or NONE,
        parameters=None,
        n=shifted.n,
        outputs=NUM_OUTPUTS,
        clean_kind="published",
        clean_set=table.clean.set,
        same_classes=True,
        flags="\n".join(flags),
        has_answers=False,
        **numbers,
    )


def _compute_scores(shifted: tuple[float, int | None], clean: tuple[float, int | None]) -> dict[str, Any]:
    """Both accuracies and their gap; intervals where the numbers of images are known.

    Images count as independent, as for every published figure: no answers are stored.
    """
    ours, theirs = _estimate(*shifted), _estimate(*clean)
    bounds: tuple[float | None, float | None] = (None, None)
    if ours[1] is not None and ours[2] is not None and theirs[1] is not None and theirs[2] is not None:
        bounds = compute_difference_interval((ours[0], ours[1], ours[2]), (theirs[0], theirs[1], theirs[2]))
    method = "none" if ours[1] is None else "wilson"
    top1 = MetricEstimate(value=ours[0], low=ours[1], high=ours[2], method=method, right=None)
    return {
        "metrics": {HEADLINE: top1},
        "clean": theirs[0],
        "gap": ours[0] - theirs[0],
        "gap_low": bounds[0],
        "gap_high": bounds[1],
    }


def _read_percent(printed: str) -> float:
    # Divided as decimals: 73.18 / 100 of floats is 0.7318000000000001, which the CSV would show.
    return float(Decimal(printed) / 100)


def _estimate(top1: float, n: int | None) -> Estimate:
    return (top1, None, None) if n is None else (top1, *compute_wilson_interval(top1 * n, n))


def _list_cautions(
    papers: Mapping[str, Any], table: BoardTable, row: str, columns: tuple[str, str]
) -> Iterator[str]:
    for slip in papers["slips"]:
        places = {(cell["table"], cell["row"], cell["column"]) for cell in slip.get("cells", ())}
        if any((table.table, row, column) in places for column in columns):
            yield f"In print: {slip['text']}"
    for question in papers["questions"]:
        if table.table in question["tables"] and row in question["rows"]:
            yield question["text"]
