"""Results on a chart: accuracy against clean accuracy, with the line of a baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from imagenet_g.baselines.lines.baselines import (
    find_default_line,
    format_axis,
    list_baselines,
    load_baseline,
    load_points,
)
from imagenet_g.baselines.lines.drawing import make_chart
from imagenet_g.baselines.lines.figures import FigurePoint, ScatterFigure, build_figure, make_point
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.figures.chart import Chart
from imagenet_g.benchmark.results import Entry, Result


def chart_results(
    entries: Sequence[tuple[Result, Entry]],
    *,
    baseline: str | None,
    link: str,
    data: Mapping[str, Path],
) -> Chart:
    """The chart of the first split that has a line.

    Args:
        entries: Entries with their results.
        baseline: Whose line; None for that of the entries, or the one that comes with the version.
        link: Of both axes.
        data: Local copies by name, beside which lines may lie.

    Raises:
        InputError: No split has a line, or a result has no clean accuracy on the same classes.
    """
    for _, entry in entries:
        line = baseline or find_line(entry, data)
        if line is not None and entry.gaps:
            there = [result for result, other in entries if other.split.ref == entry.split.ref]
            named = [(result.model.spec, result) for result in there]
            return make_chart(make_result_figure(named, line, entry.split.ref, link))
    refs = ", ".join(dict.fromkeys(entry.split.ref for _, entry in entries))
    raise InputError(f"No line of a baseline is known for {refs or 'no split'}; name one with baseline=.")


def find_line(entry: Entry, data: Mapping[str, Path]) -> str | None:
    """The baseline of an entry's effective robustness, or the line that comes with its version."""
    clean = entry.gaps[0].reference if entry.gaps else None
    if entry.split.version is not None and clean is not None and clean.kind == "measured":
        line = find_default_line(entry.split.ref, clean.set, data=data)[0]
        if line is not None:
            return line
    # A measured line has the name of its set of models: only the figures say whether a set has the split.
    named = [found.baseline for found in entry.effective_robustness if found.baseline in list_baselines()]
    return next((name for name in named if entry.split.ref in load_baseline(name).header.targets), None)


def make_result_figure(
    results: Sequence[tuple[str, Result]],
    baseline: str,
    split: str | None,
    link: str,
    *,
    others: Sequence[FigurePoint] = (),
) -> ScatterFigure:
    """The line of a baseline on a split, with results on top.

    Args:
        results: Each with what to call it in a message.
        baseline: Whose line.
        split: The shifted set; may be None for a measured baseline, which has just one.
        link: Of both axes.
        others: Points of other models.

    Raises:
        InputError: A result has no clean accuracy on the same classes, or the baseline has no such line.
        UnknownNameError: There is no such baseline, or it has no figures for the split.
    """
    # A set with a bend has two lines; drawn is the upper one, where today's models are.
    points = load_points(baseline, split).select_piece(1.0)
    return build_figure(
        points,
        link,
        extra=(*others, *list_result_points(results, points.target)),
        x_label=format_axis(baseline, points.axes[0]),
        y_label=points.target,
    )


def list_result_points(results: Sequence[tuple[str, Result]], split: str) -> list[FigurePoint]:
    """Results on a split, labelled with the model's name.

    Args:
        results: Each with what to call it in a message.
        split: The shifted set.

    Raises:
        InputError: A result has no entry on the split with a clean reference on the same classes.
    """
    found = []
    for source, result in results:
        entries = [
            entry
            for entry in result.entries
            if entry.split.ref == split and entry.gaps and entry.gaps[0].reference.same_classes
        ]
        if not entries:
            raise InputError(
                f"'{source}' has no entry on '{split}' with a same-class clean reference; evaluate it "
                "with --reference."
            )
        clean = entries[0].gaps[0].reference
        # The same outputs on both axes: an answer among 200 classes is right more often than one among 1000.
        score = next(score for score in entries[0].scores if score.outputs == clean.outputs)
        found.append(
            make_point(
                result.model.spec,
                "results",
                x=clean.top1.value,
                y=score.top1.value,
                x_n=clean.n,
                y_n=entries[0].n,
                labelled=True,
            )
        )
    return found
