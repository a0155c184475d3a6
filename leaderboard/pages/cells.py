"""Cells of a row as HTML and CSV: pure, and all text from outside is escaped here."""

from __future__ import annotations

import html
import io
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from imagenet_g.benchmark.critiques.wording import format_number
from imagenet_g.benchmark.predictions.metric import Metric
from imagenet_g.benchmark.reports.numbers import format_percent, format_points
from imagenet_g.benchmark.robustness.wording import state_verdict
from imagenet_g.benchmark.terminal.spreadsheets import neutralise
from imagenet_g.leaderboard.pages.model_links import link_model
from imagenet_g.leaderboard.submissions.problems import TRUST_LEVELS

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]


def escape(text: object) -> str:
    """Text for HTML, in content and in quoted attributes alike.

    Example:
        >>> escape('<b title="x">')
        '&lt;b title=&quot;x&quot;&gt;'
    """
    return html.escape(str(text), quote=True)


def is_missing(value: object) -> bool:
    """Whether a cell of a frame is empty: None, NaN or pandas' NA.

    Example:
        >>> [is_missing(value) for value in (None, float("nan"), 0, "")]
        [True, True, False, False]
    """
    import pandas as pd

    return bool(pd.isna(value))  # type: ignore[call-overload]


def format_rank(row: Row) -> str:
    """The place, or else the range of ranks, or a dash with the reason; self-reported rows are "listed".

    Example:
        >>> format_rank({"rank_best": 3, "rank_worst": 7}), format_rank({"rank_best": 2, "rank_worst": 2})
        ('3–7', '2')
        >>> format_rank({"rank_best": 3, "rank_worst": 7, "place": 12})
        '<span class="place" title="place by this value alone; not tested">12</span>'
        >>> format_rank({"unranked": "no stored answers"})
        '<span class="none" title="no stored answers">–</span>'
        >>> format_rank({"unranked": "the authors' word", "trust": "self-reported"})
        '<span class="none" title="the authors&#x27; word">listed</span>'
    """
    if not is_missing(row.get("place")):
        return f'<span class="place" title="place by this value alone; not tested">{row["place"]}</span>'
    if row.get("behind"):
        listed = row.get("trust") == "self-reported"
        why = row.get("unranked") if listed else row["behind"]
        return f'<span class="none" title="{escape(why)}">{"listed" if listed else "–"}</span>'
    # A board that was built before there were ranges has no such columns.
    best, worst = row.get("rank_best"), row.get("rank_worst")
    if is_missing(best) or is_missing(worst):
        word = "listed" if row.get("trust") == "self-reported" else "–"
        return f'<span class="none" title="{escape(row.get("unranked", "unknown"))}">{word}</span>'
    return str(best) if best == worst else f"{best}–{worst}"


def format_accuracy(row: Row, name: str) -> str:
    """Percent with its interval below.

    Example:
        >>> format_accuracy({"top1": 0.5, "top1_low": 0.45, "top1_high": 0.55}, "top1")
        '50.00<small>45.0–55.0</small>'
    """
    if is_missing(row[name]):
        return '<span class="none" title="unknown">–</span>'
    low, high = (row.get(f"{name}_{end}", math.nan) for end in ("low", "high"))
    if is_missing(low) or is_missing(high):
        return format_percent(row[name])
    return f"{format_percent(row[name])}<small>{format_percent(low, 1)}–{format_percent(high, 1)}</small>"


def format_equated(row: Row) -> str:
    """An equated score with its interval and the split it is equated to.

    Example:
        >>> row = {"equated": 0.5, "equated_low": 0.45, "equated_high": 0.55, "equated_to": "v1/sd-l"}
        >>> format_equated(row)
        '50.00<small>45.0–55.0</small><small>on v1/sd-l</small>'
    """
    if is_missing(row.get("equated")):
        return '<span class="none" title="No models were run on this and an earlier version.">–</span>'
    return f"{format_accuracy(row, 'equated')}<small>on {escape(row['equated_to'])}</small>"


def format_image_share(row: Row, name: str, why_missing: str) -> str:
    """A share of a split's images in percent, or a dash with the reason why it is missing.

    Example:
        >>> format_image_share({"images_valid": 0.5432}, "images_valid", "Nobody has rated them.")
        '54.3'
        >>> format_image_share({}, "images_valid", "Nobody has rated them.")
        '<span class="none" title="Nobody has rated them.">–</span>'
    """
    if is_missing(row.get(name)):
        return f'<span class="none" title="{escape(why_missing)}">–</span>'
    return format_percent(row[name], 1)


def format_image_distance(row: Row) -> str:
    """How much farther a split's images lie from real ones than those from each other.

    Example:
        >>> format_image_distance({"images_distance": 0.12345})
        '0.123'
    """
    if is_missing(row.get("images_distance")):
        return '<span class="none" title="No critique comes with this split.">–</span>'
    return format_number(row["images_distance"])


def format_metric(row: Row, metric: Metric) -> str:
    """A metric in its own unit with its interval below; an older board may lack its column."""
    if is_missing(row.get(metric.name)):
        return '<span class="none" title="unknown">–</span>'
    value = metric.format_value(row[metric.name])
    low, high = (row.get(f"{metric.name}_{end}", math.nan) for end in ("low", "high"))
    if is_missing(low) or is_missing(high):
        return value
    digits = max(metric.unit.digits - 1, 0)
    return f"{value}<small>{metric.format_value(low, digits)}–{metric.format_value(high, digits)}</small>"


