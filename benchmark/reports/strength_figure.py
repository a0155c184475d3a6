"""Accuracy by the strength of a shift, and how long answers stay right, as one figure of two panels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.figures.chart import Chart
from imagenet_g.benchmark.formats.strengths import FailurePoint, StrengthPoint, StrengthRecord
from imagenet_g.benchmark.reports.report import choose_score
from imagenet_g.benchmark.results import Entry, Result
from imagenet_g.benchmark.terminal.plots import format_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Each line has its own marker too, for readers who cannot distinguish the colours.
STYLES = (("o", "#4c6a92"), ("^", "#c1571a"), ("s", "#3a7d44"), ("D", "#7a3b8f"), ("v", "#8a6d00"))
MAX_LINES = len(STYLES)
LAST_STEP = 1.08
"""How far the last step is drawn, in greatest strengths."""
ACCURACY_CAPTION = "Top-1 of all images of a strength, with Wilson's 95 % interval."
FOLLOWED = {
    frozenset({True}): "of those that are right at strength 0",
    frozenset({False}): "of all series, as no image has strength 0",
    frozenset({True, False}): (
        "of those that are right at strength 0, or of all series where no image has strength 0"
    ),
}
"""Which series a line is of, by whether the splits begin at strength 0."""


@dataclass(frozen=True, slots=True)
class StrengthFigure:
    """What is drawn.

    Attributes:
        title: What all lines have in common.
        lines: Name and numbers of each, at most `MAX_LINES`.
    """

    title: str
    lines: tuple[tuple[str, StrengthRecord], ...]


def find_strengths(
    results: Sequence[Result], split: str | None
) -> list[tuple[Result, Entry, StrengthRecord]]:
    """The splits that say how strongly their images are shifted, with what was measured.

    Args:
        results: One a model.
        split: This split alone; None for all.

    Raises:
        InputError: No split has strengths.
    """
    found = [
        (result, entry, strength)
        for result in results
        for entry in result.entries
        if (strength := choose_score(entry, result.entries).strength) is not None
        and split in (None, entry.split.ref)
    ]
    if not found:
        which = "No split of these results" if split is None else f"'{split}' is not in these results, or it"
        raise InputError(f"{which} says how strongly its images are shifted; a column 'strength' would.")
    return found


def make_strength_figure(results: Sequence[Result], split: str | None) -> StrengthFigure:
    """The lines of some results, by what tells them apart.

    Args:
        results: One a model.
        split: Draw this split alone; None for all that have strengths.

    Raises:
        InputError: There is nothing to draw, or more than `MAX_LINES` lines.
    """
    found = [
        (result.model.spec, entry.split.ref, strength)
        for result, entry, strength in find_strengths(results, split)
    ]
    if len(found) > MAX_LINES:
        raise InputError(
            f"{len(found)} lines are too many for one figure; at most {MAX_LINES}. Name one split by "
            "--split, or fewer results."
        )
    models, refs = {model for model, _, _ in found}, {ref for _, ref, _ in found}
    if len(refs) == 1:
        return StrengthFigure(refs.pop(), tuple((model, strength) for model, _, strength in found))
    if len(models) == 1:
        return StrengthFigure(models.pop(), tuple((ref, strength) for _, ref, strength in found))
    lines = tuple((f"{model} on {ref}", strength) for model, ref, strength in found)
    return StrengthFigure("models and splits by strength of shift", lines)


def make_strength_chart(figure: StrengthFigure) -> Chart:
    """The figure as a chart; with no series on any line it has the left panel alone."""
    failures = [line.failure for _, line in figure.lines if line.failure is not None]
    return Chart(
        f"accuracy by strength, {figure.title}",
        figure,
        make_caption(failures),
        (10.0 if failures else 5.6, 4.6),
        partial(_draw, figure, with_series=bool(failures)),
    )


def make_caption(failures: Sequence[FailurePoint]) -> str:
    """What the panels show; without series there is one.

    Args:
        failures: Of the lines that have series.
    """
    if not failures:
        return ACCURACY_CAPTION
    followed = FOLLOWED[frozenset(failure.begins_at_zero for failure in failures)]
    return (
        f"Left: {ACCURACY_CAPTION} Right: share of series without a wrong answer up to and at this strength, "
        f"{followed} (Kaplan-Meier; 95 % band: log-log, with classes as clusters). At 50 %, one below the "
        "other: the median failure point and its 95 % interval; an arrow goes beyond the greatest strength."
    )


def _draw(figure: StrengthFigure, canvas: Figure, *, with_series: bool) -> None:
    left = canvas.add_axes((0.07, 0.24, 0.41, 0.64) if with_series else (0.13, 0.24, 0.83, 0.64))
    right = canvas.add_axes((0.56, 0.24, 0.41, 0.64)) if with_series else None
    for number, (name, line) in enumerate(figure.lines):
        marker, colour = STYLES[number % MAX_LINES]
        _draw_accuracy(left, line.points, format_label(name), marker, colour)
        if right is not None and line.failure is not None:
            _draw_survival(right, line.failure, marker, colour, place=50 - 2.5 * number)
    _draw_axes(left, "top-1 in %")
    left.legend(fontsize=8)
    if right is not None:
        right.axhline(50, color="#999999", lw=0.8, ls=":")
        _draw_axes(right, "series never wrong so far, in %")
        # One scale for both, so that an eye can go across.
        left.set_xlim(right.get_xlim())
    canvas.suptitle(format_label(figure.title), fontsize=10)


def _draw_axes(axes: Axes, name: str) -> None:
    axes.set_xlabel("strength of the shift")
    axes.set_ylabel(name)
    axes.set_ylim(-2, 102)
    axes.grid(visible=True, color="#eeeeee", lw=0.6)


def _draw_accuracy(axes: Axes, points: Sequence[StrengthPoint], name: str, marker: str, colour: str) -> None:
    x = [point.strength for point in points]
    values = 100 * np.array([point.top1.value for point in points])
    bounds = 100 * np.array([(point.top1.low or 0.0, point.top1.high or 0.0) for point in points])
    reach = np.abs(np.stack([values - bounds[:, 0], bounds[:, 1] - values]))
    axes.errorbar(x, values, yerr=reach, marker=marker, color=colour, lw=1.2, ms=5, capsize=2.5, label=name)


def _draw_survival(axes: Axes, failure: FailurePoint, marker: str, colour: str, *, place: float) -> None:
    steps = failure.steps
    # Every series is right before its first step, and the last step needs a length to be seen.
    last = steps[-1].strength * LAST_STEP
    x = np.array([0.0, *(step.strength for step in steps), last])
    levels = [(step.survival, step.low, step.high) for step in steps]
    shares = 100 * np.array([(1.0, 1.0, 1.0), *levels, levels[-1]])
    axes.step(x, shares[:, 0], where="post", color=colour, lw=1.4)
    axes.fill_between(x, shares[:, 1], shares[:, 2], step="post", color=colour, alpha=0.15, lw=0)
    # Below one another, so that no interval hides another one.
    if failure.low is not None:
        end = last if failure.high is None else failure.high
        axes.plot([failure.low, end], [place, place], color=colour, lw=2.5, solid_capstyle="butt")
        if failure.high is None:
            axes.plot([end], [place], marker=">", color=colour, ms=8, clip_on=False)
    if failure.median is not None:
        axes.plot([failure.median], [place], marker=marker, color=colour, ms=8, mec="black", mew=0.8)
