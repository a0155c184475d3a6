"""Whether the printed numbers follow from one another, and whether that finds the recorded slips. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from imagenet_g.baselines.papers.derivations import Derivation, list_derivations
from imagenet_g.baselines.papers.rules import TopFiveRule
from imagenet_g.baselines.papers.tables import (
    CellAddress,
    Papers,
    PrintedCell,
    PrintedTable,
    SlipRecord,
    format_place,
)

Outcome = Literal["agrees", "rounding", "contradicts"]
# Sums of floats do not hold ties exactly.
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class CheckedCell:
    """A cell with what it should be.

    Attributes:
        derivation: The cell and its sum.
        outcome: As `check_cell` says.
    """

    derivation: Derivation
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class TableCheck:
    """What was computed of one table.

    Attributes:
        table: The table.
        checked: The cells that follow from others.
        compared: Pairs of a top-1 and a top-5 accuracy.
        disordered: Those of them where the top-5 accuracy is the lower one.
        printed_twice: Names of rows that stand over more than one row in print.
    """

    table: PrintedTable
    checked: tuple[CheckedCell, ...]
    compared: int
    disordered: tuple[PrintedCell, ...]
    printed_twice: tuple[str, ...]

    @property
    def wrong(self) -> tuple[CellAddress, ...]:
        """Cells that do not follow."""
        cells = [it.derivation.cell for it in self.checked if it.outcome != "agrees"]
        return tuple(dict.fromkeys(cell.address for cell in (*cells, *self.disordered)))


@dataclass(frozen=True, slots=True)
class PapersCheck:
    """All tables, and how what was found compares with what is recorded.

    Attributes:
        tables: One a table.
        unrecorded: What was found and is no recorded slip, in words.
        not_found: Recorded slips that the computation should find and does not.
    """

    tables: tuple[TableCheck, ...]
    unrecorded: tuple[str, ...]
    not_found: tuple[SlipRecord, ...]

    @property
    def holds(self) -> bool:
        """Whether exactly the recorded slips were found."""
        return not self.unrecorded and not self.not_found


def check_papers(papers: Papers) -> PapersCheck:
    """Compute what follows, in every table.

    Raises:
        DataError: A rule names a cell that there is not.

    Example:
        >>> from imagenet_g.baselines.papers.tables import load_papers
        >>> check_papers(load_papers()).holds
        True
    """
    tables = tuple(check_table(table, papers) for table in papers.tables.values())
    recorded = {address for slip in papers.slips for address in slip.cells}
    twice = {(slip.table, slip.printed_twice) for slip in papers.slips if slip.printed_twice}
    unrecorded = [
        *(
            f"{format_address(it)} does not follow"
            for one in tables
            for it in one.wrong
            if it not in recorded
        ),
        *(
            f"{one.table.id} prints two rows as '{name}'"
            for one in tables
            for name in one.printed_twice
            if (one.table.id, name) not in twice
        ),
    ]
    return PapersCheck(tables, tuple(unrecorded), tuple(_list_not_found(papers.slips, tables)))


def check_table(table: PrintedTable, papers: Papers) -> TableCheck:
    """Compute what follows, in one table."""
    pairs = [
        pair for rule in table.rules if isinstance(rule, TopFiveRule) for pair in _pair_top5(table, rule)
    ]
    rows = dict.fromkeys((cell.address.row, cell.row_as_printed) for cell in table.cells)
    # Over rows and not over cells: a row's name stands before each of its cells.
    names = Counter(printed for _, printed in rows)
    return TableCheck(
        table=table,
        checked=tuple(
            CheckedCell(found, check_cell(found, table.count_decimals(found.cell.address.quantity)))
            for found in list_derivations(table, papers)
        ),
        compared=len(pairs),
        disordered=tuple(high for low, high in pairs if (high.value or 0) < (low.value or 0)),
        printed_twice=tuple(name for name, count in names.items() if count > 1),
    )


def check_cell(derivation: Derivation, decimals: int) -> Outcome:
    """Whether a printed number is what it should be.

    Args:
        derivation: The number and what it should be.
        decimals: How many the table prints for the quantity: a number with fewer stands for trailing zeros.

    Returns:
        "agrees" where the number is the sum of the printed terms, rounded; a tie may be rounded either way.
        "rounding" where it is not, but some unrounded terms give it. "contradicts" where none do.

    Example:
        >>> from imagenet_g.baselines.papers.derivations import Term
        >>> address = CellAddress(table="t", row="r", column="gain", quantity="points")
        >>> terms = (Term(1, 43.1, 0.05), Term(-1, 28.4, 0.05))
        >>> for printed in ("14.7", "14.6", "14.5"):
        ...     check_cell(Derivation(PrintedCell(address, "r", printed), terms, "gap"), 1)
        'agrees'
        'rounding'
        'contradicts'
    """
    difference = abs(derivation.value - float(derivation.cell.printed))
    # By the table's decimals: 60.9 beside 61.02 stands for 60.90, and must hold to the second.
    if difference <= 0.5 * 10**-decimals + _TINY:
        return "agrees"
    half = 0.5 * 10**-derivation.cell.decimals
    return "rounding" if difference <= half + derivation.spread + _TINY else "contradicts"


def format_address(address: CellAddress) -> str:
    """A cell's place in words."""
    paper = address.table.partition("/")[0]
    return f"{paper}, {format_place(address.table)}: {address.row}, {address.column}, {address.quantity}"


def _pair_top5(table: PrintedTable, rule: TopFiveRule) -> Iterator[tuple[PrintedCell, PrintedCell]]:
    for cell in table.cells:
        row, column = cell.address.row, cell.address.column
        high = table.find(row, column.replace("top-1", "top-5"), rule.quantity)
        if "top-1" in column and high is not None:
            yield cell, high


def _list_not_found(slips: Sequence[SlipRecord], tables: Sequence[TableCheck]) -> Iterator[SlipRecord]:
    wrong = {address for one in tables for address in one.wrong}
    twice = {(one.table.id, name) for one in tables for name in one.printed_twice}
    for slip in slips:
        missing = slip.printed_twice is not None and (slip.table, slip.printed_twice) not in twice
        if missing or not wrong.issuperset(slip.cells):
            yield slip
