"""The state of the page, and the rows that it selects: pure, from a board to a data frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from imagenet_g.benchmark.results import HEADLINE
from imagenet_g.leaderboard.board.board import ROBUSTNESS_KEYS, Board
from imagenet_g.leaderboard.pages.filters import ANY, SIZES, match_rows
from imagenet_g.leaderboard.selecting.ordering import LISTED, leave_floor, list_sortable, order_rows

if TYPE_CHECKING:
    import pandas as pd

PAGE_ROWS = 50
AXES = ("clean", "parameters", "throughput")
"""What accuracy is drawn against."""
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
NEW_ROWS = ("mark", "only these")
"""What is done with rows that are new since a day."""
MAX_PINNED, MAX_PINNED_TEXT = 10, 1000


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
        ranges: Ranges of numbers as they are typed; see `parse_ranges`.
        since: Day from which on rows are new, as it is typed.
        new: One of `NEW_ROWS`.
        axis: Horizontal axis of accuracy against accuracy; one of `AXES`.
        sort: Column the rows are ordered by.
        ascending: Whether the smallest comes first.
        page: 0 for the first page.
        columns: Names of the table's columns with commas between them; empty for the usual ones.
        pinned: Ids of models whose rows stand first on every page, with `;` between them.
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
    ranges: str = ""
    since: str = ""
    new: str = NEW_ROWS[0]
    axis: str = AXES[0]
    sort: str = "top1"
    ascending: bool = False
    page: int = 0
    columns: str = ""
    pinned: str = ""
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
            given[name] = value[: MAX_PINNED_TEXT if name == "pinned" else MAX_SEARCH]
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

    A filter on a value that is not offered, or that no row of the version has, is dropped, and so is a pin of
    a model that the version lacks.
    """
    version = board.info.find_version(query.version)
    split = query.split if query.split in version.splits else version.splits[0]
    known = board.list_baselines(version.name)
    baseline = query.baseline if query.baseline in known else (known or ("",))[0]
    link = query.link if query.link in board.links else "logit"
    sort = query.sort if query.sort in list_sortable() else HEADLINE
    choices = {name: list_choices(board, version.name, name) for name in FILTER_COLUMNS}
    choices |= {"generated": (ANY, *GENERATED), "size": (ANY, *SIZES), "new": NEW_ROWS, "axis": AXES}
    filters: dict[str, Any] = {
        name: offered[0] for name, offered in choices.items() if getattr(query, name) not in offered
    }
    if query.pinned:
        filters["pinned"] = ";".join(list_pinned(board, query))
    return replace(
        query, version=version.name, split=split, baseline=baseline, link=link, sort=sort, **filters
    )


def select_rows(board: Board, query: BoardQuery) -> pd.DataFrame:
    """Rows of one version and split with their effective robustness, filtered and sorted, all pages.

    Rank ranges and places are those within the whole split; a filter hides rows and changes neither.
    """
    rows = order_split(board, query)
    return rows[match_rows(rows, query)]


def order_split(board: Board, query: BoardQuery) -> pd.DataFrame:
    """All rows of a query's version and split, in its order, whatever it filters; see `order_rows`."""
    rows = find_scores(board, query).merge(find_robustness(board, query), on="model_id", how="left")
    return order_rows(rows, query.sort, ascending=query.ascending)


def list_pinned(board: Board, query: BoardQuery) -> list[str]:
    """Ids of pinned models that the query's version has, each once, at most `MAX_PINNED`."""
    known = {model_id for _, model_id in board.models[board.info.find_version(query.version).name]}
    pinned = dict.fromkeys(one for one in query.pinned.split(";") if one in known)
    return list(pinned)[:MAX_PINNED]


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


def find_places(board: Board, query: BoardQuery, by: str) -> pd.Series[float]:
    """Places in the order of a query's split by "er", "gap" or "top1", by model id; equal values share one.

    Values from a clean set of other classes have no place beside those on the split's own classes, models
    below `ordering.find_floor` have none by gap, and self-reported rows have none at all.
    """
    scores = find_scores(board, query)
    rows = find_robustness(board, query) if by == "er" else scores
    rows = rows[rows["model_id"].isin(scores.loc[scores["trust"] != LISTED, "model_id"])]
    if by == "gap":
        rows = leave_floor(rows)
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
