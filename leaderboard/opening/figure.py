"""The headline figure: clean against shifted accuracy, one small SVG a split, all on the same axes.

Text is text, colours are those of the page's style, and every point has its words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagenet_g.benchmark.reports.numbers import format_percent, format_points
from imagenet_g.benchmark.robustness.fits import LineFit, predict_top1
from imagenet_g.leaderboard.opening.finding import SplitFinding, shorten_model
from imagenet_g.leaderboard.opening.labels import DOT_PX, place_labels
from imagenet_g.leaderboard.pages.cells import escape
from imagenet_g.leaderboard.validation.lines import compute_prediction_band

if TYPE_CHECKING:
    import pandas as pd

WIDTH, HEIGHT = 290, 300
LEFT, RIGHT, TOP, BOTTOM = 34, 20, 10, 40
NUM_GRID = 40
MAX_NUMBERED = 20
"""Points of a panel with more models are a cloud without numbers."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Fractions to places in a panel.

    Attributes:
        clean: Ends of the horizontal axis.
        shifted: Ends of the vertical axis.
    """

    clean: tuple[float, float]
    shifted: tuple[float, float]

    def x(self, value: float) -> float:
        """Horizontal place of a clean accuracy, in pixels."""
        low, high = self.clean
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Vertical place of an accuracy on the split, in pixels; the highest stands at the top."""
        low, high = self.shifted
        # A drawing counts its pixels from the top.
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)


def format_figure(
    generated: Sequence[SplitFinding], real: SplitFinding | None, numbers: Mapping[str, int]
) -> str:
    """All panels side by side; empty without a generated split.

    Args:
        generated: One a panel; their models set the axes.
        real: Another panel, cut at those axes; None for none.
        numbers: Numbers of the models by id, drawn beside points of generated splits.
    """
    if not generated:
        return ""
    scale = choose_scale(generated)
    # The real set stands last: it is there for scale, the finding is about generated images.
    findings = [*generated, *([] if real is None else [real])]
    panels = "".join(_format_panel(one, scale, numbers, n) for n, one in enumerate(findings))
    return (
        f'<div class="panels" role="group" tabindex="0" aria-label="Accuracy by split">{panels}</div>'
        '<p class="key">A point is a model, with its number in the table below; the line at it is '
        f"the accuracy that it loses or gains. Dashed: as accurate as on {escape(generated[0].clean_name)}."
        f"{_explain_line(findings)}</p>"
    )


def _explain_line(findings: Sequence[SplitFinding]) -> str:
    drawn = next((one.line for one in findings if one.line is not None), None)
    if drawn is None:
        return ""
    baseline = escape(drawn.baseline)
    return f" Solid: the line through the standard models of {baseline}; 95 % of them lie in its band."


def choose_scale(findings: Iterable[SplitFinding]) -> Scale:
    """Axes that hold every point: clean accuracy from one tenth to another, the other from none to all."""
    clean = np.concatenate([one.rows["clean"].to_numpy(dtype=float) for one in findings])
    # A little more than the points themselves, so that none lies on the edge.
    low, high = np.floor(10 * clean.min() - 0.1) / 10, np.ceil(10 * clean.max() + 0.1) / 10
    # The other axis is whole: a cut one would make a small loss look large.
    return Scale((max(0.0, float(low)), min(1.0, float(high))), (0.0, 1.0))


def _format_panel(one: SplitFinding, scale: Scale, numbers: Mapping[str, int], place: int) -> str:
    # Numbers beside a thousand points could not be read.
    few = len(one.rows) <= MAX_NUMBERED
    points = _draw_points(one, scale, numbers) if few else _draw_cloud(one.rows, scale)
    line = _draw_line(one.line, scale) if one.line is not None else ""
    parts = [_draw_axes(scale, one.clean_set), _draw_equality(scale), line, points]
    title, words = f"panel-{place}-title", f"panel-{place}-words"
    return (
        f'<figure class="panel"><figcaption id="{title}"><b>{escape(one.title)}</b>'
        f"<small>{escape(_describe_median(one))}</small></figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{title}" '
        f'aria-describedby="{words}">{"".join(parts)}</svg>'
        f'<p class="said" id="{words}">{escape(describe_panel(one))}</p></figure>'
    )


def describe_panel(one: SplitFinding) -> str:
    """A panel in words, for readers who do not see it."""
    rows = one.rows.sort_values("top1", ascending=False)
    # Read aloud, a thousand models would have no end; the table has them all.
    shown = rows.head(MAX_NUMBERED)
    said = "; ".join(
        f"{model}: {format_percent(top1, 1)} %, clean {format_percent(clean, 1)} %"
        for model, top1, clean in zip(shown["model"], shown["top1"], shown["clean"], strict=True)
    )
    least, most = (format_percent(float(rows["top1"].iloc[n]), 1) for n in (-1, 0))
    many = f"{len(rows)} models, from {least} to {most} %; those beyond the axes are not drawn"
    fit = f" The line of {one.line.num_models} standard models has r² {one.line.r2:.2f}." if one.line else ""
    listed = said if len(rows) <= MAX_NUMBERED else many
    return f"Accuracy on {one.split} against {one.clean_set}. {listed}.{fit}"


