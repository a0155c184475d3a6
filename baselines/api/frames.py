"""Baselines, effective robustness and the papers' tables as frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.baselines.lines.apply import DEFAULT_LINKS, enrich_result
from imagenet_g.baselines.lines.baselines import list_baselines, load_any_baseline, load_baseline
from imagenet_g.baselines.lines.result_charts import find_line
from imagenet_g.baselines.lines.table import RobustnessTableRow, build_robustness_rows
from imagenet_g.baselines.papers.tables import load_papers
from imagenet_g.benchmark.api.arguments import AnyPath, list_words, make_word
from imagenet_g.benchmark.api.results import Results
from imagenet_g.benchmark.api.tables import choose_robustness, make_row
from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.results import Result

if TYPE_CHECKING:
    import pandas as pd

_KEPT = (
    "model", "split", "n", "reference", "reference_top1", "top1", "gap", "baseline", "link", "er", "er_low",
    "er_high", "expected_top1",
)  # fmt: skip


def baselines(name: str | None = None) -> pd.DataFrame:
    """The sets of baseline models, or the models of one with their figures.

    Args:
        name: An id such as "testbed", or the path of a `.toml` header; None to list the sets.

    Returns:
        One row a set; or one row a model, with an accuracy (a fraction) in each column of figures.

    Raises:
        UnknownNameError: There is no such set.
        DataError: The file is missing or malformed.
    """
    import pandas as pd

    if name is None:
        return pd.DataFrame([_describe_set(one) for one in list_baselines()])
    records = load_baseline(make_word(name, "baselines")).records
    return pd.DataFrame([record.model_dump(exclude={"figures"}) | record.figures for record in records])


def _describe_set(name: str) -> dict[str, object]:
    baseline = load_baseline(name)
    header = baseline.header
    return {
        "id": header.id,
        "title": header.title,
        "version": header.version,
        "sha256": baseline.sha256,
        "models": len(baseline.records),
        "in_fit": len(baseline.fitted),
        "splits": tuple(header.targets),
    }


def published_tables(table: str | None = None) -> pd.DataFrame:
    """The papers' tables as printed: the list of them, or the cells of one.

    Args:
        table: An id of the list; None for the list.

    Returns:
        One row a table; or one row a cell, its text in `printed`, its number in `value` (NaN for a text).

    Raises:
        UnknownNameError: There is no such table.
    """
    import pandas as pd

    papers = load_papers()
    if table is None:
        rows: list[dict[str, object]] = [
            {"table": one.id, "title": one.title, "source": one.source, "cells": len(one.cells)}
            for one in papers.tables.values()
        ]
        return pd.DataFrame(rows)
    cells = papers.find_table(make_word(table, "table")).cells
    return pd.DataFrame(
        [{**cell.address.model_dump(), "printed": cell.printed, "value": cell.value} for cell in cells]
    ).astype({"value": float})


def effective_robustness(
    models: Results | AnyPath,
    *,
    baseline: AnyPath | None = None,
    link: str = DEFAULT_LINKS[0],
    splits: Sequence[str] = (),
    data: Mapping[str, AnyPath] | None = None,
) -> pd.DataFrame:
    """Effective robustness of results against a baseline, or of every model of a table of figures.

    Args:
        models: `Results`, the path of a result, or the id of a table of figures such as "timm-in1k".
        baseline: Id of a baseline such as "testbed", or the file of one; None for the line that comes with
            the version of each split.
        link: Of the axes: "logit", "probit" or "linear".
        splits: Only these; empty for all that have a line.
        data: Local copies by name, for views by a column.

    Returns:
        One row a model and split; accuracies and differences are fractions.

    Raises:
        UnknownNameError: There is no such baseline, table, link or split.
        InputError: The baseline has a line for no split of the results, or none is named and none is known.
        DataError: A file is missing or malformed.
    """
    import pandas as pd

    wanted = list_words(splits, "splits")
    line = None if baseline is None else make_word(baseline, "baseline")
    if not isinstance(models, Results):
        if str(models) in list_baselines():
            return _tabulate_figures(str(models), line, link, wanted)
        models = Results.load(models, data=data)
    known = dict.fromkeys(entry.split.ref for result in models for entry in result.entries)
    for split in wanted:
        if split not in known:
            raise UnknownNameError("split", split, known, where="of these results")
    rows = [
        row
        for result, folder in zip(models.results, models.folders, strict=True)
        for row in _list_result_rows(result, folder, line, link, models.data)
        if not wanted or row["split"] in wanted
    ]
    return pd.DataFrame(rows, columns=list(_KEPT))


def _tabulate_figures(table: str, baseline: str | None, link: str, splits: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    if baseline is None:
        raise InputError("A table of published figures is held against a baseline: name one with baseline=.")
    rows = build_robustness_rows(load_baseline(baseline), load_baseline(table), link, splits=splits or None)
    return pd.DataFrame([_make_figure_row(row) for row in rows])


def _list_result_rows(
    result: Result, folder: Path, baseline: str | None, link: str, data: Mapping[str, Path]
) -> list[dict[str, object]]:
    """The rows of a result, in the order of its entries, each against its own line."""
    lines = [baseline or find_line(entry, data) for entry in result.entries]
    if not any(lines):
        refs = ", ".join(entry.split.ref for entry in result.entries)
        raise InputError(f"No line of a baseline is known for {refs}; name one with baseline=.")
    # Without what the result has already, which may be of another baseline.
    bare = [entry.model_copy(update={"effective_robustness": ()}) for entry in result.entries]
    alone = result.model_copy(update={"entries": tuple(bare)})
    enriched = {
        line: enrich_result(alone, folder, baseline=load_any_baseline(line), links=[link], data=data)
        for line in dict.fromkeys(lines)
        if line is not None
    }
    rows = [
        make_row(result, enriched[line].entries[place], baseline=None, link=link)
        for place, line in enumerate(lines)
        if line is not None and choose_robustness(enriched[line].entries[place], link=link) is not None
    ]
    return [{name: row[name] for name in _KEPT} for row in rows]


def _make_figure_row(row: RobustnessTableRow) -> dict[str, object]:
    placed = row.placement
    return {
        "model": row.model,
        "split": row.split,
        "reference": row.axis,
        "same_classes": row.same_classes,
        "reference_top1": row.reference,
        "top1": row.top1,
        "baseline": row.baseline,
        "link": row.link,
        "er": float("nan") if placed is None else placed.value,
        "er_low": None if placed is None else placed.interval.low,
        "er_high": None if placed is None else placed.interval.high,
        "expected_top1": None if placed is None else placed.expected,
        "reason": row.reason,
    }
