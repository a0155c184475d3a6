"""A printed table laid out as in its paper: rows, columns, and what is wrong in print as notes. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from imagenet_g.baselines.papers.tables import CellAddress, Papers, PrintedCell, PrintedTable, SlipRecord
from imagenet_g.benchmark.terminal.markdown import escape_cell, escape_heading

NO_CELL = "–"


@dataclass(frozen=True, slots=True)
class Grid:
    """A table as text.

    Attributes:
        headings: One a column, the first for the rows' names.
        rows: As many texts each.
        legend: What the numbers are.
        notes: What is wrong in print; the first words of a note are its mark, where a cell has it.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    legend: str
    notes: tuple[str, ...]

    def format_markdown(self) -> str:
        """The table with its legend above and its notes below, as Markdown."""
        lines = [
            "| " + " | ".join(escape_cell(heading) for heading in self.headings) + " |",
            "| --- |" + " ---: |" * (len(self.headings) - 1),
            *("| " + " | ".join(escape_cell(cell) for cell in row) + " |" for row in self.rows),
        ]
        notes = "\n".join(f"- {escape_heading(note)}" for note in self.notes)
        return "\n\n".join(
            part for part in (f"{escape_heading(self.legend)}:", "\n".join(lines), notes) if part
        )


def build_grid(table: PrintedTable, papers: Papers) -> Grid:
    """Lay a table out.

    Two quantities in one place stand as "55.93 (-23.3)", in the order of the table.

    Example:
        >>> from imagenet_g.baselines.papers.tables import load_papers
        >>> papers = load_papers()
        >>> grid = build_grid(papers.find_table("imagenet-g-paper/table-1"), papers)
        >>> grid.rows[1][0], grid.rows[1][-1]
        ('Real + Generated Data', '8.55 [1]')
        >>> grid.notes
        ('[1] The average is printed 8.55; the four cells give 8.58.',)
    """
    slips = [slip for slip in papers.slips if table.id in slip.tables]
    marks = {address: f"[{k}]" for k, slip in enumerate(slips, 1) for address in slip.cells}
    columns = tuple(dict.fromkeys(cell.address.column for cell in table.cells))
    rows = tuple(dict.fromkeys((cell.address.row, cell.row_as_printed) for cell in table.cells))
    return Grid(
        headings=("", *columns),
        rows=tuple(
            (
                _format_row_name(row, printed, slips),
                *(_format_place(table.cells, row, column, marks) for column in columns),
            )
            for row, printed in rows
        ),
        legend=_format_legend(table),
        notes=(
            *(f"[{k}] {slip.text}" for k, slip in enumerate(slips, 1)),
            *(f"Question: {one.text}" for one in papers.questions if table.id in one.tables),
        ),
    )


def _format_row_name(row: str, printed: str, slips: Sequence[SlipRecord]) -> str:
    if row == printed:
        return row
    marks = [f" [{k}]" for k, slip in enumerate(slips, 1) if slip.printed_twice == printed]
    return f"{row} (printed '{printed}'){''.join(marks)}"


def _format_place(cells: Sequence[PrintedCell], row: str, column: str, marks: dict[CellAddress, str]) -> str:
    here = [cell for cell in cells if (cell.address.row, cell.address.column) == (row, column)]
    # The first quantity plain, a second one in brackets: the gap belongs to the accuracy before it.
    texts = [
        (f"({cell.printed})" if k else cell.printed)
        + (f" {marks[cell.address]}" if cell.address in marks else "")
        for k, cell in enumerate(here)
    ]
    return " ".join(texts) or NO_CELL


def _format_legend(table: PrintedTable) -> str:
    quantities = tuple(dict.fromkeys(cell.address.quantity for cell in table.cells))
    places = Counter((cell.address.row, cell.address.column) for cell in table.cells)
    if max(places.values()) == 1:
        return "; ".join(quantities)
    return f"{quantities[0]} (in brackets: {', '.join(quantities[1:])})"
