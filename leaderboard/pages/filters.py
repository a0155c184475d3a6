"""The filters of the table: which rows a query leaves, and what it says about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagenet_g.leaderboard.selecting.ranges import (
    match_range,
    parse_day,
    parse_ranges,
    read_parts,
)

if TYPE_CHECKING:
    import pandas as pd

    from imagenet_g.leaderboard.pages.queries import BoardQuery

ANY = "any"
SIZES = {
    "under 10 M": (0, 10e6),
    "10 to 50 M": (10e6, 50e6),
    "50 to 200 M": (50e6, 200e6),
    "over 200 M": (200e6, 1e15),
}


def match_rows(rows: pd.DataFrame, query: BoardQuery) -> pd.Series[bool]:
    """Which rows pass the filters and the search."""
    import pandas as pd

    keep = pd.Series(True, index=rows.index)
    for column, wanted in (
        ("training_data", query.training),
        ("supervision", query.supervision),
        ("trust", query.trust),
        ("family", query.family),
    ):
        if wanted != ANY:
            keep &= rows[column] == wanted
    if query.generated in ("none", "unknown"):
        keep &= rows["generated"] == query.generated
    elif query.generated == "yes":
        keep &= ~rows["generated"].isin(["none", "unknown"])
    for values in parse_ranges(query.ranges)[0]:
        keep &= match_range(rows, values)
    if query.new != "mark" and (day := parse_day(query.since)[0]):
        keep &= match_new(rows, day)
    if query.size in SIZES:
        low, high = SIZES[query.size]
        # An unknown size is in no class of sizes; compared, pandas' NA would stay NA, which is no mask.
        keep &= rows["parameters"].ge(low).fillna(False) & rows["parameters"].lt(high).fillna(False)
    return keep & match_search(rows, query.search)


def match_search(rows: pd.DataFrame, search: str) -> pd.Series[bool]:
    """Rows that hold all words of one of the alternatives, as plain text and not as patterns.

    Example:
        >>> import pandas as pd
        >>> rows = pd.DataFrame({"model": ["ResNet-50", "ViT-B", "VGG"], "organisation": "lab"})
        >>> match_search(rows.assign(family="", spec=""), "resnet 50; vit").tolist()
        [True, True, False]
    """
    import pandas as pd

    alternatives = [words for part in search.lower().split(";") if (words := part.split())]
    if not alternatives:
        return pd.Series(True, index=rows.index)
    text = (
        rows["model"] + " " + rows["organisation"] + " " + rows["family"] + " " + rows["spec"]
    ).str.lower()
    found = pd.Series(False, index=rows.index)
    for words in alternatives:
        matched = pd.Series(True, index=rows.index)
        for word in words:
            # pandas takes a pattern by default, and a visitor's pattern could run for ever.
            matched &= text.str.contains(word, regex=False)
        found |= matched
    return found


def match_new(rows: pd.DataFrame, day: str) -> pd.Series[bool]:
    """Which rows are of a day or later; an unknown date is not.

    Example:
        >>> import pandas as pd
        >>> match_new(pd.DataFrame({"date": ["2026-03-31", "2026-03-30", ""]}), "2026-03-31").tolist()
        [True, False, False]
    """
    import pandas as pd

    # A board of an earlier release has no dates. As text: days of this form have the order of the alphabet.
    return rows["date"].ge(day) if "date" in rows else pd.Series(False, index=rows.index)


def list_filters(query: BoardQuery) -> list[str]:
    """What a query leaves, in words; empty where it filters nothing.

    Example:
        >>> from imagenet_g.leaderboard.pages.queries import BoardQuery
        >>> list_filters(BoardQuery(family="resnet", ranges="clean > 70"))
        ['family resnet', 'clean > 70']
    """
    chosen = {
        "training": query.training, "supervision": query.supervision, "trained on generated": query.generated,
        "trust": query.trust, "family": query.family, "parameters": query.size,
    }  # fmt: skip
    words = [f"{name} {value}" for name, value in chosen.items() if value != ANY]
    words += [part for part, found in read_parts(query.ranges) if found]
    if query.new != "mark" and (day := parse_day(query.since)[0]):
        words.append(f"new since {day}")
    return words


def list_problems(query: BoardQuery) -> list[str]:
    """What is wrong with the texts that a reader typed, a line each."""
    return [problem for _, problem in (parse_ranges(query.ranges), parse_day(query.since)) if problem]
