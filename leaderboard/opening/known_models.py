"""The models that a picker opens on: those that readers know, as a data file names them."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.opening.finding import number_models
from imagenet_g.leaderboard.opening.overview import rank_models
from imagenet_g.leaderboard.validation.lines import DATA

MAX_KNOWN = 6


def choose_known_models(board: Board, version: str) -> list[str]:
    """Ids of at most `MAX_KNOWN` models: the well-known ones, else those on most splits.

    Among the latter the most accurate on clean images come first.
    """
    name = board.info.find_version(version).name
    there = {model_id for _, model_id in board.models[name]}
    known = [model_id for model_id in load_known_models() if model_id in there]
    return (known or rank_models(board, name, number_models(board, name)))[:MAX_KNOWN]


@cache
def load_known_models() -> tuple[str, ...]:
    """Ids of well-known models, from `well_known.csv`."""
    text = (files(DATA) / "well_known.csv").read_text(encoding="utf-8")
    return tuple(row["model_id"] for row in csv.DictReader(text.splitlines()))
