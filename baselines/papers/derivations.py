"""What the rules of a table say about its cells: each as a sum of other cells. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imagenet_g.baselines.papers.rules import (
    AverageRule,
    ColumnDifferenceRule,
    ElsewhereRule,
    GapRule,
    RowDifferenceRule,
    Rule,
    SameRule,
)
from imagenet_g.baselines.papers.tables import Papers, PrintedCell, PrintedTable
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.naming.published import load_published_models


@dataclass(frozen=True, slots=True)
class Term:
    """A part of a sum.

    Attributes:
        weight: What the value is multiplied by.
        value: In the unit of the table, percent for an accuracy.
        half: Half a unit of the last printed digit: how far the unrounded value may lie from `value`.
    """

    weight: float
    value: float
    half: float


@dataclass(frozen=True, slots=True)
class Derivation:
    """A cell, and the sum that it should be.

    Attributes:
        cell: The cell.
        terms: The sum.
        rule: The kind of rule it follows from.
    """

    cell: PrintedCell
    terms: tuple[Term, ...]
    rule: str

    @property
    def value(self) -> float:
        """The sum of the terms as printed."""
        return sum(term.weight * term.value for term in self.terms)

    @property
    def spread(self) -> float:
        """How far the sum of the unrounded terms may lie from it."""
        return sum(abs(term.weight) * term.half for term in self.terms)


def list_derivations(table: PrintedTable, papers: Papers) -> Iterator[Derivation]:
    """Every cell that follows from others.

    Args:
        table: Whose cells.
        papers: For the rules that name another table.

    Raises:
        DataError: A rule names a cell that there is not, or one without a number.
    """
    for rule in table.rules:
        yield from _list(rule, table, papers)


def _list(rule: Rule, table: PrintedTable, papers: Papers) -> Iterator[Derivation]:
    match rule:
        case AverageRule():
            yield from _list_averages(rule, table)
        case GapRule():
            yield from _list_gaps(rule, table)
        case RowDifferenceRule() | ColumnDifferenceRule():
            yield from _list_differences(rule, table)
        case SameRule():
            yield from _list_same(rule, table, papers.find_table(rule.table))
        case ElsewhereRule():
            top1 = load_published_models()[rule.model].top1
            # Published with two decimals.
            yield Derivation(
                _find(table, rule.row, rule.column, rule.quantity), (Term(1, 100 * top1, 0.005),), rule.kind
            )


def _list_averages(rule: AverageRule, table: PrintedTable) -> Iterator[Derivation]:
    for row in dict.fromkeys(cell.address.row for cell in table.cells):
        others = [
            cell
            for cell in table.cells
            if cell.address.row == row
            and cell.address.quantity == rule.quantity
            and cell.address.column != rule.column
        ]
        terms = tuple(_make_term(1 / len(others), cell) for cell in others)
        yield Derivation(_find(table, row, rule.column, rule.quantity), terms, rule.kind)


def _list_gaps(rule: GapRule, table: PrintedTable) -> Iterator[Derivation]:
    for cell in table.cells:
        if cell.address.quantity == rule.quantity:
            row = cell.address.row
            shifted = _find(table, row, cell.address.column, rule.of)
            clean = _find(table, row, rule.reference, rule.of)
            yield Derivation(cell, (_make_term(1, shifted), _make_term(-1, clean)), rule.kind)


def _list_differences(
    rule: RowDifferenceRule | ColumnDifferenceRule, table: PrintedTable
) -> Iterator[Derivation]:
    for cell in table.cells:
        row, column = cell.address.row, cell.address.column
        if cell.address.quantity != rule.quantity:
            continue
        if isinstance(rule, RowDifferenceRule):
            places = ((rule.first, column), (rule.second, column))
        else:
            places = ((row, rule.first), (row, rule.second))
        first, second = (_find(table, *place, rule.of) for place in places)
        yield Derivation(cell, (_make_term(1, first), _make_term(-1, second)), rule.kind)


def _list_same(rule: SameRule, table: PrintedTable, other: PrintedTable) -> Iterator[Derivation]:
    for cell in table.cells:
        row, column, quantity = cell.address.row, cell.address.column, cell.address.quantity
        if rule.columns and column not in rule.columns:
            continue
        place = (
            rule.rows.get(row, row),
            rule.columns.get(column, column),
            rule.quantities.get(quantity, quantity),
        )
        twin = other.find(*place)
        if twin is not None:
            # A twin is the same measurement: it has the same unrounded value, so nothing may differ.
            yield Derivation(cell, (Term(1, _read(twin), 0.0),), rule.kind)
        elif row in rule.rows:
            raise DataError(f"A rule of '{table.id}' names {place}, which '{other.id}' does not have.")


def _find(table: PrintedTable, row: str, column: str, quantity: str) -> PrintedCell:
    cell = table.find(row, column, quantity)
    if cell is None:
        raise DataError(f"A rule of '{table.id}' names {(row, column, quantity)}, which it does not have.")
    return cell


def _make_term(weight: float, cell: PrintedCell) -> Term:
    return Term(weight, _read(cell), 0.5 * 10**-cell.decimals)


def _read(cell: PrintedCell) -> float:
    if cell.value is None:
        raise DataError(f"A rule computes with '{cell.printed}', which is no number: {cell.address}.")
    return cell.value
