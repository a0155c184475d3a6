"""Plotly figures of the board: pure, from frames and lines; nothing is fetched and nothing is drawn here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from imagenet_g.benchmark.reports.numbers import format_percent, format_points
from imagenet_g.benchmark.robustness.fits import LineFit, predict_top1
from imagenet_g.leaderboard.pages.axes import DIFFERENCES, choose_ticks, describe_axis
from imagenet_g.leaderboard.pages.cells import escape, is_missing
from imagenet_g.leaderboard.validation.lines import compute_prediction_band, place_on_axis

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

COLORS = {
    "imagenet-1k": "#3b82c4",
    "more-data": "#d9822b",
    "unknown": "#8a8f98",
}
"""Groups differ by shape too, for readers who do not see colours."""
SYMBOLS = {"imagenet-1k": "circle", "more-data": "diamond", "unknown": "x"}
PALETTE = ("#3b82c4", "#d9822b", "#3d9a6a", "#b04fb5", "#c0504d", "#7a6f45")
GREY = "rgba(128,128,128,0.25)"
NUM_GRID = 100
MAX_PROFILES = 6
MAX_NAMED = 8
HOVER_COLUMNS = ("model", "organisation", "trust", "top1", "clean", "gap", "er")


def build_scatter(
    rows: pd.DataFrame, line: LineFit | None, *, link: str, split: str, chosen: Sequence[str] = ()
) -> go.Figure:
    """Accuracy on a split against clean accuracy, with the baseline's line and band.

    Args:
        rows: Score rows of one split; those without a clean accuracy are left out.
        line: The baseline's line; None draws points only.
        link: Link of both axes.
        split: Name of the vertical axis.
        chosen: Model ids drawn large with their names and intervals; all of them where there are few.
    """
    import plotly.graph_objects as go

    shown = rows[rows["clean"].notna()]
    if len(shown) <= MAX_NAMED:
        chosen = list(shown["model_id"])
    figure = go.Figure()
    if line is not None and len(shown):
        _add_line(figure, line, shown)
    for training in COLORS:
        group = shown[(shown["training_data"] == training) & ~shown["model_id"].isin(chosen)]
        if len(group):
            figure.add_trace(_make_points(group, training, link))
    middle = (shown["clean"].min() + shown["clean"].max()) / 2
    for number, (_, row) in enumerate(shown[shown["model_id"].isin(chosen)].iterrows()):
        # Away from the edge of the plot, beside the interval's bar, and not all on one line.
        side = "left" if row["clean"] > middle else "right"
        height = "bottom" if number % 2 else "top"
        figure.add_trace(_make_chosen(row, link, PALETTE[number % len(PALETTE)], f"{height} {side}"))
    x_name = " / ".join(
        sorted({f"{name} {kind}" for name, kind in zip(shown["clean_set"], shown["clean_kind"], strict=True)})
    )
    _set_axes(figure, shown, link, x=f"clean accuracy, %<br>({escape(x_name)})", y=f"{escape(split)}, %")
    return figure


def _add_line(figure: go.Figure, line: LineFit, shown: pd.DataFrame) -> None:
    import plotly.graph_objects as go

    low, high = float(shown["clean"].min()), float(shown["clean"].max())
    # Logit and probit are infinite at 0 and at 1.
    grid = np.linspace(max(0.005, low - 0.02), min(0.995, high + 0.02), NUM_GRID)
    x = place_on_axis(grid, line.link)
    if (band := compute_prediction_band(line, grid)) is not None:
        lower, upper = (place_on_axis(edge, line.link) for edge in band)
        figure.add_trace(
            go.Scatter(
                x=np.concatenate([x, x[::-1]]), y=np.concatenate([upper, lower[::-1]]), fill="toself",
                fillcolor=GREY, line={"width": 0}, hoverinfo="skip", name="95 % of standard models",
            )
        )  # fmt: skip
    text = [
        f"clean {format_percent(c)} %: expected {format_percent(e)} %"
        for c, e in zip(grid, predict_top1(line, grid), strict=True)
    ]
    figure.add_trace(
        go.Scatter(
            x=x, y=place_on_axis(predict_top1(line, grid), line.link),
            mode="lines", text=text, hoverinfo="text",
            line={"color": "#808790", "dash": "dash"},
            name=f"{line.baseline}, {line.num_models} models, r² {line.r2:.2f}",
        )
    )  # fmt: skip


def _make_points(group: pd.DataFrame, training: str, link: str) -> go.Scatter:
    import plotly.graph_objects as go

    return go.Scatter(
        x=place_on_axis(group["clean"].to_numpy(), link),  # type: ignore[arg-type]
        y=place_on_axis(group["top1"].to_numpy(), link),  # type: ignore[arg-type]
        mode="markers",
        name=f"trained on {training}" if training != "unknown" else "training data unknown",
        marker={"color": COLORS[training], "symbol": SYMBOLS[training], "size": 7, "opacity": 0.75},
        text=format_hovers(group),
        hoverinfo="text",
        customdata=group["model_id"].tolist(),
    )


def _make_chosen(row: pd.Series[Any], link: str, color: str, position: str) -> go.Scatter:
    import plotly.graph_objects as go

    x, y = (float(place_on_axis(float(row[name]), link)) for name in ("clean", "top1"))  # type: ignore[arg-type]
    low, high = row["top1_low"], row["top1_high"]
    known = not (is_missing(low) or is_missing(high))
    bars = [float(place_on_axis(float(edge), link)) for edge in (low, high)] if known else [y, y]  # type: ignore[arg-type]
    return go.Scatter(
        x=[x], y=[y], mode="markers+text", name=escape(row["model"]), text=[escape(row["model"])],
        textposition=position, textfont={"weight": 600, "color": color},
        hovertext=[format_hover(dict(row))], hoverinfo="text", customdata=[row["model_id"]],
        marker={"color": color, "size": 12, "line": {"width": 1, "color": "white"}},
        error_y={"type": "data", "symmetric": False, "array": [bars[1] - y], "arrayminus": [y - bars[0]]},
    )  # fmt: skip


def format_hovers(rows: pd.DataFrame) -> list[str]:
    """The hover text of each row's point."""
    names = [name for name in HOVER_COLUMNS if name in rows]
    # By column: a table's rows as dictionaries take longer than all the rest of the plot.
    columns = (rows[name].tolist() for name in names)
    return [format_hover(dict(zip(names, values, strict=True))) for values in zip(*columns, strict=True)]


