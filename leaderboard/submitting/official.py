"""Which repository of the Hub holds the board's submissions: the official one, or another that is named."""

from __future__ import annotations

import os
import tomllib
from functools import cache
from importlib.resources import files

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.hub.sources import make_hub_source

VARIABLE = "IMAGENET_G_BOARD"
"""The environment variable that names another repository."""


def choose_board(asked: str | None) -> str:
    """The repository to use: the one asked for, else that of the environment, else the official one.

    Raises:
        InputError: It is not the name of a repository.

    Example:
        >>> choose_board("my-lab/board")
        'my-lab/board'
        >>> choose_board("board")
        Traceback (most recent call last):
            ...
        imagenet_g.benchmark.errors.InputError: Malformed repository 'board'. ...
    """
    named = asked or os.environ.get(VARIABLE) or load_official()
    return make_hub_source(named, "main").repo


@cache
def load_official() -> str:
    """The official board's repository, from `data/board.toml`.

    Raises:
        InputError: The file names none.
    """
    content = tomllib.loads((files("imagenet_g.leaderboard.data") / "board.toml").read_text("utf-8"))
    repository = content.get("hub", {}).get("repository")
    if not isinstance(repository, str):
        raise InputError("board.toml names no repository. Name one with --hub.")
    return repository
