"""Which models are shown with their places, and what is said where no places can be compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.pages.cells import escape
from imagenet_g.leaderboard.pages.pages import ORDERED_BY, PLACES
from imagenet_g.leaderboard.pages.queries import BoardQuery, compare_places, find_places, find_scores
from imagenet_g.leaderboard.selecting.ordering import LISTED

MAX_MOVES = 15
"""Models that are drawn: more lines could not be followed."""
TOP, MOST = "top", "most"
SHOWN = {TOP: "the first places", MOST: "those that move most"}
"""Which models are shown with their places, and what is said where no places can be compared."""
Places = Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The places of one model.

    Attributes:
        model_id: The model.
        here: Place on the chosen side, 1 for the best.
        there: Place on the other side.
    """

    model_id: str
    here: int
    there: int

    @property
    def risen(self) -> int:
        """Places gained from here to there; negative for lost ones."""
        return self.here - self.there


def choose_moves(places: Places, shown: str, limit: int = MAX_MOVES) -> tuple[Move, ...]:
    """Models to show, by their place here.

    Example:
        >>> places = {"a": (1, 2), "b": (2, 1), "c": (3, 9)}
        >>> [move.model_id for move in choose_moves(places, "top", limit=2)]
        ['a', 'b']
        >>> [move.model_id for move in choose_moves(places, "most", limit=2)]
        ['a', 'c']
    """
    moves = [Move(model_id=one, here=here, there=there) for one, (here, there) in places.items()]
    moves.sort(key=lambda move: (move.here, move.there, move.model_id))
    if shown == MOST:
        # Sorting keeps the order of equals: of those that move alike, the better placed.
        moves = sorted(moves, key=lambda move: -abs(move.risen))[:limit]
        moves.sort(key=lambda move: (move.here, move.there, move.model_id))
    return tuple(moves[:limit])


def choose_other_split(
    splits: Sequence[str], split: str, wanted: str | None, has_shared: Callable[[str], bool]
) -> str:
    """The split on the other side: the wanted one; without a wish the next one that can be compared.

    Whole splits come before views. Where none can be compared it is the first of them.

    Args:
        splits: Of the version.
        split: On the chosen side.
        wanted: A split, "" for the same one, or None for no wish.
        has_shared: Whether any model has a place both on the chosen side and on a split.

    Example:
        >>> splits = ["v1/sd-l", "v1/sd-l:clip-filtered", "v1/sd-i", "v1/sd-li"]
        >>> choose_other_split(splits, "v1/sd-l", None, lambda other: True)
        'v1/sd-i'
        >>> choose_other_split(splits, "v1/sd-l", None, lambda other: other != "v1/sd-i")
        'v1/sd-li'
        >>> choose_other_split(splits, "v1/sd-l", "", lambda other: True)
        'v1/sd-l'
    """
    if wanted == "":
        return split
    if wanted in splits:
        return str(wanted)
    others = sorted((one for one in splits if one != split), key=lambda one: ":" in one)
    return next(filter(has_shared, others), next(iter(others), split))


def describe_order_changes(board: Board, here: BoardQuery, there: BoardQuery, by: str) -> str:
    """The number of models that change place, or why no place can be compared and what to choose instead."""
    if name_side(here, by) == name_side(there, by):
        return "Both sides are the same. Choose another split, baseline or link."
    places = compare_places(board, here, there, by)
    if not places:
        return _explain_absence(board, here, there, by)
    moved = sum(before != after for before, after in places.values())
    return (
        f"{moved} of {len(places)} models change place by {ORDERED_BY[by]} between "
        f"{escape(name_side(here, by))} and {escape(name_side(there, by))}. {PLACES}"
    )


def name_side(query: BoardQuery, by: str) -> str:
    """A side of the comparison; baseline and link are part of it where they decide the order."""
    return f"{query.split} ({query.baseline}, {query.link})" if by == "er" else query.split


def _explain_absence(board: Board, here: BoardQuery, there: BoardQuery, by: str) -> str:
    without = [name_side(query, by) for query in (here, there) if find_places(board, query, by).empty]
    named = escape(" or ".join(dict.fromkeys(without))) if without else "both sides"
    reason = f"No model has a place by {ORDERED_BY[by]} on {named}."
    if any((find_scores(board, query)["trust"] == LISTED).any() for query in (here, there)):
        reason += " Self-reported rows have none."
    if without and by == "er":
        reason += " It needs a line of standard models that was measured there."
    instead = [name for name in ORDERED_BY if name != by and compare_places(board, here, there, name)]
    return f"{reason} {_advise(instead)}"


def _advise(instead: Sequence[str]) -> str:
    if not instead:
        return "Choose another split."
    return f"Order by {' or '.join(ORDERED_BY[name] for name in instead)} instead, or choose another split."
