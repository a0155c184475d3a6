"""The circularity of a filter as one figure: accuracy by view, gap by threshold, and ranks by threshold."""

from __future__ import annotations

import re
import tempfile
import textwrap
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.figures.canvas import open_figure
from imagenet_g.benchmark.filter_effects.records import (
    FilteredModel,
    FilterSection,
    FilterView,
    ThresholdPoint,
)
from imagenet_g.benchmark.terminal.plots import format_label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes

_MARKERS = ("o", "^", "s", "D", "v", "P", "X", "<", ">", "p")
_FILTER = "#8c0d2b"
_KIN = ("#d98200", "#c1571a", "#e0a13b", "#b5651d", "#ef7f45", "#a68a00", "#d9534f", "#8f5a2b")
_OTHERS = ("#4c6a92", "#3a7d44", "#7a3b8f", "#2a9d9d", "#5b5b5b", "#8a8a2a", "#1f4e79", "#99738e")
_UNKNOWN = "#b0b0b0"
_WIDE, _TALL = (11.0, 8.2), (5.6, 11.6)
# Of accuracies, gaps, ranks and names: left, bottom, width and height, in parts of the figure.
_PANELS = {
    False: (
        (0.07, 0.585, 0.52, 0.345),
        (0.07, 0.145, 0.40, 0.33),
        (0.56, 0.145, 0.41, 0.33),
        (0.61, 0.585, 0.37, 0.345),
    ),
    True: (
        (0.13, 0.745, 0.84, 0.23),
        (0.13, 0.26, 0.84, 0.165),
        (0.13, 0.045, 0.84, 0.145),
        (0.08, 0.465, 0.89, 0.225),
    ),
}
_SVG_START = (
    r'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
    r'aria-label="What the filter does to accuracies and ranks" \1>'
)
MAX_LEGEND = 14
NUM_MOVERS = 3
NAMES = {"unfiltered": "all images", "filtered": "filtered", "judged": "judge-filtered", "audited": "audited"}


def draw_filter_effects(section: FilterSection, path: Path, *, tall: bool = False) -> None:
    """Write the figure as PNG, PDF or SVG, by the file's ending.

    Args:
        section: What was measured.
        path: The file.
        tall: Panels below one another and no caption, for a page that has its own.

    Raises:
        InputError: The ending is not one of these, matplotlib is not installed, or there is one view alone.
        StorageError: The place cannot be written.
    """
    if len(section.views) < 2 and len(section.curve) < 2:
        raise InputError(f"'{section.split}' has no filter to draw. {' '.join(section.missing)}")
    caption = "" if tall else make_caption(section)
    with open_figure(path, caption, size=_TALL if tall else _WIDE) as canvas:
        axes = tuple(canvas.add_axes(place) for place in _PANELS[tall])
        draw_views(axes[0], section)
        draw_gaps(axes[1], section)
        draw_ranks(axes[2], section)
        handles, labels = axes[0].get_legend_handles_labels()
        axes[3].axis("off")
        axes[3].legend(
            handles[:MAX_LEGEND], labels[:MAX_LEGEND], loc="upper left", fontsize=7.5, frameon=False
        )
        axes[3].text(0.02, 0.0, "\n".join(list_movers(section)), fontsize=7.5, va="bottom")
        if not tall:
            canvas.suptitle(format_label(f"What the filter does to {section.split}"), fontsize=12, y=0.985)


def render_filter_effects(section: FilterSection) -> str:
    """The figure as an SVG element for a page: the same bytes for the same numbers, and nothing outside it.

    Raises:
        InputError: matplotlib is not installed, or there is one view alone.
    """
    with tempfile.TemporaryDirectory() as folder, _settle_drawing():
        path = Path(folder) / "figure.svg"
        draw_filter_effects(section, path, tall=True)
        text = path.read_text(encoding="utf-8")
    # The date of drawing, and addresses of vocabularies.
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    element = text[text.index("<svg") :]
    # The page gives the width; a size in points would be wider than a phone.
    return re.sub(r'^<svg [^>]*?(viewBox="[^"]*")[^>]*>', _SVG_START, element, count=1, flags=re.DOTALL)


