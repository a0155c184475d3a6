"""The order of rows: what they can be sorted by, who stands behind, and each row's place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagenet_g.benchmark.predictions.metrics import load_metrics
from imagenet_g.benchmark.reports.numbers import format_percent
from imagenet_g.benchmark.results import HEADLINE
from imagenet_g.leaderboard.board.rows import list_board_metrics

if TYPE_CHECKING:
    import pandas as pd

_NUMBERS = ("clean", "gap", "er", "equated", "parameters", "n", "throughput", "date")
_TEXTS = ("model", "family", "training_data")
_TRUST_ORDER = ("self-reported", "published", "recomputed", "verified")
LISTED = "self-reported"
"""The trust level of rows that are listed and not ranked."""
FLOOR_SHARE = 0.5
"""Of the highest clean accuracy on a split: below it a gap is small because there is little to lose."""


def list_sortable() -> tuple[str, ...]:
    """Columns of the frame that rows can be sorted by: every metric, and the others that have an order."""
    return (*(metric.name for metric in list_board_metrics()), *_NUMBERS, *_TEXTS, "trust")


def is_smallest_first(sort: str) -> bool:
    """Whether a first click on a heading sorts the smallest first: for text, and where lower is better.

    Example:
        >>> is_smallest_first("model"), is_smallest_first("top1")
        (True, False)
    """
    metric = load_metrics().get(sort)
    return sort in _TEXTS or (metric is not None and metric.higher_is_better is False)


def is_text(sort: str) -> bool:
    """Whether an order is one of words or days, in which no row has a place.

    Example:
        >>> is_text("model"), is_text("gap")
        (True, False)
    """
    return sort in (*_TEXTS, "trust", "date")


def find_floor(rows: pd.DataFrame) -> float | None:
    """The clean accuracy from which models lead an order by gap: `FLOOR_SHARE` of a split's highest.

    Args:
        rows: All rows of a split; self-reported ones do not count.

    Returns:
        A fraction; None where no clean accuracy is known.

    Example:
        >>> import pandas as pd
        >>> find_floor(pd.DataFrame({"clean": [0.8, 0.001, 1.0], "trust": ["published"] * 2 + [LISTED]}))
        0.4
    """
    clean = rows.loc[rows["trust"] != LISTED, "clean"].dropna()
    return FLOOR_SHARE * float(clean.max()) if len(clean) else None


def leave_floor(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of a split whose gap counts: those from its floor on."""
    floor = find_floor(rows)
    return rows if floor is None else rows[rows["clean"].ge(floor)]


def order_rows(rows: pd.DataFrame, sort: str, *, ascending: bool) -> pd.DataFrame:
    """Rows of a split in their order, with the columns `place` and `behind`.

    The best top-1 first is the ranking: verified rows, then recomputed, then published ones. Self-reported
    rows come last in every order but that by trust; by gap, models below `find_floor` follow those above it.

    Args:
        rows: All rows of a split: places are those among all, whatever a reader filters.
        sort: One of `list_sortable`.
        ascending: Whether the smallest comes first.

    Returns:
        The rows with `place`, 1 for the first by the value, equal values sharing one; missing in orders of
        text, by a top-1 that is ranked by tests, for rows without a value and for rows that stand behind.
        And `behind`: why a row has no place although it has a value; empty for the others.
    """
    # A board that was built before a metric was added has no such column.
    key = sort if sort in rows else HEADLINE
    # By how well a number is supported, not by the alphabet.
    supported = rows["trust"].map({name: number for number, name in enumerate(_TRUST_ORDER)}).fillna(-1)
    if key == "trust":
        ordered = rows.iloc[supported.argsort(kind="stable").to_numpy()[:: 1 if ascending else -1]]
        return ordered.assign(place=_no_places(ordered), behind="")
    behind = _name_behind(rows, key)
    is_ranking = key == HEADLINE and not ascending
    tiers = supported if is_ranking else (rows["trust"] != LISTED) * 2 + (behind == "")
    places = _find_places(rows, key, behind, ascending=ascending)
    # An unknown day is an empty text, which would be the first of all.
    values = rows[key].mask(rows[key] == "") if key == "date" else rows[key]
    placed = rows.assign(_tier=tiers, _key=values, behind=behind, place=places)
    ordered = placed.sort_values(
        ["_tier", "_key", "top1", "model_id"],
        ascending=[False, ascending, False, True],
        na_position="last",
        kind="stable",
    )
    return ordered.drop(columns=["_tier", "_key"])


def _no_places(rows: pd.DataFrame) -> pd.Series[int]:
    import pandas as pd

    return pd.Series(pd.NA, index=rows.index, dtype="Int64")


def _name_behind(rows: pd.DataFrame, key: str) -> pd.Series[str]:
    """Why each row stands behind the others in an order; empty for those that do not."""
    import pandas as pd

    behind = pd.Series("", index=rows.index)
    floor = find_floor(rows) if key == "gap" else None
    if floor is not None:
        behind = behind.mask(rows["clean"].lt(floor), f"clean accuracy below {format_percent(floor, 1)} %")
    return behind.mask(rows["trust"] == LISTED, "listed, not ranked")


def _find_places(rows: pd.DataFrame, key: str, behind: pd.Series[str], *, ascending: bool) -> pd.Series[int]:
    # The first by top-1 are ranked by tests, where some row has answers to test.
    ranked = key == HEADLINE and "rank_best" in rows and bool(rows["rank_best"].notna().any())
    if is_text(key) or ranked:
        return _no_places(rows)
    values = rows[key].astype("Float64").where(behind == "")
    return values.rank(method="min", ascending=ascending).astype("Int64")
