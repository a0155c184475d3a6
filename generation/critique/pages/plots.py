"""Plots as SVG: small, without a library, readable on a phone and in print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH = 460
"""Of a drawing, in its own units; text of 12 is then readable on a screen of 360 pixels."""
_LEFT, _RIGHT = 150, 16
_INK, _SOFT, _LINE, _ACCENT, _FLOOR = "#1b1d21", "#5b626c", "#dfe3e8", "#0b5cad", "#c2410c"
_MAX_LABEL = 24


@dataclass(frozen=True, slots=True)
class RangeRow:
    """A value with its interval on a plot of rows.

    Attributes:
        label: What it is of.
        value: The value.
        low: Lower bound; None for unknown.
        high: Upper bound; None for unknown.
        floor: What the same measure gives where nothing is wrong, on the same axis; None for unknown.
    """

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    floor: float | None = None


def draw_ranges(rows: Sequence[RangeRow], *, title: str, axis: str) -> str:
    """Values with intervals, one a row, and their floors as marks.

    Args:
        rows: At least one, finite.
        title: Read aloud in the place of the drawing.
        axis: What the axis counts.
    """
    marks = [x for row in rows for x in (row.value, row.low, row.high, row.floor) if x is not None]
    scale = _Scale.fit(marks)
    step, top = 22, 8
    height = top + step * len(rows) + 38
    parts = _draw_axis(scale, top + step * len(rows) + 4, axis)
    for number, row in enumerate(rows):
        parts += _draw_row(row, scale, top + step * number + step / 2)
    return _wrap(parts, height, title)


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float

    @classmethod
    def fit(cls, values: Sequence[float]) -> _Scale:
        low, high = min(values), max(values)
        # A scale of no length would divide by zero.
        margin = 0.06 * (high - low) or max(abs(high), 1.0) * 0.1
        # A measure that is never negative begins at 0: a difference looks as large as it is.
        start = 0.0 if 0 <= low <= 0.6 * high else low - margin
        return cls(start, high + margin)

    def place(self, value: float) -> float:
        return _LEFT + (value - self.low) / (self.high - self.low) * (WIDTH - _LEFT - _RIGHT)

    def list_ticks(self) -> list[float]:
        span = self.high - self.low
        step = 10.0 ** np.floor(np.log10(span / 3))
        # At most four steps: on a phone more labels would run into each other.
        step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 4.5)
        first = np.ceil(self.low / step)
        # 0 is added, because -0.0 would be shown with its sign.
        return [float(step * n) + 0.0 for n in np.arange(first, np.floor(self.high / step) + 1)]


def _draw_axis(scale: _Scale, y: float, label: str) -> list[str]:
    parts = [f'<line x1="{_LEFT}" y1="{y}" x2="{WIDTH - _RIGHT}" y2="{y}" stroke="{_SOFT}"/>']
    for tick in scale.list_ticks():
        x = scale.place(tick)
        parts.append(
            f'<line x1="{x:.1f}" y1="{y}" x2="{x:.1f}" y2="{y + 4}" stroke="{_SOFT}"/>'
            f'<text x="{x:.1f}" y="{y + 16}" text-anchor="middle" fill="{_SOFT}">{tick:.4g}</text>'
        )
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    parts.append(
        f'<text x="{middle}" y="{y + 31}" text-anchor="middle" fill="{_SOFT}">{escape(label)}</text>'
    )
    return parts


def _draw_row(row: RangeRow, scale: _Scale, y: float) -> list[str]:
    label = row.label if len(row.label) <= _MAX_LABEL else f"{row.label[: _MAX_LABEL - 1]}…"
    parts = [
        f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end" fill="{_INK}">{escape(label)}</text>',
        f'<line x1="{_LEFT}" y1="{y + 11}" x2="{WIDTH - _RIGHT}" y2="{y + 11}" stroke="{_LINE}"/>',
    ]
    if row.low is not None and row.high is not None:
        left, right = scale.place(row.low), scale.place(row.high)
        parts.append(
            f'<line x1="{left:.1f}" y1="{y}" x2="{right:.1f}" y2="{y}" stroke="{_ACCENT}" stroke-width="2"/>'
        )
    if row.floor is not None:
        x = scale.place(row.floor)
        parts.append(
            f'<line x1="{x:.1f}" y1="{y - 7}" x2="{x:.1f}" y2="{y + 7}" '
            f'stroke="{_FLOOR}" stroke-width="2.5"/>'
        )
    parts.append(
        f'<circle cx="{scale.place(row.value):.1f}" cy="{y}" r="4" fill="{_ACCENT}">'
        f"<title>{escape(row.label)}: {row.value:.4g}</title></circle>"
    )
    return parts


def _wrap(parts: Sequence[str], height: float, title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="12">'
        f"{''.join(parts)}</svg>"
    )
