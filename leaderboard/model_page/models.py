"""A model of the board: its rows on every split of every version that it has rows in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from imagenet_g.leaderboard.board.board import Board, BoardVersion
from imagenet_g.leaderboard.board.model_facts import SubmissionFacts
from imagenet_g.leaderboard.pages.cells import Row
from imagenet_g.leaderboard.pages.queries import BoardQuery, find_robustness

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRow:
    """A model on one split.

    Attributes:
        split: Reference of the split.
        row: The row with its effective robustness, where it has any, and the `baseline` and `link` of that;
            None where the model has no result.
    """

    split: str
    row: Row | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRows:
    """A model in one version.

    Attributes:
        version: The version.
        splits: One for every split of the version, in its order, also for those without a result.
        facts: What its submission says of the model; None for published rows and on boards of version 1.
    """

    version: BoardVersion
    splits: tuple[SplitRow, ...]
    facts: SubmissionFacts | None

    @property
    def rows(self) -> list[Row]:
        """The rows that there are."""
        return [one.row for one in self.splits if one.row is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardEntry:
    """A model that has a row on the board.

    Attributes:
        model_id: Its id.
        versions: The versions that it has rows in, the one of the query first.
        absent: Names of the others.
    """

    model_id: str
    versions: tuple[VersionRows, ...]
    absent: tuple[str, ...]

    def find_facts(self, version: str) -> SubmissionFacts | None:
        """What the submission of a version says."""
        return next((one.facts for one in self.versions if one.version.name == version), None)

    @property
    def first(self) -> Row:
        """A row of the version that stands first."""
        return self.versions[0].rows[0]


def place_model(board: Board, query: BoardQuery) -> BoardQuery:
    """The query with a version and a split that have its model, where the address names no version."""
    if not query.model or query.version:
        return query
    for version in board.info.versions:
        if query.model in board.ids_by_version[version.name]:
            placed = replace(query, version=version.name)
            split = (one.split for one in _find_version(board, placed).splits if one.row is not None)
            return placed if query.split else replace(placed, split=next(split))
    return query


def find_model(board: Board, query: BoardQuery) -> BoardEntry | None:
    """The model of a query; None where no version has a row of it.

    Args:
        board: The board.
        query: Settled; its baseline and link are taken wherever a row has an effective robustness by them.
    """
    names = [version.name for version in board.info.versions]
    there = [name for name in names if query.model in board.ids_by_version[name]]
    if not there:
        return None
    there.sort(key=lambda name: name != query.version)
    found = tuple(_find_version(board, replace(query, version=name)) for name in there)
    absent = tuple(name for name in names if name not in there)
    return BoardEntry(model_id=query.model, versions=found, absent=absent)


def _find_version(board: Board, query: BoardQuery) -> VersionRows:
    version = board.info.find_version(query.version)
    splits = tuple(
        SplitRow(split=split, row=_find_row(board, replace(query, split=split))) for split in version.splits
    )
    facts = board.facts_by_model.get((version.name, query.model))
    return VersionRows(version=version, splits=splits, facts=facts)


def _find_row(board: Board, query: BoardQuery) -> Row | None:
    rows = board.scores_by_split.get((query.version, query.split))
    own = None if rows is None else _find_own(rows, query.model)
    if own is None:
        return None
    for choice in _list_choices(board, query):
        robustness = _find_own(find_robustness(board, choice), query.model)
        if robustness is not None:
            return {**own, **robustness, "baseline": choice.baseline, "link": choice.link}
    return own


def _find_own(rows: pd.DataFrame, model_id: str) -> dict[str, Any] | None:
    # By position: a frame of one row takes ten times as long to make as a row, and a page has dozens.
    places = (rows["model_id"] == model_id).to_numpy().nonzero()[0]
    if not len(places):
        return None
    return {str(name): value for name, value in rows.iloc[int(places[0])].items()}


def _list_choices(board: Board, query: BoardQuery) -> Iterator[BoardQuery]:
    """The query, and with it what a reader would choose next where it has no line for the split."""
    links = dict.fromkeys((query.link, *board.links))
    baselines = dict.fromkeys((query.baseline, *board.list_baselines(query.version)))
    return (replace(query, baseline=one, link=link) for one in baselines for link in links)
