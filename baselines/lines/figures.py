"""Accuracy against accuracy as data: points, line, bands and ticks, ready for any plotting library.

Everything is in fractions; `link_position` maps a fraction to its place on an axis. Percent appears in tick
labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.robustness.families import draw_model_weights, fit_weighted_lines
from imagenet_g.benchmark.robustness.fits import LineFit, compute_band, fit_line, predict_top1
from imagenet_g.benchmark.robustness.links import apply_fit_link, apply_link, invert_link
from imagenet_g.benchmark.robustness.points import BaselinePoints
from imagenet_g.benchmark.statistics.accuracy import FloatArray
from imagenet_g.benchmark.statistics.intervals import (
    BOOTSTRAP_SEED,
    NUM_RESAMPLES,
    compute_percentile_interval,
    compute_wilson_interval,
)

# As in the plots of the ImageNet testbed, whose bands are drawn at 200 clean accuracies.
NUM_GRID = 200
# Denser towards 0 and 1, where logit and probit axes are stretched.
_TICKS = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85,
    0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999,
)  # fmt: skip
_MIN_TICK_DISTANCE = 0.06
"""Of the axis: nearer ticks would print over one another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FigurePoint:
    """One model.

    Attributes:
        name: Its name.
        group: What it is drawn as, such as "standard" or "zero-shot".
        x: Clean accuracy.
        y: Accuracy on the shifted set.
        x_interval: Interval of the clean accuracy.
        y_interval: Interval of the shifted accuracy.
        labelled: Whether the name is written beside the point.
    """

    name: str
    group: str
    x: float
    y: float
    x_interval: tuple[float, float]
    y_interval: tuple[float, float]
    labelled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis: where it starts and ends, and its ticks, all in fractions."""

    label: str
    low: float
    high: float
    ticks: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScatterFigure:
    """Accuracy against accuracy.

    Attributes:
        title: What is shown.
        caption: Baseline, link, slope, r2 and what the bands are.
        link: Link of both axes.
        x: Clean axis.
        y: Shifted axis.
        points: Baseline models and evaluated ones.
        grid: `(G,)` clean accuracies the curves are given at.
        line: `(G,)` the fitted line.
        band: Lower and upper `(G,)` 95 % band of the line.
        prediction: Lower and upper `(G,)` band in which 95 % of standard models lie.
        fitted_range: Clean accuracies of the baseline models; beyond them the line is extrapolated.
    """

    title: str
    caption: str
    link: str
    x: Axis
    y: Axis
    points: tuple[FigurePoint, ...]
    grid: FloatArray
    line: FloatArray
    band: tuple[FloatArray, FloatArray]
    prediction: tuple[FloatArray, FloatArray]
    fitted_range: tuple[float, float]


def build_figure(
    points: BaselinePoints,
    link: str,
    *,
    extra: Sequence[FigurePoint] = (),
    x_label: str,
    y_label: str,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = BOOTSTRAP_SEED,
) -> ScatterFigure:
    """The figure of one baseline on one shifted set.

    Args:
        points: The baseline; with a knot, the piece to be drawn.
        link: Link of the axes.
        extra: Evaluated models.
        x_label: Name of the clean axis.
        y_label: Name of the shifted axis.
        num_resamples: Resamples of families for the line's band.
        seed: Their seed.

    Raises:
        InputError: The baseline has more than one clean axis.
    """
    if len(points.axes) != 1:
        raise InputError("A figure shows one clean axis; a multi-ID fit has more.")
    fit = fit_line(points, link)
    drawn = (*make_points(points, "standard"), *extra)
    x = make_axis([value for point in drawn for value in point.x_interval], link, label=x_label)
    # Even steps on the link's scale: even steps in accuracy would be coarse where the axis is stretched.
    grid = invert_link(np.linspace(*_ends(x, link), NUM_GRID), link)
    y = make_axis([value for point in drawn for value in point.y_interval], link, label=y_label)
    return ScatterFigure(
        title=f"{y_label} against {x_label}",
        caption=format_caption(fit),
        link=link,
        x=x,
        y=y,
        points=drawn,
        grid=grid,
        line=predict_top1(fit, grid),
        band=compute_line_band(points, link, grid, num_resamples=num_resamples, seed=seed),
        prediction=compute_band(fit, grid),
        fitted_range=(fit.reference_low[0], fit.reference_high[0]),
    )


def make_point(
    name: str, group: str, *, x: float, y: float, x_n: int, y_n: int, labelled: bool = False
) -> FigurePoint:
    """A model with Wilson intervals on both axes.

    Example:
        >>> point = make_point("resnet50", "standard", x=0.76, y=0.24, x_n=50_000, y_n=100)
        >>> [round(bound, 3) for bound in point.x_interval], [round(bound, 3) for bound in point.y_interval]
        ([0.756, 0.764], [0.167, 0.332])
    """
    # Published figures have no predictions to draw classes from, so all points get the interval that needs
    # only k and n.
    return FigurePoint(
        name=name,
        group=group,
        x=x,
        y=y,
        x_interval=compute_wilson_interval(x * x_n, x_n),
        y_interval=compute_wilson_interval(y * y_n, y_n),
        labelled=labelled,
    )


def make_points(points: BaselinePoints, group: str) -> tuple[FigurePoint, ...]:
    """Every baseline model as a point."""
    return tuple(
        make_point(model, group, x=float(x), y=float(y), x_n=points.reference_n[0], y_n=points.shifted_n)
        for model, x, y in zip(points.models, points.reference[:, 0], points.shifted, strict=True)
    )


def compute_line_band(
    points: BaselinePoints, link: str, grid: FloatArray, *, num_resamples: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """95 % band of the line over resampled architecture families: lower and upper `(G,)`."""
    rng = np.random.default_rng(seed)
    lines = fit_weighted_lines(
        apply_fit_link(points.reference, points.reference_n, link)[None],
        apply_fit_link(points.shifted, points.shifted_n, link)[None],
        # The testbed resamples single models. Sizes of one architecture are not independent, and drawing them
        # one by one makes the band too narrow.
        draw_model_weights(points.families, num_resamples=num_resamples, rng=rng),
    )
    linked = apply_fit_link(grid, points.reference_n[0], link)
    heights = invert_link(lines[:, :1] + lines[:, 1:] * linked, link)
    bounds = [compute_percentile_interval(column) for column in heights.T]
    return np.array([low for low, _ in bounds]), np.array([high for _, high in bounds])


def make_axis(values: Sequence[float], link: str, *, label: str) -> Axis:
    """An axis that holds all values with a margin, and ticks at round percentages.

    Example:
        >>> axis = make_axis([0.2, 0.8], "linear", label="ImageNet")
        >>> round(axis.low, 3), round(axis.high, 3), axis.ticks
        (0.176, 0.824, (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8))
    """
    # On logit and probit axes an accuracy of 0 or 1 lies at infinity, and the axis would have no end there.
    floor = 1e-4 if link != "linear" else 0.0
    inside = np.clip(np.array(values), floor, 1 - floor)
    low, high = (float(value) for value in apply_link([inside.min(), inside.max()], link))
    # With a single value the range is 0, and positions along the axis would be divided by it.
    margin = 0.04 * (high - low) or 0.01
    bounds = invert_link([low - margin, high + margin], link)
    return Axis(
        label=label,
        low=float(bounds[0]),
        high=float(bounds[1]),
        ticks=choose_ticks(float(bounds[0]), float(bounds[1]), link),
    )


def choose_ticks(low: float, high: float, link: str) -> tuple[float, ...]:
    """Round percentages in [low, high] that do not crowd on this link.

    Example:
        >>> choose_ticks(0.5, 0.9, "linear")
        (0.5, 0.6, 0.7, 0.8, 0.9)
        >>> choose_ticks(0.9, 0.999, "logit")
        (0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
    """
    first, last = apply_link([low, high], link)
    chosen: list[float] = []
    for tick in _TICKS if link != "linear" else tuple(number / 10 for number in range(11)):
        position = float(apply_link(tick, link))
        near = chosen and position - float(apply_link(chosen[-1], link)) < _MIN_TICK_DISTANCE * (last - first)
        if low <= tick <= high and not near:
            chosen.append(tick)
    return tuple(chosen)


def link_position(values: FloatArray | float, axis: Axis, link: str) -> FloatArray:
    """Where fractions lie along an axis, 0 at its low end and 1 at its high end.

    Example:
        >>> axis = Axis(label="ImageNet", low=0.1, high=0.9, ticks=())
        >>> [round(link_position(0.3, axis, link).item(), 3) for link in ("linear", "logit")]
        [0.25, 0.307]
    """
    first, last = _ends(axis, link)
    return np.asarray((apply_link(values, link) - first) / (last - first))


def format_tick(value: float) -> str:
    """A tick in percent.

    Example:
        >>> format_tick(0.5), format_tick(0.005)
        ('50', '0.5')
    """
    return f"{100 * value:g}"


def format_caption(fit: LineFit) -> str:
    """A description of the line: fit, baseline and bands."""
    weak = " The line is weak (r2 below 0.8)." if fit.weak else ""
    return (
        f"Least squares through {fit.num_models} models of {fit.num_families} families of baseline "
        f"'{fit.baseline}' ({fit.baseline_sha256[:8]}) on {fit.link} axes: slope {fit.slopes[0]:.3f}, "
        f"intercept {fit.intercept:.3f}, r2 {fit.r2:.3f}. Dark band: 95 % of the line, over "
        f"families; light band: 95 % of standard models. Bars: 95 % Wilson intervals.{weak}"
    )


def _ends(axis: Axis, link: str) -> tuple[float, float]:
    first, last = apply_link([axis.low, axis.high], link)
    return float(first), float(last)
