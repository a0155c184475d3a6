"""`imagenet-g baselines list`, `show` and `fit`."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from imagenet_g.benchmark.terminal.text import print_block, print_line

if TYPE_CHECKING:
    from imagenet_g.benchmark.robustness.fits import LineFit
    from imagenet_g.benchmark.robustness.published_sets import BaselineSet
    from imagenet_g.benchmark.terminal.tables import NameTable


def run_list(arguments: Namespace) -> int:
    """Print the sets that come with the package."""
    from imagenet_g.baselines.lines.baselines import list_baselines, load_baseline
    from imagenet_g.benchmark.terminal.tables import NameTable, print_shown

    table = NameTable(("id", "version", "sha256", "models", "in fit", "figures for"))
    for name in list_baselines():
        baseline = load_baseline(name)
        header = baseline.header
        table.add_row(
            header.id,
            header.version,
            baseline.sha256[:12],
            str(len(baseline.records)),
            str(len(baseline.fitted)),
            ", ".join(header.targets) or "no split yet: measure it with 'baselines run'",
        )
    print_shown(table)
    return 0


def run_show(arguments: Namespace) -> int:
    """Print a set: its header, the counts by training data and category, and its models."""
    from imagenet_g.baselines.lines.baselines import load_baseline

    baseline = load_baseline(arguments.baseline)
    print_block(format_baseline(baseline, everything=arguments.all))
    return 0


def format_baseline(baseline: BaselineSet, *, everything: bool) -> str:
    """A set as text: header, counts by training data and category, columns, models."""
    from collections import Counter

    header = baseline.header
    counts = Counter((record.training_data, record.category) for record in baseline.records)
    lines = [
        f"{header.id} version {header.version}: {header.title}",
        f"sha256 {baseline.sha256}",
        "",
        header.note.strip(),
        "",
        f"{len(baseline.fitted)} of {len(baseline.records)} models are in the fit:",
        *(f"  {number:5}  {data}, {category}" for (data, category), number in sorted(counts.items())),
    ]
    if header.columns:
        lines += ["", "columns:"]
        lines += [
            f"  {name}: {column.set}, classes {column.class_set}, outputs {column.outputs}, n {column.n}; "
            f"{column.source}"
            for name, column in header.columns.items()
        ]
    lines += ["", "models:"]
    for record in baseline.records if everything else baseline.fitted:
        note = f"; {record.note}" if record.note else ""
        fit = "" if record.in_fit else ", not in the fit"
        lines.append(
            f"  {record.model}: family {record.family}, {record.training_data}, {record.category}{fit}{note}"
        )
    return "\n".join(lines)


def run_fit(arguments: Namespace) -> int:
    """Fit and print, one row a link and piece."""
    from imagenet_g.benchmark.storage import write_text
    from imagenet_g.benchmark.terminal.tables import print_shown

    fits = fit_pieces(arguments)
    print_shown(make_fit_table(fits))
    for note in list_notes(fits):
        print_line(note)
    if arguments.out is not None:
        write_text(arguments.out, "[" + ",\n".join(fit.model_dump_json(indent=2) for fit in fits) + "]\n")
        print_line(f"wrote {arguments.out}")
    return 0


def fit_pieces(arguments: Namespace) -> list[LineFit]:
    """The asked-for fits; a set with a knot gives one below and one above it."""
    from imagenet_g.baselines.lines.baselines import load_points
    from imagenet_g.benchmark.robustness.fits import fit_line
    from imagenet_g.benchmark.robustness.links import LINKS

    points = load_points(arguments.baseline, arguments.split, references=arguments.id)
    return [fit_line(piece, link) for link in arguments.link or LINKS for piece in points.list_pieces()]


def make_fit_table(fits: list[LineFit]) -> NameTable:
    """Fits as a table; accuracies in percent."""
    from imagenet_g.benchmark.terminal.tables import NameTable

    headings = ("link", "clean axis", "slope", "intercept", "r2", "models", "families", "clean range, %", "")
    table = NameTable(headings, title=f"{fits[0].baseline} on {fits[0].target}")
    for fit in fits:
        ranges = zip(fit.reference_low, fit.reference_high, strict=True)
        table.add_row(
            fit.link,
            ", ".join(fit.axes),
            ", ".join(f"{slope:.5f}" for slope in fit.slopes),
            f"{fit.intercept:.5f}",
            f"{fit.r2:.4f}",
            str(fit.num_models),
            str(fit.num_families),
            ", ".join(f"{100 * low:.2f} to {100 * high:.2f}" for low, high in ranges),
            "weak" if fit.weak else "",
        )
    return table


def list_notes(fits: list[LineFit]) -> list[str]:
    """Notes that a reader of the fits needs."""
    notes = [f"baseline sha256 {fits[0].baseline_sha256}"]
    if any(fit.weak for fit in fits):
        notes.append("weak: r2 below 0.8; show the accuracy gap first.")
    if len({fit.reference_low for fit in fits}) > 1:
        notes.append(
            "The set's images were selected with a model: one line below its clean accuracy, one above."
        )
    return notes
