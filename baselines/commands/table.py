"""`imagenet-g baselines table` and `plot`."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from imagenet_g.benchmark.terminal.text import print_block, print_line

if TYPE_CHECKING:
    from imagenet_g.baselines.lines.figures import FigurePoint
    from imagenet_g.baselines.lines.table import RobustnessTableRow
    from imagenet_g.benchmark.robustness.published_sets import BaselineSet


def run_table(arguments: Namespace) -> int:
    """Effective robustness of every model of a table of figures."""
    from imagenet_g.baselines.lines.baselines import load_baseline
    from imagenet_g.baselines.lines.table import build_robustness_rows
    from imagenet_g.baselines.lines.table_formats import format_csv, format_markdown
    from imagenet_g.benchmark.storage import write_text

    baseline, figures = load_baseline(arguments.baseline), load_baseline(arguments.figures)
    rows = build_robustness_rows(baseline, figures, arguments.link, splits=arguments.split)
    rows = choose_best(rows, arguments.top)
    # CSV carries its own column for every mark of the legend, so the legend is for Markdown only.
    as_csv = arguments.out is not None and arguments.out.suffix == ".csv"
    text = format_csv(rows) if as_csv else format_markdown(rows) + "\n" + format_legend(rows, baseline)
    if arguments.out is None:
        print_block(text)
    else:
        write_text(arguments.out, text)
        print_line(f"wrote {arguments.out}: {len(rows)} rows")
    return 0


def choose_best(rows: tuple[RobustnessTableRow, ...], top: int | None) -> tuple[RobustnessTableRow, ...]:
    """The rows of the models that are best on the clean set, best first; all of them without a number."""
    # Reversed, so that the first row of a model decides: its clean accuracy is on the first split's axis.
    clean = {row.model: row.reference for row in reversed(rows)}
    ordered = sorted(clean, key=lambda model: -clean[model])[: top or None]
    rank = {model: number for number, model in enumerate(ordered)}
    return tuple(sorted((row for row in rows if row.model in rank), key=lambda row: rank[row.model]))


def format_legend(rows: tuple[RobustnessTableRow, ...], baseline: BaselineSet) -> str:
    """The meaning of the numbers and marks, and the error of the full axis."""
    from imagenet_g.baselines.lines.table import measure_axis_bias

    link = rows[0].link
    lines = [
        f"Effective robustness in percentage points (95 % interval) against {baseline.header.id} "
        f"version {baseline.header.version} ({baseline.sha256[:12]}), {link} link. Intervals: one family "
        "of the baseline left out at a time; the evaluated model's images taken as independent.",
        "† clean accuracy outside the baseline's range. ‡ weak line (r2 below 0.8). "
        "§ the model is in the baseline; the line goes without it and, where five others remain, without its "
        "family. ¶ high leverage: one more model there would move the line. "
        "‖ no baseline model near its clean accuracy.",
    ]
    others = list(dict.fromkeys(row.split for row in rows if not row.same_classes))
    if others:
        lines.append(
            "* on full ImageNet-val for model and baseline alike, because no clean accuracy of these models "
            "on the set's own classes is published: too high. Zero-shot models with both axes:"
        )
        lines += [
            f"  {bias.model} on {bias.split}: {100 * bias.full:+.1f} on the full axis, "
            f"{100 * bias.same_classes:+.1f} on the same classes"
            for bias in measure_axis_bias(baseline, others, link)
        ]
    return "\n".join(lines)


def run_plot(arguments: Namespace) -> int:
    """Draw one baseline on one split, with other models on top."""
    from imagenet_g.baselines.lines.drawing import draw_figure
    from imagenet_g.baselines.lines.result_charts import make_result_figure
    from imagenet_g.benchmark.predictions.result_files import load_result

    figure = make_result_figure(
        [(str(path), load_result(path)) for path in arguments.result],
        arguments.baseline,
        arguments.split,
        arguments.link,
        others=list_table_points(arguments),
    )
    draw_figure(figure, arguments.out)
    print_line(f"wrote {arguments.out}")
    return 0


def list_table_points(arguments: Namespace) -> list[FigurePoint]:
    """The models of a table that are not in the fit, as points by category.

    Raises:
        InputError: The table has the split on another clean axis than the baseline.
    """
    from imagenet_g.baselines.lines.baselines import load_baseline
    from imagenet_g.baselines.lines.figures import make_point
    from imagenet_g.benchmark.errors import InputError
    from imagenet_g.benchmark.robustness.published_sets import find_target

    if arguments.figures is None:
        return []
    figures, baseline = load_baseline(arguments.figures), load_baseline(arguments.baseline)
    target = find_target(figures, arguments.split)
    columns = figures.header.columns
    theirs, ours = columns[target.reference], find_target(baseline, arguments.split).reference
    if theirs.class_set != baseline.header.columns[ours].class_set:
        raise InputError(
            f"'{arguments.figures}' has the clean accuracy of '{arguments.split}' on the classes "
            f"'{theirs.class_set}', the baseline on '{baseline.header.columns[ours].class_set}'."
        )
    found = []
    # Controls and under-trained models would only crowd the figure.
    hidden = ("standard", "low-accuracy")
    for record in figures.records:
        x, y = record.figures[target.reference], record.figures[target.column]
        if not record.in_fit and record.category not in hidden and x is not None and y is not None:
            found.append(
                make_point(
                    record.model, record.category, x=x, y=y, x_n=theirs.n, y_n=columns[target.column].n
                )
            )
    return found