@contextmanager
def _settle_drawing() -> Iterator[None]:
    """Letters as text, and names of parts that follow from what is drawn."""
    try:
        import matplotlib
    except ImportError:
        # What draws says so in words.
        yield
        return
    # Without a salt matplotlib draws random names for clip paths, and the page would differ by the run.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "filter-effects"}):
        yield


def make_caption(section: FilterSection) -> str:
    """What stands below the figure."""
    filtered = "no stored score" if section.column is None else section.column
    if section.threshold is not None:
        filtered += f" of at least {section.threshold:g} (dotted line)"
    scorer = "" if section.scorer is None else f" by {section.scorer}"
    return (
        f"Filter: {filtered}{scorer}. Dashed lines: the filter and its kin. Whiskers and bands of accuracy "
        f"and gap: 95 % intervals. Ranks: Kendall's tau-b with all images; grey: 95 % of {section.num_blind} "
        "blind filters, which keep as many images of each class at random. A gap is taken from the "
        "reference filtered alike where its scores are stored. A judge-filtered view favours the judge and "
        "models like it, as the filter favours its kin. No model was run again."
    )


def draw_views(axes: Axes, section: FilterSection) -> None:
    """Accuracy of each model on each view."""
    places = range(len(section.views))
    for number, model in enumerate(section.models):
        found = [view.models[number].accuracy for view in section.views]
        values = [100 * one.value for one in found]
        below = [100 * max(0.0, one.value - (one.value if one.low is None else one.low)) for one in found]
        above = [100 * max(0.0, (one.value if one.high is None else one.high) - one.value) for one in found]
        # Side by side, or the whiskers of equal accuracies hide one another.
        shift = 0.16 * ((number + 0.5) / len(section.models) - 0.5)
        axes.errorbar(
            [place + shift for place in places],
            values,
            yerr=(below, above),
            elinewidth=0.7,
            label=format_label(name_model(model)),
            **_style(section, number),
        )
    ticks = [
        f"{name_view(view)}\n{view.num_images} images{_format_tau(view.agreement.tau, view.kind)}"
        for view in section.views
    ]
    axes.set_xticks(list(places), ticks, fontsize=8)
    axes.set_xlim(-0.4, len(section.views) - 0.6)
    axes.set_ylabel("top-1, percent")
    axes.set_title("accuracy by view", fontsize=10)
    axes.grid(axis="y", lw=0.3)


def draw_gaps(axes: Axes, section: FilterSection) -> None:
    """Gap of each model by the share of the images that a threshold keeps."""
    shares = [100 * point.share for point in section.curve]
    for number in range(len(section.models)):
        drawn = [
            (share, gap, point.gap_lows[number], point.gap_highs[number])
            for share, point in zip(shares, section.curve, strict=True)
            if (gap := point.gaps[number]) is not None
        ]
        if not drawn:
            continue
        style, (x, y, low, high) = _style(section, number), zip(*drawn, strict=True)
        axes.plot(x, [100 * value for value in y], **{**style, "ms": 2.5})
        # Without an interval the band has no height.
        bottom, top = (
            [100 * (value if bound is None else bound) for value, bound in zip(y, bounds, strict=True)]
            for bounds in (low, high)
        )
        axes.fill_between(x, bottom, top, color=style["color"], alpha=0.08, lw=0)
    axes.axhline(0, color="#999999", lw=0.6)
    axes.set_ylabel("accuracy gap, points")
    axes.set_title("gap by threshold", fontsize=10)
    _finish_curve(axes, section)