def _describe_median(one: SplitFinding) -> str:
    count = len(one.judged)
    if not count:
        return f"{one.split}: no model"
    among = f"median of {count:,} models" if count > 1 else "one model"
    return f"{format_points(one.median_gap, 1)} points, {among}"


def _draw_axes(scale: Scale, clean_set: str) -> str:
    parts = []
    low, high = scale.shifted
    for tick in _list_ticks(low, high):
        y = scale.y(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_write(LEFT - 6, y + 4, f"{100 * tick:.0f}", "end"))
    below = HEIGHT - BOTTOM + 16
    parts += [
        _write(scale.x(tick), below, f"{100 * tick:.0f}", "middle") for tick in _list_ticks(*scale.clean)
    ]
    parts.append(_write((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, f"{clean_set}, %", "middle"))
    return "".join(parts)


def _write(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _list_ticks(low: float, high: float) -> list[float]:
    step = 0.1 if high - low <= 0.45 else 0.2
    return [n * step for n in range(int(np.ceil(low / step - 1e-9)), int(high / step + 1e-9) + 1)]


def _draw_equality(scale: Scale) -> str:
    """The dashed line of equal accuracy, as far as both axes reach."""
    low, high = max(scale.clean[0], scale.shifted[0]), min(scale.clean[1], scale.shifted[1])
    if low >= high:
        return ""
    ends = (
        f'x1="{scale.x(low):.1f}" y1="{scale.y(low):.1f}" x2="{scale.x(high):.1f}" y2="{scale.y(high):.1f}"'
    )
    return f'<line class="equal" {ends}/>'


def _draw_line(line: LineFit, scale: Scale) -> str:
    low, high = scale.clean
    grid = np.linspace(max(low, line.reference_low[0]), min(high, line.reference_high[0]), NUM_GRID)
    if grid[0] >= grid[-1]:
        return ""
    fitted = predict_top1(line, grid)
    drawn = f'<path class="line" d="{_trace(scale, grid, fitted)}"/>'
    band = compute_prediction_band(line, grid)
    if band is None:
        return drawn
    lower, upper = band
    edge = _trace(scale, np.concatenate([grid, grid[::-1]]), np.concatenate([upper, lower[::-1]]))
    return f'<path class="band" d="{edge}Z"/>{drawn}'


def _trace(scale: Scale, clean: np.ndarray, shifted: np.ndarray) -> str:
    inside = np.clip(shifted, *scale.shifted)
    return "M" + "L".join(f"{scale.x(x):.1f} {scale.y(y):.1f}" for x, y in zip(clean, inside, strict=True))


def _draw_cloud(rows: pd.DataFrame, scale: Scale) -> str:
    # One path of dots without length: 1,700 elements would be most of the page.
    inside = rows[rows["clean"].between(*scale.clean) & rows["top1"].between(*scale.shifted)]
    dots = "".join(
        f"M{scale.x(x):.0f} {scale.y(y):.0f}h0" for x, y in zip(inside["clean"], inside["top1"], strict=True)
    )
    return f'<path class="cloud" d="{dots}"/>'


def _draw_points(one: SplitFinding, scale: Scale, numbers: Mapping[str, int]) -> str:
    hollow = set(one.rows["model_id"]) - set(one.judged["model_id"])
    rows = one.rows.sort_values("top1", ascending=False).to_dict(orient="records")
    places = [(scale.x(row["clean"]), scale.y(row["top1"])) for row in rows]
    texts = [str(numbers.get(str(row["model_id"]), "")) for row in rows]
    labels = place_labels(places, texts, left=LEFT, right=WIDTH)
    drawn = []
    for row, (x, y), text, label in zip(rows, places, texts, labels, strict=True):
        start = scale.y(min(max(row["clean"], scale.shifted[0]), scale.shifted[1]))
        words = (
            f"{shorten_model(row['model'])}: {format_percent(row['top1'], 1)} %, clean "
            f"{format_percent(row['clean'], 1)} %, {format_points(row['gap'], 1)} points"
        )
        kind = "point hollow" if row["model_id"] in hollow else "point"
        drawn.append(
            f'<g class="{kind}"><title>{escape(words)}</title>'
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{start:.1f}" y2="{y:.1f}"/>'
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{DOT_PX}"/>'
            # Letters stand on their line, which is four pixels below their middle.
            f'<text x="{label.x:.1f}" y="{label.y + 4:.1f}" text-anchor="{label.anchor}">{text}</text></g>'
        )
    return "".join(drawn)
