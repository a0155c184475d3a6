"""Results as rows of a table: one a model and split."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from imagenet_g.benchmark.errors import UnknownNameError
from imagenet_g.benchmark.predictions.entries import choose_headline
from imagenet_g.benchmark.reports.numbers import format_percent, format_points
from imagenet_g.benchmark.results import EffectiveRobustness, Entry, Result

Cell = str | float | int | None
NO_FRACTIONS = (
    "model", "split", "n", "n_unscored", "outputs", "reference", "reference_kind", "baseline", "link",
)  # fmt: skip
_HEADS = ("model", "split", "images", "top-1", "clean set", "gap", "effective robustness")


def list_rows(
    result: Result, *, baseline: str | None = None, link: str | None = None
) -> list[dict[str, Cell]]:
    """The rows of a result, in the order of its entries; None for what is unknown or not there.

    Args:
        result: The result.
        baseline: Whose effective robustness to take; None for the first that an entry has.
        link: The link of its axes; None for the first.

    Returns:
        Accuracies, gaps and effective robustness as fractions; the bounds of NAME are NAME_low and NAME_high.
    """
    return [make_row(result, entry, baseline=baseline, link=link) for entry in result.entries]


def make_row(result: Result, entry: Entry, *, baseline: str | None, link: str | None) -> dict[str, Cell]:
    """One row, see `list_rows`."""
    score = choose_headline(entry)
    row: dict[str, Cell] = {
        "model": result.model.spec,
        "split": entry.split.ref,
        "n": entry.n,
        "n_unscored": entry.n_unscored,
        "outputs": score.outputs,
    }
    for name, estimate in score.metrics.items():
        row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return row | _list_gap(entry) | _list_robustness(choose_robustness(entry, baseline=baseline, link=link))


def _list_gap(entry: Entry) -> dict[str, Cell]:
    names = (
        "reference", "reference_kind", "reference_top1", "reference_top1_low", "reference_top1_high",
        "gap", "gap_low", "gap_high",
    )  # fmt: skip
    if not entry.gaps:
        return dict.fromkeys(names)
    gap = entry.gaps[0]
    clean = gap.reference
    top1 = (clean.top1.value, clean.top1.low, clean.top1.high)
    return dict(zip(names, (clean.set, clean.kind, *top1, gap.value, gap.low, gap.high), strict=True))


def _list_robustness(found: EffectiveRobustness | None) -> dict[str, Cell]:
    names = ("baseline", "link", "er", "er_low", "er_high", "expected_top1")
    if found is None:
        return dict.fromkeys(names)
    cells = (found.baseline, found.link, found.value, found.low, found.high, found.expected_top1)
    return dict(zip(names, cells, strict=True))


def choose_robustness(
    entry: Entry, *, baseline: str | None = None, link: str | None = None
) -> EffectiveRobustness | None:
    """The first effective robustness of an entry against a baseline and on a link, where these are named."""
    for found in entry.effective_robustness:
        if baseline in (None, found.baseline) and link in (None, found.link):
            return found
    return None


def check_robustness_names(
    results: Sequence[Result], *, baseline: str | None = None, link: str | None = None
) -> None:
    """Check that some result has effective robustness of that name, where one is named.

    Raises:
        UnknownNameError: None has it.
    """
    found = [er for result in results for entry in result.entries for er in entry.effective_robustness]
    names = (("baseline", baseline, [er.baseline for er in found]), ("link", link, [er.link for er in found]))
    for what, name, known in names:
        if name is not None and name not in known:
            raise UnknownNameError(what, str(name), dict.fromkeys(known), where="of these results")


def format_html(results: tuple[Result, ...], notes: list[str]) -> str:
    """The headline numbers in percent with their intervals, and the notes below, for a notebook."""
    heads = "".join(f"<th>{head}</th>" for head in _HEADS)
    rows = "".join(
        f"<tr>{''.join(f'<td>{cell}</td>' for cell in _list_cells(row))}</tr>"
        for result in results
        for row in list_rows(result)
    )
    said = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"<table><tr>{heads}</tr>{rows}</table>" + (f"<ul>{said}</ul>" if said else "")


def _list_cells(row: dict[str, Cell]) -> list[str]:
    names = (escape(str(row["model"])), escape(str(row["split"])), f"{row['n']:,}")
    clean = "" if row["reference"] is None else escape(str(row["reference"]))
    return [
        *names,
        _format_cell(row, "top1", signed=False),
        f"{clean} {_format_cell(row, 'reference_top1', signed=False)}".strip(),
        _format_cell(row, "gap"),
        _format_cell(row, "er"),
    ]


def _format_cell(row: dict[str, Cell], name: str, *, signed: bool = True) -> str:
    value, low, high = (row.get(key) for key in (name, f"{name}_low", f"{name}_high"))
    if not isinstance(value, int | float):
        return ""
    write = format_points if signed else format_percent
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return write(value)
    return f"{write(value)} ({write(low, 1)} to {write(high, 1)})"
