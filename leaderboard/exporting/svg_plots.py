"""Accuracy against accuracy as a drawing (SVG): no script, a few kilobytes for a thousand models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagenet_g.benchmark.robustness.fits import LineFit, predict_top1
from imagenet_g.leaderboard.pages.axes import choose_ticks
from imagenet_g.leaderboard.pages.cells import escape
from imagenet_g.leaderboard.validation.lines import compute_prediction_band, place_on_axis

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

WIDTH, HEIGHT = 720, 460
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 34, 50
GROUPS = {
    "imagenet-1k": ("--board-accent", "round", "ImageNet-1k"),
    "more-data": ("--board-doubt", "square", "more data"),
    "unknown": ("--board-soft", "round", "unknown training data"),
}
"""Colour, shape of the points and words of each kind of training data."""
NUM_GRID, MAX_NAMED = 40, 8


@dataclass(frozen=True, slots=True)
class PlotAxis:
    """One axis of a drawing.

    Attributes:
        low: Place of its beginning on the scale of the link.
        high: Place of its end.
        start: Where it begins in the drawing, in its units.
        end: Where it ends; less than `start` for one that leads upwards.
        link: Its link.
    """

    low: float
    high: float
    start: float
    end: float
    link: str

    def place(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Fractions to units of the drawing."""
        share = (place_on_axis(values, self.link) - self.low) / (self.high - self.low)  # type: ignore[arg-type]
        return np.asarray(self.start + share * (self.end - self.start), dtype=float)


def draw_scatter(rows: pd.DataFrame, line: LineFit | None, *, link: str, split: str) -> str:
    """Accuracy on a split against clean accuracy, with the baseline's line and band.

    Args:
        rows: Score rows of one split; those without a clean accuracy are left out.
        line: The baseline's line; None draws points only.
        link: Link of both axes.
        split: Name of the vertical axis.

    Returns:
        An `svg` element, its colours from the board's style; a sentence where no row can be drawn.
    """
    shown = rows[rows["clean"].notna()]
    if not len(shown):
        return '<p class="empty">No plot: no model has a clean accuracy.</p>'
    x = make_axis(shown["clean"], LEFT, WIDTH - RIGHT, link)
    y = make_axis(shown["top1"], HEIGHT - BOTTOM, TOP, link)
    words = f"{split}: accuracy of {len(shown)} models against clean accuracy"
    # What is drawn later covers what was drawn before: points lie above the line.
    parts = [
        _draw_grid(x, y, split),
        "" if line is None else _draw_line(x, y, line),
        _draw_points(x, y, shown),
    ]
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(words)}">'
        f"{''.join(parts)}{_draw_legend(shown, line)}</svg>"
    )


def make_axis(values: pd.Series[float], start: float, end: float, link: str) -> PlotAxis:
    """An axis around values, with a margin; models of one accuracy would give one without length."""
    ends = place_on_axis([float(values.min()), float(values.max())], link)  # type: ignore[arg-type]
    # On the scale of the link, so that the margin is as wide at either end.
    margin = 0.06 * float(ends[1] - ends[0]) or 0.2
    return PlotAxis(float(ends[0]) - margin, float(ends[1]) + margin, start, end, link)


def _draw_grid(x: PlotAxis, y: PlotAxis, split: str) -> str:
    down, across = (choose_ticks(axis.low, axis.high, axis.link) for axis in (x, y))
    # One path for all lines: an element for each would make the file longer.
    lines = "".join(f"M{at:.1f} {TOP}V{HEIGHT - BOTTOM}" for at in x.place(down))
    lines += "".join(f"M{LEFT} {at:.1f}H{WIDTH - RIGHT}" for at in y.place(across))
    marks = [
        f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{100 * tick:g}</text>'
        for tick, at in zip(down, x.place(down), strict=True)
    ]
    marks += [
        f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{100 * tick:g}</text>'
        for tick, at in zip(across, y.place(across), strict=True)
    ]
    across_middle, down_middle = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    centred = 'text-anchor="middle"'
    return (
        f'<path d="{lines}" stroke="var(--board-line)" fill="none"/><g fill="var(--board-soft)">'
        f'{"".join(marks)}<text x="{across_middle}" y="{HEIGHT - 10}" {centred}>clean accuracy, %</text>'
        f'<text transform="translate(14 {down_middle}) rotate(-90)" {centred}>{escape(split)}, %</text>'
        "</g>"
    )


