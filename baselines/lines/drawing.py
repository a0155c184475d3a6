"""Figures into files, with matplotlib; the data are `figures`' own."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.baselines.lines.figures import Axis, FigurePoint, ScatterFigure, format_tick, link_position
from imagenet_g.benchmark.figures.chart import Chart
from imagenet_g.benchmark.statistics.accuracy import FloatArray
from imagenet_g.benchmark.terminal.plots import format_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZE = (7.2, 6.4)
# Every group has its own marker too, for readers who cannot distinguish the colours.
_STYLES = (("o", "#4c6a92"), ("^", "#c1571a"), ("s", "#3a7d44"), ("D", "#7a3b8f"), ("v", "#8a6d00"))


def draw_figure(figure: ScatterFigure, path: Path) -> None:
    """Write the figure as PNG, PDF or SVG, by the file's ending.

    Raises:
        InputError: The ending is not one of these, or matplotlib is not installed.
        StorageError: The place cannot be written.
    """
    make_chart(figure).save(path)


def make_chart(figure: ScatterFigure) -> Chart:
    """The figure as a chart."""
    return Chart(figure.title, figure, figure.caption, _SIZE, partial(_draw, figure))


def _draw(figure: ScatterFigure, canvas: Figure) -> None:
    axes = canvas.add_axes((0.1, 0.19, 0.87, 0.75))
    _draw_curves(axes, figure)
    _draw_points(axes, figure)
    _draw_axes(axes, figure)


def _draw_curves(axes: Axes, figure: ScatterFigure) -> None:
    # Positions are computed here and the axes stay linear from 0 to 1: matplotlib has a logit scale and no
    # probit one, and one way of drawing should serve all links.
    x = link_position(figure.grid, figure.x, figure.link)

    def place(values: FloatArray) -> FloatArray:
        return link_position(values, figure.y, figure.link)

    # The wide band first: later calls paint over earlier ones, and the band of the line lies inside it.
    axes.fill_between(x, place(figure.prediction[0]), place(figure.prediction[1]), color="#e3e8ef", lw=0)
    axes.fill_between(x, place(figure.band[0]), place(figure.band[1]), color="#b4c2d6", lw=0)
    inside = (figure.grid >= figure.fitted_range[0]) & (figure.grid <= figure.fitted_range[1])
    line = place(figure.line)
    axes.plot(x, line, color="#33475f", lw=1, ls=(0, (4, 3)))
    axes.plot(x[inside], line[inside], color="#33475f", lw=1.6, label="fit (dashed: extrapolated)")
    # Only where both axes have the accuracy; with a large gap the ranges may not meet at all.
    low, high = max(figure.x.low, figure.y.low), min(figure.x.high, figure.y.high)
    if low < high:
        same = figure.grid[(figure.grid >= low) & (figure.grid <= high)]
        axes.plot(
            link_position(same, figure.x, figure.link),
            place(same),
            color="#999999",
            lw=0.8,
            ls=":",
            label="y = x",
        )


def _draw_points(axes: Axes, figure: ScatterFigure) -> None:
    groups = list(dict.fromkeys(point.group for point in figure.points))
    for number, group in enumerate(groups):
        # More groups than styles repeat them; the legend still lists every group.
        marker, colour = _STYLES[number % len(_STYLES)]
        members = [point for point in figure.points if point.group == group]
        # Those that a reader looks for: larger, and over the others.
        named = any(point.labelled for point in members)
        x = [_place(point.x, figure.x, figure) for point in members]
        y = [_place(point.y, figure.y, figure) for point in members]
        axes.errorbar(
            x,
            y,
            xerr=_reach(members, x, figure.x, figure, horizontal=True),
            yerr=_reach(members, y, figure.y, figure, horizontal=False),
            fmt=marker, ms=7 if named else 4, color=colour, ecolor=colour, elinewidth=0.6, alpha=0.85,
            zorder=3 if named else 2, label=format_label(f"{group} ({len(members)})"),
        )  # fmt: skip
        for point, x_position, y_position in zip(members, x, y, strict=True):
            if point.labelled:
                # A name that begins in the right half ends at its point, or the edge would cut it.
                right = x_position > 0.5
                axes.annotate(
                    format_label(point.name),
                    (x_position, y_position),
                    xytext=(-5 if right else 5, 3),
                    ha="right" if right else "left",
                    textcoords="offset points",
                    fontsize=7,
                )


def _place(value: float, axis: Axis, figure: ScatterFigure) -> float:
    # A point at 0 or 100 % has no place on a logit axis: it is drawn on the axis's own edge.
    inside = min(max(value, axis.low), axis.high)
    return float(link_position(inside, axis, figure.link))


def _reach(
    members: list[FigurePoint], centres: list[float], axis: Axis, figure: ScatterFigure, *, horizontal: bool
) -> tuple[list[float], list[float]]:
    # Lengths and not ends, which is what `errorbar` takes; it refuses negative ones, and a point that was
    # moved to the edge can lie beyond its own bound.
    bounds = [point.x_interval if horizontal else point.y_interval for point in members]
    below = [
        max(0.0, centre - _place(low, axis, figure)) for centre, (low, _) in zip(centres, bounds, strict=True)
    ]
    above = [
        max(0.0, _place(high, axis, figure) - centre)
        for centre, (_, high) in zip(centres, bounds, strict=True)
    ]
    return below, above


def _draw_axes(axes: Axes, figure: ScatterFigure) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xticks(
        [_place(tick, figure.x, figure) for tick in figure.x.ticks],
        labels=[format_tick(tick) for tick in figure.x.ticks],
    )
    axes.set_yticks(
        [_place(tick, figure.y, figure) for tick in figure.y.ticks],
        labels=[format_tick(tick) for tick in figure.y.ticks],
    )
    axes.set_xlabel(f"{format_label(figure.x.label)}, top-1 in % ({figure.link} axis)")
    axes.set_ylabel(f"{format_label(figure.y.label)}, top-1 in % ({figure.link} axis)")
    axes.set_title(format_label(figure.title), fontsize=11)
    axes.grid(color="#eeeeee", lw=0.6)
    axes.set_axisbelow(True)
    axes.legend(loc="upper left", fontsize=8, framealpha=0.9)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
