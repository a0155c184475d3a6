"""Where the numbers beside points stand, so that none lies on another one or on a point. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

DOT_PX = 4.5
"""Radius of a point."""
APART_PX = 8
"""From the middle of a point to its number."""
DIGIT_PX, TEXT_PX = 7, 11
"""Width of a digit, and height of one."""
STEP_PX = 3
MOST_STEPS = 60


@dataclass(frozen=True, slots=True)
class Label:
    """Where a text stands.

    Attributes:
        x: Of its end at the point.
        y: Of its middle.
        anchor: Which end that is: "start" to the right of the point, "end" to its left.
    """

    x: float
    y: float
    anchor: Literal["start", "end"]

    def find_box(self, text: str) -> tuple[float, float, float, float]:
        """Left, right, top and bottom, in pixels."""
        width = DIGIT_PX * len(text)
        left = self.x if self.anchor == "start" else self.x - width
        return left, left + width, self.y - TEXT_PX / 2, self.y + TEXT_PX / 2


def place_labels(
    points: Sequence[tuple[float, float]], texts: Sequence[str], *, left: float, right: float
) -> list[Label]:
    """A place for each text, as near to its point as the points and the texts before it allow.

    Where no free place is found, the text stands to the right of its point.

    Args:
        points: Middles of the points, in pixels.
        texts: One a point; an empty one takes no place.
        left: No text begins before it.
        right: No text ends behind it.

    Example:
        >>> labels = place_labels([(50, 9), (64, 9)], ["1", "2"], left=0, right=99)
        >>> [(label.x, label.anchor) for label in labels]
        [(42, 'end'), (72, 'start')]
    """
    placed: list[Label] = []
    taken = [(x - DOT_PX, x + DOT_PX, y - DOT_PX, y + DOT_PX) for x, y in points]
    for point, text in zip(points, texts, strict=True):
        free = (
            label
            for label in _list_places(point)
            if (box := label.find_box(text))[0] >= left and box[1] <= right and not _touches(box, taken)
        )
        label = next(free, Label(point[0] + APART_PX, point[1], "start"))
        placed.append(label)
        taken += [label.find_box(text)] if text else []
    return placed


def _list_places(point: tuple[float, float]) -> Iterator[Label]:
    """The nearest first."""
    x, y = point
    for step in range(MOST_STEPS):
        for height in (y - step * STEP_PX, y + step * STEP_PX):
            yield Label(x + APART_PX, height, "start")
            yield Label(x - APART_PX, height, "end")


def _touches(
    box: tuple[float, float, float, float], taken: Sequence[tuple[float, float, float, float]]
) -> bool:
    left, right, top, bottom = box
    return any(
        left < other[1] and right > other[0] and top < other[3] and bottom > other[2] for other in taken
    )
