"""The numbers of an experiment as a figure: a spider plot, or lines; drawn from the record alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from imagenet_g.baselines.replays.cells.specs import ExperimentPlotSpec, Measure
from imagenet_g.baselines.replays.experiments import ExperimentSpec
from imagenet_g.baselines.replays.records import NumberRecord
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.figures.chart import Chart
from imagenet_g.benchmark.terminal.markdown import escape_heading
from imagenet_g.benchmark.terminal.plots import format_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = ("#4c6a92", "#c1571a", "#3f7f5f", "#8a5a9e", "#8c7a3c", "#7a7a7a")
_MARKERS = "os^Dv*"
_GRID = "#dddddd"
_RINGS = 4
_SIDE = 0.1
"""Sine of the angle within which an axis counts as one that points up or down."""
_STEP = 0.012
"""Between the lines at one place, so that no bar hides another: a share of the width."""
_SHARES: frozenset[Measure] = frozenset({"top-1", "gap", "robustness", "probe", "CLIP similarity"})
"""Measures that are drawn in percent."""
Cells = Mapping[tuple[str, str], NumberRecord]


def draw_plot(spec: ExperimentSpec, numbers: Sequence[NumberRecord], folder: Path) -> Path:
    """Write the figure of an experiment that has one; the same numbers give the same bytes.

    Args:
        spec: The experiment.
        numbers: What was found.
        folder: Where to.

    Raises:
        InputError: It has no plot, or matplotlib is not installed.
        StorageError: The place cannot be written.
    """
    return chart_experiment(spec, numbers).save(folder / name_plot(spec))


def name_plot(spec: ExperimentSpec) -> str:
    """The file of an experiment's figure, from the page's folder."""
    return f"plots/{spec.name}.png"


def embed_plot(spec: ExperimentSpec) -> str:
    """The figure in the page, with a text for whoever does not see it: the numbers stand in its table."""
    return f"![{escape_heading(describe_plot(spec)).replace('[', '(').replace(']', ')')}]({name_plot(spec)})"


def describe_plot(spec: ExperimentSpec) -> str:
    """What the figure shows, in a sentence.

    Raises:
        InputError: The experiment has no plot.
    """
    plot = _get_plot(spec)
    columns = ", ".join(spec.list_columns(plot.measure))
    if plot.kind == "spider":
        return (
            f"Spider plot of {plot.measure}: an axis for each of {columns}, a line for each of "
            f"{', '.join(spec.rows)}. The table has its numbers."
        )
    lines = ", ".join(line.label for line in plot.lines) or ", ".join(spec.rows)
    panels = "" if plot.measure == "loss" else f" A panel for each of {columns}."
    return (
        f"Lines of {plot.measure} over {plot.x_label}: {lines}.{panels} Bars are 95 % intervals. The table "
        "has its numbers."
    )


def chart_experiment(spec: ExperimentSpec, numbers: Sequence[NumberRecord]) -> Chart:
    """The figure of an experiment.

    Raises:
        InputError: The experiment has no plot.
    """
    plot = _get_plot(spec)
    cells = {(one.row, one.column): one for one in numbers if one.measure == plot.measure}
    columns = spec.list_columns(plot.measure)
    if plot.kind == "spider":
        return Chart(
            spec.title, cells, _caption_spider(plot), (7.0, 6.4),
            lambda canvas: _draw_spider(canvas, cells, spec.rows, columns, plot.measure),
        )  # fmt: skip
    caption = (
        "Bars: 95 % intervals. Points of a line are joined to guide the eye; lines are set apart a little at "
        "each place."
    )
    if plot.measure == "loss":
        steps = tuple(float(step) for step in spec.steps)
        lines = [(row, [(row, column) for column in columns]) for row in spec.rows]
        panels = [("", lines)]
        return Chart(
            spec.title, cells, caption, (7.0, 4.6),
            lambda canvas: _draw_lines(canvas, cells, panels, steps, plot),
        )  # fmt: skip
    panels = [
        (column, [(line.label, [(row, column) for row in line.rows]) for line in plot.lines])
        for column in columns
    ]
    height = 1.5 + 2.6 * math.ceil(len(panels) / 2)
    return Chart(
        spec.title, cells, caption, (7.0, height),
        lambda canvas: _draw_lines(canvas, cells, panels, plot.x, plot),
    )  # fmt: skip


def choose_limit(values: Sequence[float]) -> float:
    """A round number that an axis from 0 can end at: the least of 1, 2, 3, 4, 5, 6, 8 times a power of ten.

    Example:
        >>> choose_limit([12.0, 31.5]), choose_limit([0.02]), choose_limit([0.0])
        (40.0, 0.02, 1.0)
    """
    top = max(values)
    if top <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(top))
    # The last is reached by rounding alone, as for 9.5: 8 is too small.
    return next((step * power for step in (1, 2, 3, 4, 5, 6, 8) if step * power >= top), 10 * power)


def _get_plot(spec: ExperimentSpec) -> ExperimentPlotSpec:
    if spec.plot is None:
        raise InputError(f"Experiment '{spec.name}' has no plot.")
    return spec.plot


def _caption_spider(plot: ExperimentPlotSpec) -> str:
    unit = ", in percent" if plot.measure in _SHARES else ""
    return (
        f"{plot.measure[0].upper()}{plot.measure[1:]}{unit}. Each axis starts at 0 in the middle and has a "
        "scale of its own, which ends at the number below its name: compare lines along an axis, not axes "
        "with each other. Intervals are in the table."
    )


def _draw_spider(
    canvas: Figure, cells: Cells, rows: Sequence[str], columns: Sequence[str], measure: Measure
) -> None:
    axes = canvas.add_axes((0.16, 0.24, 0.68, 0.58), projection="polar")
    scale = 100.0 if measure in _SHARES else 1.0
    angles = np.linspace(0, 2 * np.pi, len(columns), endpoint=False)
    limits = {column: choose_limit([scale * cells[row, column].value for row in rows]) for column in columns}
    for number, row in enumerate(rows):
        shares = [scale * cells[row, column].value / limits[column] for column in columns]
        axes.plot(
            [*angles, angles[0]], [*shares, shares[0]], color=_COLOURS[number % len(_COLOURS)],
            marker=_MARKERS[number % len(_MARKERS)], markersize=5, linewidth=1.6, label=format_label(row),
            # Half of the mark of a value at the end of its axis lies outside.
            clip_on=False,
        )  # fmt: skip
    # From the top and clockwise, as the paper's.
    axes.set_theta_zero_location("N")  # type: ignore[attr-defined]
    axes.set_theta_direction(-1)  # type: ignore[attr-defined]
    axes.set_ylim(0, 1)
    axes.set_yticks([(ring + 1) / _RINGS for ring in range(_RINGS)], [""] * _RINGS)
    axes.set_xticks(
        angles, [f"{format_label(column)}\nto {limits[column]:g}" for column in columns], fontsize=9
    )
    for angle, text in zip(angles, axes.get_xticklabels(), strict=True):
        # Away from the circle: a long name would reach into it.
        text.set_horizontalalignment(_align(float(angle)))
    axes.grid(color=_GRID, linewidth=0.6)
    axes.spines["polar"].set_color(_GRID)
    canvas.legend(*axes.get_legend_handles_labels(), loc="upper center", ncols=4, fontsize=8, frameon=False)


def _align(angle: float) -> Literal["left", "center", "right"]:
    """Where the name of an axis begins, by its angle from the top, clockwise."""
    side = math.sin(angle)
    return "center" if abs(side) < _SIDE else "left" if side > 0 else "right"


def _draw_lines(
    canvas: Figure,
    cells: Cells,
    panels: Sequence[tuple[str, Sequence[tuple[str, Sequence[tuple[str, str]]]]]],
    places: Sequence[float],
    plot: ExperimentPlotSpec,
) -> None:
    """Panels, each with lines of a label and the cells along it."""
    wide = min(2, len(panels))
    drawn = canvas.subplots(math.ceil(len(panels) / wide), wide, squeeze=False)
    inches = canvas.get_size_inches()[1]
    canvas.subplots_adjust(
        left=0.11, right=0.97, top=1 - 0.55 / inches, bottom=0.95 / inches, hspace=0.42, wspace=0.25
    )
    for axes, (title, lines) in zip(drawn.ravel(), panels, strict=False):
        axes.set_title(format_label(title), fontsize=10)
        _draw_panel(axes, cells, lines, places, plot)
    # An odd number of panels leaves a place free.
    for axes in drawn.ravel()[len(panels) :]:
        axes.set_axis_off()
    handles, names = drawn.ravel()[0].get_legend_handles_labels()
    if len(names) > 1:
        canvas.legend(handles, names, loc="upper center", ncols=4, fontsize=8, frameon=False)


def _draw_panel(
    axes: Axes,
    cells: Cells,
    lines: Sequence[tuple[str, Sequence[tuple[str, str]]]],
    places: Sequence[float],
    plot: ExperimentPlotSpec,
) -> None:
    scale = 100.0 if plot.measure in _SHARES else 1.0
    for number, (label, keys) in enumerate(lines):
        found = [cells[key] for key in keys]
        values = np.array([scale * one.value for one in found])
        low, high = (
            np.array([scale * (one.value if bound is None else bound) for one, bound in pairs])
            for pairs in ([(one, one.low) for one in found], [(one, one.high) for one in found])
        )
        # A bound may miss its number in the last bit, and a bar of negative length is an error.
        bars = [np.maximum(0, values - low), np.maximum(0, high - values)]
        shift = (number - (len(lines) - 1) / 2) * _STEP * (max(places) - min(places))
        axes.errorbar(
            np.array(places) + shift, values, yerr=bars,
            color=_COLOURS[number % len(_COLOURS)], marker=_MARKERS[number % len(_MARKERS)],
            markersize=4, linewidth=1.4, capsize=2,
            label=format_label(label),
        )  # fmt: skip
    axes.set_xlabel(format_label(plot.x_label), fontsize=8)
    axes.set_ylabel(plot.measure + (", %" if plot.measure in _SHARES else ""), fontsize=8)
    axes.set_xticks(places, [f"{place:g}" for place in places])
    axes.tick_params(labelsize=8)
    axes.grid(axis="y", color=_GRID, linewidth=0.6)
