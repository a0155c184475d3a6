"""`imagenet-g published`: tables as printed, recomputed where they can be."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from imagenet_g.benchmark.terminal.text import print_block, print_line

if TYPE_CHECKING:
    from imagenet_g.baselines.lines.paper_tables import PublishedTable
    from imagenet_g.benchmark.robustness.published_sets import BaselineSet


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("table", nargs="?", metavar="TABLE", help="id of a table (default: list them)")
    parser.add_argument(
        "--slips", action="store_true", help="print only the numbers that differ from their recomputed value"
    )


def run(arguments: Namespace) -> int:
    """List the tables, or print one."""
    from imagenet_g.baselines.lines.baselines import list_baselines, load_baseline
    from imagenet_g.baselines.lines.paper_tables import find_table, load_published_tables

    if arguments.table in list_baselines():
        print_block(format_figures(load_baseline(arguments.table)))
    elif arguments.table is not None:
        print_block(format_table(find_table(arguments.table), slips_only=arguments.slips))
    else:
        tables = load_published_tables().values()
        print_block("\n\n".join(format_table(table, slips_only=arguments.slips) for table in tables))
        if not arguments.slips:
            print_block("\nTables of figures, one row a model:")
            for name in list_baselines():
                header = load_baseline(name).header
                # Some sets list models only, to be measured by 'baselines run'; they have no figures to
                # print.
                if header.columns:
                    print_line(f"  {name}: {header.title}")
    return 0


def format_table(table: PublishedTable, *, slips_only: bool) -> str:
    """A table with what each number should be."""
    from imagenet_g.baselines.lines.paper_tables import check_figure, recompute_figure

    lines = [f"{table.id}: {table.title}", f"  source: {table.source}"]
    if not table.complete:
        lines.append(f"  incomplete: {table.note}")
    for figure in table.figures:
        check = check_figure(figure)
        if slips_only and check != "slip":
            continue
        value = recompute_figure(figure)
        # A reader's recomputation from cells that are not here cannot be checked by this program.
        where = "reported" if figure.reported is not None and value == figure.reported else "recomputed"
        should = "" if value is None else f", {where} {100 * value:.2f}"
        note = f" ({figure.note})" if figure.note else ""
        lines.append(f"  {figure.row}, {figure.column}: printed {figure.printed}{should}: {check}{note}")
    return "\n".join(lines)


def format_figures(figures: BaselineSet) -> str:
    """A table of figures as CSV, fractions, with the sources above it."""
    header = figures.header
    lines = [f"# {name}: {column.source}" for name, column in header.columns.items()]
    lines.append(",".join(("model", *header.columns)))
    for record in figures.records:
        cells = ("" if figure is None else f"{figure:g}" for figure in record.figures.values())
        lines.append(",".join((record.model, *cells)))
    return "\n".join(lines)
