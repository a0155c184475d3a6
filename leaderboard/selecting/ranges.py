"""Ranges of numbers as a reader types them, such as "parameters 10–100 M, clean ≥ 70", and days."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from imagenet_g.leaderboard.board.rows import list_board_metrics

if TYPE_CHECKING:
    import pandas as pd

MAX_RANGES = 8
EXAMPLE = "parameters 10–100 M, clean ≥ 70"
_NUMBER = r"[-−+]?\d{1,12}(?:\.\d{1,6})?"
_UNIT = r"\s*(?P<unit>%|points?|[kmb])?"
_BETWEEN = re.compile(rf"(?P<low>{_NUMBER})\s*(?:to|\.\.|–|-)\s*(?P<high>{_NUMBER}){_UNIT}", re.IGNORECASE)
_BOUND = re.compile(rf"(?P<sign>≥|>=|>|≤|<=|<|=)\s*(?P<value>{_NUMBER}){_UNIT}", re.IGNORECASE)
_BEHIND_NAME = re.compile(r"\s+(?=[-−+]?\d)|\s*(?=[≥≤<>=])")
_SHARES = ("clean", "gap", "er", "equated")
_WORDS = {
    "size": "parameters", "params": "parameters", "clean accuracy": "clean", "accuracy gap": "gap",
    "ag": "gap", "effective robustness": "er", "top 1": "top1", "top 5": "top5", "images": "n",
    "images a second": "throughput",
}  # fmt: skip
_UNITS = {"k": 1e3, "m": 1e6, "b": 1e9}


@dataclass(frozen=True, slots=True)
class Range:
    """Values of a column that are shown.

    Attributes:
        column: Name in the table of rows.
        low: Smallest value.
        high: Largest value.
        open_low: Whether the smallest value itself is left out.
        open_high: Whether the largest value itself is left out.
    """

    column: str
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False


def list_factors() -> dict[str, float]:
    """Columns that have ranges, with what a number typed for one is multiplied by."""
    metrics = {metric.name: 1 / metric.unit.factor for metric in list_board_metrics()}
    return metrics | dict.fromkeys(_SHARES, 0.01) | {"parameters": 1e6, "n": 1.0, "throughput": 1.0}


def parse_ranges(text: str) -> tuple[tuple[Range, ...], str]:
    """Ranges that a text names, and one line on what in it is none; empty where all is well.

    Percent, points and millions are the units where none is typed.

    Example:
        >>> parse_ranges("parameters 10–100 M; clean >= 70")[0][0]
        Range(column='parameters', low=10000000.0, high=100000000.0, open_low=False, open_high=False)
        >>> parse_ranges("height > 3")[1].partition(".")[0]
        "Not used: 'height > 3'"
    """
    found = read_parts(text)
    wrong = [part for part, one in found if one is None]
    ranges = tuple(one for _, one in found if one is not None)
    return ranges, _explain(wrong[0]) if wrong else ""


def read_parts(text: str) -> list[tuple[str, Range | None]]:
    """The parts of a text, each with its range; None for one that is none, or is beyond `MAX_RANGES`.

    Example:
        >>> [part for part, _ in read_parts("clean > 70, er > 0;")]
        ['clean > 70', 'er > 0']
    """
    parts = [part.strip() for part in re.split(r"[;,]", text) if part.strip()]
    return [(part, parse_range(part) if place < MAX_RANGES else None) for place, part in enumerate(parts)]


def _explain(part: str) -> str:
    known = ", ".join(list_factors())
    return (
        f"Not used: '{part}'. Type a name and a range or a bound, such as '{EXAMPLE}', {MAX_RANGES} at most, "
        f"with commas between them; the names are {known}."
    )


def parse_range(text: str) -> Range | None:
    """One range; None where the text is none.

    Example:
        >>> parse_range("er > -2.5")
        Range(column='er', low=-0.025, high=inf, open_low=True, open_high=False)
        >>> parse_range("clean 70 to"), parse_range("clean 90–80"), parse_range("clean 70 M")
        (None, None, None)
    """
    # A name may itself end with a number, such as "top 5".
    for gap in _BEHIND_NAME.finditer(text):
        column, rest = _find_column(text[: gap.start()]), text[gap.end() :]
        match = _BETWEEN.fullmatch(rest) or _BOUND.fullmatch(rest)
        if column and match and (factor := _choose_factor(column, match["unit"])):
            return _make_range(column, match.groupdict(), factor)
    return None


def _find_column(name: str) -> str:
    """The column of a typed name; empty for none."""
    word = " ".join(re.split(r"[\s_-]+", name.lower()))
    column = _WORDS.get(word, word.replace(" ", "_"))
    return column if column in list_factors() else ""


def _choose_factor(column: str, unit: str | None) -> float | None:
    if unit is None:
        return list_factors()[column]
    if unit.lower() in _UNITS:
        return _UNITS[unit.lower()] if column in ("parameters", "n") else None
    return list_factors()[column] if list_factors()[column] == 0.01 else None


def _make_range(column: str, parts: Mapping[str, str | None], factor: float) -> Range | None:
    def read(name: str) -> float:
        return float(str(parts[name]).replace("−", "-")) * factor

    if "low" in parts:
        low, high = read("low"), read("high")
        return Range(column, low, high) if low <= high else None
    value, sign = read("value"), str(parts["sign"])
    if sign == "=":
        return Range(column, value, value)
    if sign[0] in "≥>":
        return Range(column, low=value, open_low=sign == ">")
    return Range(column, high=value, open_high=sign == "<")


def match_range(rows: pd.DataFrame, wanted: Range) -> pd.Series[bool]:
    """Which rows have a value in a range; an unknown one is in none.

    Example:
        >>> import pandas as pd
        >>> rows = pd.DataFrame({"clean": [0.7, None, 0.8]})
        >>> match_range(rows, Range("clean", low=0.7, open_low=True)).tolist()
        [False, False, True]
    """
    import pandas as pd

    # A board that was built before a column was added lacks it: nothing in it is known.
    if wanted.column not in rows:
        return pd.Series(False, index=rows.index)
    values = rows[wanted.column].astype("Float64")
    above = values.gt(wanted.low) if wanted.open_low else values.ge(wanted.low)
    below = values.lt(wanted.high) if wanted.open_high else values.le(wanted.high)
    return (above & below).fillna(False).astype(bool)


def parse_day(text: str) -> tuple[str, str]:
    """A day as YYYY-MM-DD, and one line on what is wrong with a text that is none; empty ones for no text.

    Example:
        >>> parse_day("2026-03-31"), parse_day(" ")
        (('2026-03-31', ''), ('', ''))
        >>> parse_day("31.3.2026")
        ('', "Not used: '31.3.2026' is no day. Type one such as 2026-03-31.")
    """
    if not (typed := text.strip()):
        return "", ""
    try:
        # Only this form: `fromisoformat` takes weeks and days without hyphens, too.
        day = date.fromisoformat(typed) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", typed, re.ASCII) else None
    except ValueError:
        day = None
    if day is None:
        return "", f"Not used: '{typed}' is no day. Type one such as 2026-03-31."
    return day.isoformat(), ""
