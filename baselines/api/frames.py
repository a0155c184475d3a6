"""Baselines, effective robustness and the papers' tables as frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.baselines.lines.apply import DEFAULT_LINKS, enrich_result
from imagenet_g.baselines.lines.baselines import list_baselines, load_any_baseline, load_baseline
from imagenet_g.baselines.lines.table import RobustnessTableRow, build_robustness_rows
from imagenet_g.baselines.papers.tables import load_papers
from imagenet_g.benchmark.api.arguments import AnyPath, list_words
from imagenet_g.benchmark.api.results import Results
from imagenet_g.benchmark.api.tables import choose_robustness, make_row
from imagenet_g.benchmark.errors import UnknownNameError
from imagenet_g.benchmark.results import Result
from imagenet_g.benchmark.robustness.attach import Baseline

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
    records = load_baseline(name).records
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
    cells = papers.find_table(table).cells
    return pd.DataFrame(
        [{**cell.address.model_dump(), "printed": cell.printed, "value": cell.value} for cell in cells]
    ).astype({"value": float})


def effective_robustness(
    models: Results | AnyPath,
    *,
    baseline: str,
    link: str = DEFAULT_LINKS[0],
    splits: Sequence[str] = (),
    data: Mapping[str, AnyPath] | None = None,
) -> pd.DataFrame:
    """Effective robustness of results against a baseline, or of every model of a table of figures.

    Args:
        models: `Results`, the path of a result, or the id of a table of figures such as "timm-in1k".
        baseline: Id of a baseline such as "testbed", or the file of one.
        link: Of the axes: "logit", "probit" or "linear".
        splits: Only these; empty for all that have a line.
        data: Local copies by name, for views by a column.

    Returns:
        One row a model and split; accuracies and differences are fractions.

    Raises:
        UnknownNameError: There is no such baseline, table, link or split.
        InputError: The baseline has a line for no split of the results.
        DataError: A file is missing or malformed.
    """
    import pandas as pd

    wanted = list_words(splits, "splits")
    if not isinstance(models, Results):
        if str(models) in list_baselines():
            found = build_robustness_rows(
                load_baseline(baseline), load_baseline(str(models)), link, splits=wanted or None
            )
            return pd.DataFrame([_make_figure_row(row) for row in found])
        models = Results.load(models, data=data)
    line = load_any_baseline(baseline)
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


def _list_result_rows(
    result: Result, folder: Path, line: Baseline, link: str, data: Mapping[str, Path]
) -> list[dict[str, object]]:
    # Without what the result has already, which may be of another baseline.
    bare = [entry.model_copy(update={"effective_robustness": ()}) for entry in result.entries]
    enriched = enrich_result(
        result.model_copy(update={"entries": tuple(bare)}), folder, baseline=line, links=[link], data=data
    )
    rows = [
        make_row(enriched, entry, baseline=None, link=link)
        for entry in enriched.entries
        if choose_robustness(entry, link=link) is not None
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