def draw_ranks(axes: Axes, section: FilterSection) -> None:
    """Kendall's tau-b with all images by the share that a threshold keeps, and that of blind filters."""
    found = [(100 * point.share, point.agreement) for point in section.curve]
    band = [
        (share, one.blind_low, one.blind_high)
        for share, one in found
        if one.blind_low is not None and one.blind_high is not None
    ]
    known = [(share, one.tau) for share, one in found if one.tau is not None]
    axes.fill_between(
        [share for share, _, _ in band],
        [low for _, low, _ in band],
        [high for _, _, high in band],
        color="#cccccc",
        lw=0,
    )
    axes.plot(
        [share for share, _ in known], [tau for _, tau in known], marker="o", ms=3, color="#222222", lw=1.3
    )
    # Down to 0 at least, so that a small change of the order does not fill the panel.
    lowest = min([0.0, *(low for _, low, _ in band), *(tau for _, tau in known)])
    axes.set_ylim(lowest - 0.05, 1.05)
    axes.set_ylabel("tau-b with all images")
    axes.set_title("order of the models by threshold", fontsize=10)
    _finish_curve(axes, section)


def name_view(view: FilterView) -> str:
    """A view in words; simulated ratings are called so."""
    return f"SIMULATED, {NAMES[view.kind]}" if view.simulated else NAMES[view.kind]


def name_model(model: FilteredModel) -> str:
    """A model with what the filter has to do with it."""
    words = {
        "is-filter": "the filter",
        "kin": "kin of the filter",
        "unknown": "relation unknown",
        "other": "",
    }
    notes = [words[model.kinship.relation], "judge" if model.is_judge else ""]
    shown = ", ".join(note for note in notes if note)
    return f"{model.spec} ({shown})" if shown else model.spec


def list_movers(section: FilterSection) -> list[str]:
    """The models that move most on each view: a line a view, at most `NUM_MOVERS` models."""
    rest = len(section.models) - MAX_LEGEND
    lines = [f"{rest} more models are drawn and not named"] if rest > 0 else []
    for view in section.views[1:]:
        moves = [
            (found.moved, model.spec)
            for model, found in zip(section.models, view.models, strict=True)
            if found.moved
        ]
        moves.sort(key=lambda move: (-abs(move[0]), move[1]))
        shown = ", ".join(f"{format_label(spec)} {moved:+g}" for moved, spec in moves[:NUM_MOVERS])
        lines.append(f"ranks gained, {name_view(view)}: {shown or 'no model moves'}")
    return [textwrap.fill(line, 62) for line in lines]


def _style(section: FilterSection, number: int) -> dict[str, Any]:
    """Colour by group, marker by model: the filter and its kin are dashed, for readers of any sight."""
    relation = section.models[number].kinship.relation
    same = [one for one in section.models[:number] if one.kinship.relation == relation]
    colours = {"is-filter": (_FILTER,), "kin": _KIN, "unknown": (_UNKNOWN,), "other": _OTHERS}[relation]
    return {
        "color": colours[len(same) % len(colours)],
        "marker": _MARKERS[number % len(_MARKERS)],
        "ms": 4.5,
        "lw": 2.2 if relation == "is-filter" else 1.1,
        "ls": "--" if relation in ("is-filter", "kin") else "-",
    }


def _finish_curve(axes: Axes, section: FilterSection) -> None:
    own = find_own_point(section)
    if own is not None:
        axes.axvline(100 * own.share, color="#444444", lw=0.9, ls=":")
        axes.annotate(
            f"{own.threshold:g}",
            (100 * own.share, 0.02),
            xycoords=("data", "axes fraction"),
            xytext=(3, 0),
            textcoords="offset points",
            fontsize=7,
        )
    axes.set_xlim(103, -3)
    axes.set_xlabel("images kept, percent (stricter to the right)")
    axes.grid(lw=0.3)


def find_own_point(section: FilterSection) -> ThresholdPoint | None:
    """The point of the release's own threshold; None where there is no such threshold."""
    if section.threshold is None:
        return None
    return next((one for one in section.curve if one.threshold == section.threshold), None)


def _format_tau(tau: float | None, kind: str) -> str:
    if kind == "unfiltered":
        return ""
    return "\ntau unknown" if tau is None else f"\ntau {tau:.2f}"
