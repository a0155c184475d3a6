"""Cells of a row as HTML and CSV: pure, and everything that came from outside is escaped here."""

from __future__ import annotations

import html
import io
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from imagenet_g.benchmark.commands.report import format_percent, format_points
from imagenet_g.benchmark.predictions.metrics import Metric
from imagenet_g.leaderboard.submissions.problems import TRUST_LEVELS

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def escape(text: object) -> str:
    """Text for HTML, in content and in quoted attributes alike."""
    return html.escape(str(text), quote=True)


def is_missing(value: object) -> bool:
    """Whether a cell of a frame is empty: None, NaN or pandas' NA."""
    import pandas as pd

    return bool(pd.isna(value))  # type: ignore[call-overload]


def format_rank(row: Row, name: str) -> str:
    """A shared rank, or a dash where there is none."""
    rank = row.get(name, 0)
    return "–" if is_missing(rank) or not rank else str(int(rank))


def format_accuracy(row: Row, name: str) -> str:
    """Percent with its interval below."""
    if is_missing(row[name]):
        return '<span class="none" title="unknown">–</span>'
    low, high = (row.get(f"{name}_{end}", math.nan) for end in ("low", "high"))
    if is_missing(low) or is_missing(high):
        return format_percent(row[name])
    return f"{format_percent(row[name])}<small>{format_percent(low, 1)}–{format_percent(high, 1)}</small>"


def format_metric(row: Row, metric: Metric) -> str:
    """A metric in its own unit with its interval below; a board of another day may lack its column."""
    if is_missing(row.get(metric.name)):
        return '<span class="none" title="unknown">–</span>'
    value = metric.format_value(row[metric.name])
    low, high = (row.get(f"{metric.name}_{end}", math.nan) for end in ("low", "high"))
    if is_missing(low) or is_missing(high):
        return value
    digits = max(metric.unit.digits - 1, 0)
    return f"{value}<small>{metric.format_value(low, digits)}–{metric.format_value(high, digits)}</small>"


def format_difference(row: Row, name: str, why_missing: str) -> str:
    """Signed points with their interval below, or why there are none."""
    if is_missing(row.get(name)):
        return f'<span class="none" title="{escape(why_missing)}">–</span>'
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if is_missing(low) or is_missing(high):
        return format_points(row[name])
    return f"{format_points(row[name])}<small>{format_points(low, 1)} to {format_points(high, 1)}</small>"


def format_model(row: Row) -> str:
    """The name, linked where there is an address, with whose it is below; flags can be opened."""
    name = escape(row["model"])
    url = str(row["url"])
    linked = (
        f'<a href="{escape(url)}" rel="noopener nofollow" target="_blank">{name}</a>'
        if url.startswith("https://")
        else name
    )
    return f"{linked}<small>{escape(row['organisation'])}</small>"


def format_trust(row: Row) -> str:
    """The level as a word in a badge; its meaning on hover."""
    level = str(row["trust"])
    meaning = next((text for name, text in TRUST_LEVELS.items() if name == level), "")
    return f'<span class="trust {escape(level)}" title="{escape(meaning)}">{escape(level)}</span>'


def list_row_flags(row: Row) -> list[str]:
    """Everything a reader must know about a row."""
    found = [line for line in str(row["flags"]).split("\n") if line]
    if not is_missing(row.get("er")):
        if row["extrapolated"]:
            found.append("ER is extrapolated: the clean accuracy lies outside the baseline's.")
        if row["weak"]:
            found.append("The baseline's line is weak here (r2 below 0.8): read the gap first.")
    return found


def format_flags(row: Row) -> str:
    """A disclosure that opens by click and by keyboard, its reasons also on hover."""
    found = list_row_flags(row)
    if not found:
        return ""
    items = "".join(f"<li>{escape(reason)}</li>" for reason in found)
    return (
        f'<details class="flags"><summary title="{escape(" ".join(found))}" '
        f'aria-label="{len(found)} flags of {escape(row["model"])}">⚑ {len(found)}</summary>'
        f"<ul>{items}</ul></details>"
    )


def format_parameters(row: Row) -> str:
    """Millions, or a dash where unknown."""
    value = row["parameters"]
    return '<span class="none" title="unknown">–</span>' if is_missing(value) else f"{value / 1e6:.1f} M"


def format_plain(name: str) -> Callable[[Row], str]:
    """A cell that is the escaped text of a column."""
    return lambda row: escape(row[name])


def format_csv(rows: pd.DataFrame) -> str:
    """All columns as CSV, fractions unrounded; text that a spreadsheet would run gets a leading quote."""
    import pandas as pd

    safe = rows.copy()
    for name in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[name]):
            safe[name] = safe[name].map(neutralise)
    stream = io.StringIO()
    safe.to_csv(stream, index=False, lineterminator="\n")
    return stream.getvalue()


def neutralise(value: object) -> object:
    """Text that cannot be a formula: a leading quote keeps spreadsheets from running it (OWASP)."""
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return "'" + value
    return value
