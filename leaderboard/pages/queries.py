"""The state of the page, and the rows that it selects: pure, from a board to a data frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from imagenet_g.benchmark.predictions.metrics import load_metrics
from imagenet_g.benchmark.results import HEADLINE
from imagenet_g.leaderboard.board.board import ROBUSTNESS_KEYS, Board
from imagenet_g.leaderboard.board.rows import list_board_metrics

if TYPE_CHECKING:
    import pandas as pd

ANY = "any"
PAGE_ROWS = 50
SIZES = {
    "under 10 M": (0, 10e6),
    "10 to 50 M": (10e6, 50e6),
    "50 to 200 M": (50e6, 200e6),
    "over 200 M": (200e6, 1e15),
}
MAX_SEARCH = 200
MAX_WORDS = 50
"""Of an address that are read."""
PAGE_WORD = "part"
"""Of the address. Gradio takes `page` for itself and answers an unknown one with an error."""
GENERATED = ("yes", "none", "unknown")
"""Whether a model was trained on generated images."""
FILTER_COLUMNS = {
    "training": "training_data",
    "supervision": "supervision",
    "trust": "trust",
    "family": "family",
}
"""Filters whose choices are the values of a column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardQuery:
    """One state of the page; every field has a word in the address.

    Attributes:
        version: Ranking.
        split: Reference with its view.
        baseline: Baseline of the effective robustness.
        link: Its link.
        search: Words a row's name, organisation, family or spec must hold; `;` joins alternatives.
        training: Training data, or "any".
        supervision: How trained, or "any".
        generated: "any", "yes", "none" or "unknown".
        trust: Trust level, or "any".
        family: Architecture family, or "any".
        size: A key of `SIZES`, or "any".
        sort: Column the rows are ordered by.
        ascending: Whether the smallest comes first.
        page: 0 for the first page.
        columns: Names of the table's columns with commas between them; empty for the usual ones.
        tab: The open tab; empty for the table's.
        model: Id of the model whose page is open; empty for none.
    """

    version: str = ""
    split: str = ""
    baseline: str = "testbed"
    link: str = "logit"
    search: str = ""
    training: str = ANY
    supervision: str = ANY
    generated: str = ANY
    trust: str = ANY
    family: str = ANY
    size: str = ANY
    sort: str = "top1"
    ascending: bool = False
    page: int = 0
    columns: str = ""
    tab: str = ""
    model: str = ""


def parse_query(text: str) -> BoardQuery:
    """A query from an address; unknown or malformed parts keep their defaults.

    Example:
        >>> query = parse_query("split=mini/real&part=2&sort=gap&colour=red")
        >>> query.split, query.page, query.sort, query.link
        ('mini/real', 2, 'gap', 'logit')
    """
    known = {field.name: field for field in fields(BoardQuery)}
    given: dict[str, Any] = {}
    # Cut before parsing: parse_qsl raises an error at a longer one, and anybody can type an address.
    for name, value in parse_qsl("&".join(text[:4000].split("&")[:MAX_WORDS])):
        if name == "ascending":
            given[name] = value == "1"
        elif name == PAGE_WORD:
            given["page"] = int(value) if value.isascii() and value.isdecimal() and len(value) < 6 else 0
        elif name in known and name != "page":
            given[name] = value[:MAX_SEARCH]
    return BoardQuery(**given)


def format_query(query: BoardQuery) -> str:
    """The address of a query; defaults are left out.

    Example:
        >>> format_query(BoardQuery()), format_query(BoardQuery(search="resnet; vit", page=1))
        ('', 'search=resnet%3B+vit&part=1')
    """
    default = BoardQuery()
    changed = {
        field.name: getattr(query, field.name)
        for field in fields(query)
        if getattr(query, field.name) != getattr(default, field.name)
    }
    return urlencode(
        {
            PAGE_WORD if name == "page" else name: int(value) if isinstance(value, bool) else value
            for name, value in changed.items()
        }
    )


def settle_query(board: Board, query: BoardQuery) -> BoardQuery:
    """The nearest query the board can answer: an unknown version, split or baseline becomes the first one.

    A filter on a value that is not offered, or that no row of the version has, is dropped.
    """
    version = board.info.find_version(query.version)
    split = query.split if query.split in version.splits else version.splits[0]
    known = board.list_baselines(version.name)
    baseline = query.baseline if query.baseline in known else (known or ("",))[0]
    link = query.link if query.link in board.links else "logit"
    sort = query.sort if query.sort in list_sortable() else HEADLINE
    choices = {name: list_choices(board, version.name, name) for name in FILTER_COLUMNS}
    choices |= {"generated": (ANY, *GENERATED), "size": (ANY, *SIZES)}
    filters: dict[str, Any] = {
        name: ANY for name, offered in choices.items() if getattr(query, name) not in offered
    }
    return replace(
        query, version=version.name, split=split, baseline=baseline, link=link, sort=sort, **filters
    )


