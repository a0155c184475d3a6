"""What the profiles can show, and how its axis is described."""

from __future__ import annotations

from imagenet_g.benchmark.predictions.metrics import load_metrics
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.board.rows import list_board_metrics

DIFFERENCES = {"gap": "accuracy gap, points", "er": "effective robustness, points"}


def describe_axis(metric: str) -> tuple[str, float]:
    """The title of an axis with its unit, and what values are multiplied by.

    >>> describe_axis("top1")
    ('Top-1, %', 100)
    """
    if metric in DIFFERENCES:
        return DIFFERENCES[metric], 100
    row = load_metrics()[metric]
    return row.heading, row.unit.factor


def list_profile_metrics(board: Board) -> list[tuple[str, str]]:
    """Title and name of what profiles can show: differences, then every metric that the board has."""
    metrics = [(metric.title, metric.name) for metric in list_board_metrics() if metric.name in board.scores]
    return [("AG", "gap"), ("ER", "er"), *metrics]
