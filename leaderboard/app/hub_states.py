"""The states of submissions on the Hub, asked for at most once a minute whatever the number of visitors."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from threading import Lock

from imagenet_g.benchmark.errors import ImagenetGError
from imagenet_g.benchmark.hub.fetching import find_obstacle
from imagenet_g.benchmark.hub.patience import answer_at_once
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.pages.verdicts import format_states, format_unknown
from imagenet_g.leaderboard.submissions.problems import clip_text
from imagenet_g.leaderboard.submitting.board_files import fetch_board
from imagenet_g.leaderboard.submitting.official import choose_board
from imagenet_g.leaderboard.submitting.states import list_states

KEPT_SECONDS = 60.0


class HubStates:
    """States as HTML, kept for a minute; one visitor asks while the others wait for the same answer.

    Args:
        repo: Data set on the Hub.
        listed: "<version>/<org>__<model>" of what this board shows.
        clock: Seconds that never go back.
    """

    def __init__(
        self, repo: str, listed: Collection[str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.repo = repo
        self._listed = frozenset(listed)
        self._clock = clock
        self._lock = Lock()
        self._kept: tuple[float, str] | None = None

    def show(self) -> str:
        """A table, or that the states are unknown and why."""
        with self._lock:
            if self._kept is None or self._clock() - self._kept[0] > KEPT_SECONDS:
                words = self._ask()
                self._kept = self._clock(), words
            return self._kept[1]

    def _ask(self) -> str:
        from huggingface_hub import constants

        # The client's own tries take minutes where nothing answers.
        url = f"{constants.ENDPOINT}/api/datasets/{self.repo}"
        if obstacle := find_obstacle(url, on_hub=True):
            return format_unknown(f"{clip_text(obstacle)}.")
        try:
            with answer_at_once():
                return format_states(
                    list_states(self.repo, fetch_board(self.repo), listed=self._listed), self.repo
                )
        except ImagenetGError as error:
            return format_unknown(clip_text(str(error)))


def make_states(board: Board) -> HubStates:
    """The states of the board's own repository, official or named by the environment."""
    return HubStates(choose_board(None), list_shown(board))


def list_shown(board: Board) -> set[str]:
    """What a board shows, as "<version>/<org>__<model>"."""
    rows = board.scores[["version", "model_id"]].drop_duplicates()
    return {f"{version}/{model}" for version, model in rows.itertuples(index=False)}