_SORTABLE = ("model", "clean", "gap", "er", "equated", "parameters", "trust", "training_data", "family", "n")
_SMALLEST_FIRST = ("model", "family", "training_data")
_TRUST_ORDER = ("self-reported", "published", "recomputed", "verified")
_LISTED = "self-reported"
"""The trust level of rows that are listed and not ranked."""


def list_sortable() -> tuple[str, ...]:
    """Columns of the frame that rows can be sorted by: every metric, and the others that have an order."""
    return (*(metric.name for metric in list_board_metrics()), *_SORTABLE)


def is_smallest_first(sort: str) -> bool:
    """Whether a first click on a heading sorts the smallest first: for text, and where lower is better.

    Example:
        >>> is_smallest_first("model"), is_smallest_first("top1")
        (True, False)
    """
    metric = load_metrics().get(sort)
    return sort in _SMALLEST_FIRST or (metric is not None and metric.higher_is_better is False)


def select_rows(board: Board, query: BoardQuery) -> pd.DataFrame:
    """Rows of one version and split with their effective robustness, filtered and sorted, all pages.

    Rank ranges are those within the whole ranking; a filter hides rows and does not change ranks. The best
    top-1 first is the ranking: verified rows, then recomputed, then published ones. Self-reported rows come
    last in every order but that by trust.
    """
    rows = find_scores(board, query).merge(find_robustness(board, query), on="model_id", how="left")
    rows = rows[match_rows(rows, query)]
    # A board that was built before a metric was added has no such column.
    key = query.sort if query.sort in rows else HEADLINE
    # By how well a number is supported, not by the alphabet.
    supported = rows["trust"].map({name: number for number, name in enumerate(_TRUST_ORDER)}).fillna(-1)
    if key == "trust":
        return rows.iloc[supported.argsort(kind="stable").to_numpy()[:: 1 if query.ascending else -1]]
    is_ranking = key == HEADLINE and not query.ascending
    tiers = supported if is_ranking else rows["trust"] != _LISTED
    ordered = rows.assign(_tier=tiers).sort_values(
        ["_tier", key, "top1", "model_id"],
        ascending=[False, query.ascending, False, True],
        na_position="last",
        kind="stable",
    )
    return ordered.drop(columns="_tier")


def find_scores(board: Board, query: BoardQuery) -> pd.DataFrame:
    """Score rows of the query's version and split; an empty frame for an unknown split."""
    return board.scores_by_split.get((query.version, query.split), board.scores.iloc[:0])


def find_robustness(board: Board, query: BoardQuery) -> pd.DataFrame:
    """Effective robustness of the query's split, baseline and link, one row for each model."""
    key = (query.version, query.split, query.baseline, query.link)
    found = board.robustness_by_split.get(key)
    if found is not None:
        return found
    empty = board.robustness.iloc[:0].drop(columns=list(ROBUSTNESS_KEYS))
    return empty.rename(columns={"same_classes": "er_same_classes"})


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


def find_places(board: Board, query: BoardQuery, by: str) -> pd.Series[float]:
    """Places in the order of a query's split by "er", "gap" or "top1", by model id; equal values share one.

    Values from a clean set of other classes have no place beside those on the split's own classes, and
    self-reported rows have none at all.
    """
    scores = find_scores(board, query)
    rows = find_robustness(board, query) if by == "er" else scores
    rows = rows[rows["model_id"].isin(scores.loc[scores["trust"] != _LISTED, "model_id"])]
    if by != "top1":
        rows = keep_comparable(rows, "er_same_classes" if by == "er" else "same_classes")
    return rows.set_index("model_id")[by].dropna().rank(method="min", ascending=False)


def keep_comparable(rows: pd.DataFrame, name: str = "same_classes") -> pd.DataFrame:
    """Rows whose clean accuracy is on the split's own classes where there are any, else all rows.

    Example:
        >>> import pandas as pd
        >>> rows = pd.DataFrame({"gap": [-0.1, -0.2], "same_classes": [True, False]})
        >>> keep_comparable(rows)["gap"].tolist(), keep_comparable(rows[1:])["gap"].tolist()
        ([-0.1], [-0.2])
    """
    same = rows[name].astype(bool)
    return rows[same] if same.any() else rows


def compare_places(
    board: Board, here: BoardQuery, there: BoardQuery, by: str = "er"
) -> Mapping[str, tuple[int, int]]:
    """Places under two queries, of the models that have both."""
    ours, theirs = find_places(board, here, by), find_places(board, there, by).to_dict()
    return {str(model): (int(place), int(theirs[model])) for model, place in ours.items() if model in theirs}


def list_choices(board: Board, version: str, name: str) -> Sequence[str]:
    """Values a filter of `FILTER_COLUMNS` offers: "any", then what the version's rows have."""
    return [ANY, *board.values[version, FILTER_COLUMNS[name]]]
