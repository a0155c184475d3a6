"""`imagenet-g published`: the papers' tables as printed, and what follows from what."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.terminal.text import print_block, print_line

if TYPE_CHECKING:
    from imagenet_g.baselines.papers.checks import PapersCheck, TableCheck
    from imagenet_g.baselines.papers.tables import PrintedTable
    from imagenet_g.benchmark.robustness.published_sets import BaselineSet


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("table", nargs="?", metavar="TABLE", help="id of a table (default: list them)")
    parser.add_argument(
        "--check",
        action="store_true",
        help="compute every number of the papers' tables that follows from others, and list the slips",
    )


def run(arguments: Namespace) -> int:
    """List the tables, print one, or check all.

    Raises:
        InputError: Both a table and `--check`.
    """
    from imagenet_g.baselines.lines.baselines import list_baselines, load_baseline
    from imagenet_g.baselines.papers.checks import check_papers
    from imagenet_g.baselines.papers.tables import load_papers

    if arguments.check:
        if arguments.table is not None:
            raise InputError("'--check' covers all tables: give it without a table.")
        found = check_papers(load_papers())
        print_block(format_check(found))
        # A slip that is not recorded, or one that is gone, is a mistake of this package's tables.
        return 0 if found.holds else 1
    if arguments.table is None:
        list_tables()
    elif arguments.table in list_baselines():
        print_block(format_figures(load_baseline(arguments.table)))
    else:
        print_table(load_papers().find_table(arguments.table))
    return 0


def list_tables() -> None:
    """Print one line a table: those of the papers, and the tables of figures."""
    from imagenet_g.baselines.lines.baselines import list_baselines, load_baseline
    from imagenet_g.baselines.papers.tables import load_papers
    from imagenet_g.benchmark.terminal.tables import NameTable, print_shown

    papers = load_papers()
    shown = NameTable(("table", "title", "cells", "slips"), right=("cells", "slips"), framed=False)
    for table in papers.tables.values():
        slips = sum(table.id in slip.tables for slip in papers.slips)
        shown.add_row(table.id, table.title, str(len(table.cells)), str(slips or ""))
    for name in list_baselines():
        baseline = load_baseline(name)
        # Some sets list models only, to be measured by 'baselines run'; they have no figures to print.
        if baseline.header.columns:
            count = sum(f is not None for record in baseline.records for f in record.figures.values())
            shown.add_row(name, baseline.header.title, str(count), "")
    print_shown(shown)
    print_line("'imagenet-g published TABLE' prints one; '--check' computes what follows from other numbers.")


def print_table(table: PrintedTable) -> None:
    """Print a table as its paper lays it out, its slips below."""
    from imagenet_g.baselines.papers.layout import build_grid
    from imagenet_g.baselines.papers.tables import load_papers
    from imagenet_g.benchmark.terminal.tables import NameTable, print_shown

    grid = build_grid(table, load_papers())
    print_block(f"{table.title}\n{table.source}\n{grid.legend}")
    shown = NameTable(grid.headings, right=grid.headings[1:])
    for row in grid.rows:
        shown.add_row(*row)
    print_shown(shown)
    for note in grid.notes:
        print_line(note)


def format_check(found: PapersCheck) -> str:
    """What was computed of each table, and the slips."""
    from imagenet_g.baselines.papers.tables import load_papers

    papers = load_papers()
    lines = [f"{one.table.id}: {_format_extent(one)}" for one in found.tables]
    lines += ["", f"{len(papers.slips)} slips in print:"]
    for slip in papers.slips:
        how = "recorded from the text; no table shows it" if slip.is_of_the_text else "found"
        # Unrounded values may be behind these two: the sums of printed numbers differ, the papers may not.
        if any(address in _list_rounded(found) for address in slip.cells):
            how += "; unrounded values may give the printed number"
        lines.append(f"  {' and '.join(slip.tables)}: {slip.text} [{how}]")
    lines += [f"Question to the authors: {one.text}" for one in papers.questions]
    lines += [f"NOT RECORDED: {text}" for text in found.unrecorded]
    lines += [f"NOT FOUND: {slip.text}" for slip in found.not_found]
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


def _format_extent(one: TableCheck) -> str:
    numbers = len(one.table.cells)
    parts = []
    if one.checked:
        kinds = {
            "average": "averages",
            "gap": "gaps",
            "row-difference": "differences",
            "column-difference": "gains",
            "same": "cells printed in another table too",
            "elsewhere": "figure that the model's authors publish",
        }
        counts = {name: sum(it.derivation.rule == kind for it in one.checked) for kind, name in kinds.items()}
        parts = [f"{count} {name}" for name, count in counts.items() if count]
    if one.compared:
        parts.append(f"{one.compared} pairs of top-1 and top-5")
    if not parts:
        names = "".join(f"; two rows are printed as '{name}'" for name in one.printed_twice)
        return f"{numbers} cells; nothing to compute: no cell follows from others{names}"
    return f"{numbers} cells; computed {', '.join(parts)}; {len(one.wrong)} wrong"


def _list_rounded(found: PapersCheck) -> set[object]:
    return {
        it.derivation.cell.address for one in found.tables for it in one.checked if it.outcome == "rounding"
    }
