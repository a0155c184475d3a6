"""Axes of plots: how they are described, which profiles can show, and which accuracies they mark."""

from __future__ import annotations

from imagenet_g.benchmark.predictions.metrics import load_metrics
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.board.rows import list_board_metrics
from imagenet_g.leaderboard.validation.lines import place_on_axis

DIFFERENCES = {"gap": "accuracy gap, points", "er": "effective robustness, points"}
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99)
MAX_TICKS = 12


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


def choose_ticks(low: float, high: float, link: str) -> list[float]:
    """Fractions to mark on an axis from `low` to `high` on the link's scale; the finer the shorter it is.

    They keep a distance at which a phone can show them.
    """
    percents, tenths = ([number / parts for number in range(1, parts)] for parts in (100, 1000))
    for candidates in (list(TICKS), percents, tenths):
        inside = []
        free = low
        for tick in candidates:
            if free <= (position := float(place_on_axis(tick, link))) <= high:  # type: ignore[arg-type]
                inside.append(tick)
                free = position + (high - low) / MAX_TICKS
        if len(inside) >= 3:
            break
    return inside
