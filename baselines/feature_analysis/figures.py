"""The four measures as a figure, as in Fig. 5 of the paper: a panel each, splits along the axis."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.baselines.feature_analysis.records import FeatureMeasure, FeatureReport
from imagenet_g.benchmark.figures.chart import Chart
from imagenet_g.benchmark.terminal.plots import format_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = ("#4c6a92", "#c1571a", "#3f7f5f", "#8a5a9e", "#8c7a3c", "#7a7a7a")
_NAMES = ("sparsity", "intra-class distance", "redundancy", "coding length")


def chart_features(report: FeatureReport, *, normalised: bool) -> Chart:
    """The measures of every model on every split.

    Args:
        report: All numbers.
        normalised: Whether redundancy and coding length are those of features of length 1, as in the paper's
            text, or of features as the model gives them, as in its caption.
    """

    def draw(canvas: Figure) -> None:
        panels = canvas.subplots(2, 2)
        canvas.subplots_adjust(left=0.09, right=0.97, top=0.83, bottom=0.19, hspace=0.45, wspace=0.28)
        for axes, name in zip(panels.ravel(), _NAMES, strict=True):
            _draw_panel(axes, report, name, normalised=normalised)
        handles, names = panels.ravel()[0].get_legend_handles_labels()
        canvas.legend(handles, names, loc="upper center", ncols=2, fontsize=8, frameon=False)

    kind = "of length 1" if normalised else "as the model gives them"
    caption = (
        "Sparsity and distance by features of length 1, redundancy and coding length by features "
        f"{kind}. Bars: 95 % intervals from drawing classes; redundancy and coding length have none. "
        "Both depend on the numbers of images and of dimensions: compare like with like."
    )
    return Chart("features", report, caption, (7.6, 6.2), draw)


def _draw_panel(axes: Axes, report: FeatureReport, name: str, *, normalised: bool) -> None:
    # In the order they were asked for, so that a colour means one model in all panels.
    splits = list(dict.fromkeys(analysis.split.ref for analysis in report.analyses))
    models = list(dict.fromkeys(analysis.encoder.spec for analysis in report.analyses))
    # Beside each other and not on one line: two models with the same number would hide one another.
    width = 0.5 / max(len(models), 1)
    for analysis in report.analyses:
        model = models.index(analysis.encoder.spec)
        measure = _choose(analysis.measures, name, normalised=normalised)
        place = splits.index(analysis.split.ref) + (model - (len(models) - 1) / 2) * width
        low, high = (measure.value if bound is None else bound for bound in (measure.low, measure.high))
        axes.errorbar(
            [place], [measure.value], yerr=[[measure.value - low], [high - measure.value]],
            fmt="o", color=_COLOURS[model % len(_COLOURS)], capsize=2, markersize=5,
            # One entry of the legend a model, not one a point.
            label=format_label(analysis.encoder.spec) if analysis.split.ref == splits[0] else None,
        )  # fmt: skip
    axes.set_title(name, fontsize=10)
    axes.set_xticks(range(len(splits)), [format_label(ref) for ref in splits], fontsize=7)
    axes.set_xlim(-0.5, len(splits) - 0.5)
    axes.margins(y=0.2)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)


def _choose(measures: tuple[FeatureMeasure, ...], name: str, *, normalised: bool) -> FeatureMeasure:
    found = [measure for measure in measures if measure.name == name]
    # The first two measures exist for features of length 1 only.
    return next((measure for measure in found if measure.normalised == normalised), found[0])


def draw_features(report: FeatureReport, folder: Path, *, kind: str) -> list[Path]:
    """Write both figures; returns their paths.

    Raises:
        InputError: matplotlib is not installed.
        StorageError: The place cannot be written.
    """
    written = []
    # Two files and not one: a reader takes one normalisation or the other, and compares within it.
    for normalised, name in ((False, "features-as-given"), (True, "features-of-length-1")):
        written.append(chart_features(report, normalised=normalised).save(folder / f"{name}.{kind}"))
    return written