def format_difference(row: Row, name: str, why_missing: str) -> str:
    """Signed points with their interval below, or a dash with the reason why they are missing."""
    if is_missing(row.get(name)):
        return f'<span class="none" title="{escape(why_missing)}">–</span>'
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if is_missing(low) or is_missing(high):
        return format_points(row[name])
    return f"{format_points(row[name])}<small>{format_points(low, 1)} to {format_points(high, 1)}</small>"


def format_gap(row: Row) -> str:
    """The accuracy gap; a row that stands behind the others by it says why."""
    cell = format_difference(row, "gap", "No clean reference.")
    behind = str(row.get("behind") or "")
    return f'{cell}<small class="doubt">{escape(behind)}</small>' if behind.startswith("clean") else cell


def format_robustness(row: Row, why_missing: str) -> str:
    """Effective robustness as a difference; an interval with 0 in it is said to show nothing."""
    cell = format_difference(row, "er", why_missing)
    known = not any(is_missing(row.get(name)) for name in ("er", "er_low", "er_high"))
    verdict = state_verdict(row["er_low"], row["er_high"]) if known else ""
    return f"{cell}<small>{verdict}</small>" if verdict else cell


def format_model(row: Row) -> str:
    """The name, which links to the model's own page, with the organisation below."""
    name = link_model(row["model_id"], row["model"], row["version"])
    return f"{name}<small>{escape(row['organisation'])}</small>"


def format_trust(row: Row) -> str:
    """The level as a word in a badge; its meaning on hover."""
    # A level that this release does not have gets a badge too, without a meaning: boards outlive releases.
    level = str(row["trust"])
    meaning = next((text for name, text in TRUST_LEVELS.items() if name == level), "")
    return f'<span class="trust {escape(level)}" title="{escape(meaning)}">{escape(level)}</span>'


def list_row_flags(row: Row) -> list[str]:
    """Cautions about a row."""
    found = [line for line in str(row["flags"]).split("\n") if line]
    if not is_missing(row.get("er")):
        if row["extrapolated"]:
            found.append("ER is extrapolated: the clean accuracy lies outside the baseline's.")
        if row["weak"]:
            found.append("The baseline's line is weak here (r2 below 0.8): read the gap first.")
        # Absent from boards of earlier releases.
        found += [f"ER: {line}." for line in str(row.get("cautions") or "").split("\n") if line]
    return found


def list_row_doubts(row: Row) -> list[str]:
    """The gravest cautions about a row, in a few words each.

    Example:
        >>> list_row_doubts({"doubts": "is the split's filter", "er": 0.1, "cautions": "high leverage (0.7)"})
        ["is the split's filter", 'high leverage']
    """
    # Boards of earlier releases have neither column.
    found = [line for line in str(row.get("doubts") or "").split("\n") if line]
    if not is_missing(row.get("er")):
        lines = str(row.get("cautions") or "").split("\n")
        found += [line.partition(" (")[0] for line in lines if line]
    return found


def format_flags(row: Row) -> str:
    """A disclosure that opens by click and by keyboard, its reasons also on hover; grave ones as words."""
    found = list_row_flags(row)
    if not found:
        return ""
    items = "".join(f"<li>{escape(reason)}</li>" for reason in found)
    words = "".join(f'<small class="doubt">{escape(doubt)}</small>' for doubt in list_row_doubts(row))
    return (
        f'<details class="flags"><summary title="{escape(" ".join(found))}" '
        f'aria-label="{len(found)} flags of {escape(row["model"])}">⚑ {len(found)}</summary>'
        f"<ul>{items}</ul></details>{words}"
    )


def format_parameters(row: Row) -> str:
    """Millions, or a dash where unknown.

    Example:
        >>> format_parameters({"parameters": 25_557_032})
        '25.6 M'
    """
    value = row["parameters"]
    return '<span class="none" title="unknown">–</span>' if is_missing(value) else f"{value / 1e6:.1f} M"


def format_count(row: Row) -> str:
    """The number of images, or a dash where the source does not print it.

    Example:
        >>> format_count({"n": 1000})
        '1000'
    """
    return '<span class="none" title="unknown">–</span>' if is_missing(row["n"]) else str(row["n"])


def format_throughput(row: Row) -> str:
    """Images a second with the device below, or a dash where nobody measured them.

    Example:
        >>> format_throughput({"throughput": 42.109, "device": "x86_64"})
        '42.1<small>x86_64</small>'
    """
    if is_missing(row.get("throughput")):
        return '<span class="none" title="Not measured.">–</span>'
    return f"{row['throughput']:.1f}<small>{escape(row['device'])}</small>"


def format_date(row: Row) -> str:
    """The day, or a dash where it is unknown.

    Example:
        >>> format_date({"date": "2026-03-31"})
        '2026-03-31'
    """
    date = row.get("date")
    if is_missing(date) or not date:
        return '<span class="none" title="The date is unknown.">–</span>'
    return escape(date)


def format_plain(name: str) -> Callable[[Row], str]:
    """A cell that is the escaped text of a column."""
    return lambda row: escape(row[name])


def format_csv(rows: pd.DataFrame) -> str:
    """All columns as CSV, fractions unrounded; text that a spreadsheet would run gets a leading quote."""
    import pandas as pd

    safe = rows.copy()
    for name in safe.columns:
        # Numbers are left alone: a negative gap starts with a minus sign and is not a formula.
        if not pd.api.types.is_numeric_dtype(safe[name]):
            safe[name] = safe[name].map(neutralise)
    stream = io.StringIO()
    safe.to_csv(stream, index=False, lineterminator="\n")
    return stream.getvalue()