def format_hover(row: dict[Any, Any]) -> str:
    """The hover text of a point: name, organisation, both accuracies, gap and effective robustness."""
    # Plotly renders a subset of HTML in hover texts, links included, so names are escaped here too.
    lines = [
        f"<b>{escape(row['model'])}</b>",
        f"{escape(row['organisation'])}, {escape(row['trust'])}",
        f"top-1 {format_percent(row['top1'])} %, clean {format_percent(row['clean'])} %",
    ]
    if not is_missing(row["gap"]):
        lines.append(f"gap {format_points(row['gap'])} points")
    if not is_missing(row.get("er")):
        lines.append(f"effective robustness {format_points(row['er'])} points")
    return "<br>".join(lines)


def _set_axes(figure: go.Figure, shown: pd.DataFrame, link: str, *, x: str, y: str) -> None:
    bounds = ["top1", "top1_low", "top1_high"] if len(shown) <= MAX_NAMED else ["top1"]
    for axis, title, columns in (("xaxis", x, ["clean"]), ("yaxis", y, bounds)):
        values = shown[columns].to_numpy(dtype=float) if len(shown) else np.array([0.1, 0.9])
        ends = np.array([np.nanmin(values), np.nanmax(values)])
        positions = place_on_axis(ends, link)  # type: ignore[arg-type]
        # Models of one accuracy would give an axis without length.
        margin = 0.06 * float(positions[1] - positions[0]) or 0.2
        low, high = float(positions[0]) - margin, float(positions[1]) + margin
        ticks = choose_ticks(low, high, link)
        figure.update_layout(
            {
                axis: {
                    "title": {"text": title},
                    "tickangle": 0,
                    "automargin": True,
                    "range": [low, high],
                    "tickvals": [float(place_on_axis(tick, link)) for tick in ticks],  # type: ignore[arg-type]
                    "ticktext": [f"{100 * tick:g}" for tick in ticks],
                    "gridcolor": GREY,
                    "zeroline": False,
                }
            }
        )
    figure.update_layout(**LAYOUT)


LAYOUT: dict[str, Any] = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"color": "#808790", "family": "system-ui, sans-serif"},
    "margin": {"l": 60, "r": 36, "t": 30, "b": 50},
    # Beside the plot: across its top the buttons would lie on the legend.
    "modebar": {
        "orientation": "v",
        "bgcolor": "rgba(0,0,0,0)",
        "color": "#808790",
        "activecolor": "#3b82c4",
        "remove": ["select2d", "lasso2d"],
    },
    "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
    "hovermode": "closest",
    "height": 560,
}


def build_profiles(rows: pd.DataFrame, chosen: Sequence[str], *, metric: str) -> go.Figure:
    """One metric over the splits of a version for a few models, as lines with intervals.

    Parallel lines, not a radar: areas of a radar depend on the order of the splits and mean nothing.

    Args:
        rows: Score rows of one version, with `er` columns where that is the metric.
        chosen: Model ids, at most `MAX_PROFILES` are drawn.
        metric: "gap", "er" or the name of a metric.
    """
    import plotly.graph_objects as go

    title, factor = describe_axis(metric)

    figure = go.Figure()
    splits = list(dict.fromkeys(rows["split"]))
    for number, model_id in enumerate(chosen[:MAX_PROFILES]):
        own = rows[(rows["model_id"] == model_id) & rows[metric].notna()].set_index("split")
        own = own.reindex([split for split in splits if split in own.index])
        if not len(own):
            continue
        value = factor * own[metric].to_numpy(dtype=float)
        figure.add_trace(
            go.Scatter(
                x=[escape(_shorten(split)) for split in own.index], y=value, mode="lines+markers",
                name=escape(own["model"].iloc[0]), line={"color": PALETTE[number]},
                customdata=[model_id] * len(own),
                error_y={
                    "type": "data", "symmetric": False, "thickness": 1,
                    # An unknown bound is a bar of length 0: the value itself is still drawn.
                    "array": np.nan_to_num(factor * own[f"{metric}_high"].to_numpy(dtype=float) - value),
                    "arrayminus": np.nan_to_num(value - factor * own[f"{metric}_low"].to_numpy(dtype=float)),
                },
            )
        )  # fmt: skip
    figure.update_layout(**LAYOUT)
    figure.update_layout(
        yaxis={
            "title": {"text": escape(title)},
            "gridcolor": GREY,
            "zeroline": metric in DIFFERENCES,
            # Plotly's own is white, and a gap in the grid of a light page.
            "zerolinecolor": "#808790",
        },
        xaxis={"gridcolor": GREY, "tickangle": -40, "automargin": True},
        height=480,
    )
    return figure


def _shorten(split: str) -> str:
    # The version is chosen above; on a phone its name would fill every tick label.
    version, _, name = split.partition("/")
    return name or version