def _draw_line(x: PlotAxis, y: PlotAxis, line: LineFit) -> str:
    # Logit and probit are infinite at 0 and at 1; and a line is drawn as far as there are models.
    grid = np.linspace(0.005, 0.995, 400)
    places = x.place(grid)
    grid = grid[(places >= x.start) & (places <= x.end)]
    grid = grid[:: max(1, len(grid) // NUM_GRID)]
    if len(grid) < 2:
        return ""
    drawn = _join(x.place(grid), y.place(predict_top1(line, grid)))
    band = compute_prediction_band(line, grid)
    area = ""
    if band is not None:
        edge = np.concatenate([grid, grid[::-1]])
        outline = _join(x.place(edge), y.place(np.concatenate([band[1], band[0][::-1]])))
        area = f'<path d="{outline}Z" fill="var(--board-soft)" opacity=".15"/>'
    return (
        f'<svg x="{LEFT}" y="{TOP}" width="{WIDTH - RIGHT - LEFT}" height="{HEIGHT - BOTTOM - TOP}" '
        f'viewBox="{LEFT} {TOP} {WIDTH - RIGHT - LEFT} {HEIGHT - BOTTOM - TOP}">{area}'
        f'<path d="{drawn}" fill="none" stroke="var(--board-soft)" stroke-width="1.5" '
        'stroke-dasharray="6 4"/></svg>'
    )


def _join(xs: npt.NDArray[np.float64], ys: npt.NDArray[np.float64]) -> str:
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(xs, ys, strict=True))


def _draw_points(x: PlotAxis, y: PlotAxis, shown: pd.DataFrame) -> str:
    """One path for each kind of training data: a point is a line without length, drawn by its ends."""
    found = []
    for name, (colour, shape, _) in GROUPS.items():
        group = shown[shown["training_data"] == name]
        points = zip(x.place(group["clean"]), y.place(group["top1"]), strict=True)
        dots = "".join(f"M{a:.1f} {b:.1f}h0" for a, b in points)
        found.append(
            f'<path d="{dots}" stroke="var({colour})" stroke-width="6" '
            f'stroke-linecap="{shape}" opacity=".7"/>'
            if dots
            else ""
        )
    return "".join(found) + (_draw_names(x, y, shown) if len(shown) <= MAX_NAMED else "")


def _draw_names(x: PlotAxis, y: PlotAxis, shown: pd.DataFrame) -> str:
    middle = (LEFT + WIDTH - RIGHT) / 2
    return "".join(
        f'<text x="{a + (8 if a < middle else -8):.1f}" y="{b - 6:.1f}" fill="var(--board-ink)" '
        f'text-anchor="{"start" if a < middle else "end"}">{escape(name)}</text>'
        for name, a, b in zip(shown["model"], x.place(shown["clean"]), y.place(shown["top1"]), strict=True)
    )


def _draw_legend(shown: pd.DataFrame, line: LineFit | None) -> str:
    found = [group for name, group in GROUPS.items() if (shown["training_data"] == name).any()]
    marks = "".join(
        f'<path d="M{LEFT + 8 + 150 * place} 16h0" stroke="var({colour})" stroke-width="9" '
        f'stroke-linecap="{shape}"/><text x="{LEFT + 20 + 150 * place}" y="20">{words}</text>'
        for place, (colour, shape, words) in enumerate(found)
    )
    fit = "" if line is None else f"{line.baseline}, {line.num_models} models, r² {line.r2:.2f}"
    right = f'<text x="{WIDTH - RIGHT}" y="20" text-anchor="end">{escape(fit)}</text>'
    return f'<g fill="var(--board-soft)">{marks}{right}</g>'
