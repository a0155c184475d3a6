"""Accuracy against what a model costs: its number of parameters, or images a second where measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imagenet_g.leaderboard.pages.cells import escape
from imagenet_g.leaderboard.pages.plots import COLORS, GREY, LAYOUT, MAX_NAMED, SYMBOLS, format_hovers

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

AXES = {"parameters": ("parameters, millions", 1e-6), "throughput": ("images a second", 1.0)}
"""Title of each axis, and what its values are multiplied by."""


def find_costs(rows: pd.DataFrame, axis: str) -> pd.DataFrame:
    """Rows whose cost is known, with it as `cost`; an older board may know none.

    Example:
        >>> import pandas as pd
        >>> find_costs(pd.DataFrame({"parameters": [25e6, None]}), "parameters")["cost"].tolist()
        [25.0]
        >>> len(find_costs(pd.DataFrame({"parameters": [25e6]}), "throughput"))
        0
    """
    if axis not in rows:
        return rows.iloc[:0].assign(cost=0.0)
    known = rows[rows[axis].notna() & (rows[axis] > 0).fillna(False)]
    return known.assign(cost=known[axis].astype(float) * AXES[axis][1])


def build_cost_scatter(rows: pd.DataFrame, axis: str, *, split: str, chosen: Sequence[str] = ()) -> go.Figure:
    """Top-1 on a split against a cost, on a logarithmic axis.

    Args:
        rows: Score rows of one split; those without the cost are left out.
        axis: A key of `AXES`.
        split: Name of the vertical axis.
        chosen: Model ids that are named; all of them where there are few.
    """
    import plotly.graph_objects as go

    shown = find_costs(rows, axis)
    named = set(shown["model_id"] if len(shown) <= MAX_NAMED else chosen)
    figure = go.Figure()
    for training in COLORS:
        group = shown[shown["training_data"] == training]
        if not len(group):
            continue
        names = [
            escape(name) if model_id in named else ""
            for name, model_id in zip(group["model"], group["model_id"], strict=True)
        ]
        figure.add_trace(
            go.Scatter(
                x=group["cost"].to_numpy(dtype=float), y=100 * group["top1"].to_numpy(dtype=float),
                mode="markers+text", text=names, textposition="top center",
                name=f"trained on {training}" if training != "unknown" else "training data unknown",
                marker={"color": COLORS[training], "symbol": SYMBOLS[training], "size": 8, "opacity": 0.75},
                hovertext=format_hovers(group), hoverinfo="text",
            )
        )  # fmt: skip
    figure.update_layout(**LAYOUT)
    x = {"title": {"text": AXES[axis][0]}, "type": "log", "gridcolor": GREY, "dtick": "D2"}
    y = {"title": {"text": f"{escape(split)}, %"}, "gridcolor": GREY, "zeroline": False}
    return figure.update_layout(xaxis=x, yaxis=y)


def describe_costs(rows: pd.DataFrame, axis: str) -> str:
    """The plot in words: how many points, and what they are compared by."""
    shown = find_costs(rows, axis)
    words = f"{len(shown)} of {len(rows)} models are drawn: those whose {AXES[axis][0].partition(',')[0]} "
    if axis == "parameters":
        return words + "are known."
    devices = sorted({str(device) or "an unknown device" for device in shown["device"]}) if len(shown) else []
    on = f" The runs were on {escape(', '.join(devices))}." if devices else ""
    return words + f"were measured. They depend on the device and the batch, too.{on}"
