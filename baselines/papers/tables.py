"""The printed tables as data: `tables.csv` has the cells, `papers.toml` what is said about them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal

from imagenet_g.baselines.papers.rules import Rule
from imagenet_g.benchmark.errors import DataError, UnknownNameError
from imagenet_g.benchmark.identity import hash_lines
from imagenet_g.benchmark.records import FileModel, Sha256
from imagenet_g.benchmark.shipped_specs import parse_toml


class CellAddress(FileModel):
    """Where a cell is."""

    table: str
    row: str
    column: str
    quantity: str


@dataclass(frozen=True, slots=True)
class PrintedCell:
    """One cell.

    Attributes:
        address: Table, row, column and quantity; two quantities may share a place, as accuracy and gap do.
        row_as_printed: The row's name in print, where that is wrong; else the name.
        printed: Its text, with the decimals that are printed.
    """

    address: CellAddress
    row_as_printed: str
    printed: str

    @property
    def value(self) -> float | None:
        """The number, in the unit of the table; None for a text such as "yes" or "3×10000".

        Example:
            >>> address = CellAddress(table="t", row="r", column="c", quantity="points")
            >>> PrintedCell(address, "r", "+3.56").value, PrintedCell(address, "r", "yes").value
            (3.56, None)
        """
        return float(self.printed) if re.fullmatch(r"[+-]?\d+(\.\d+)?", self.printed) else None

    @property
    def decimals(self) -> int:
        """Decimals in print."""
        return len(self.printed.partition(".")[2])


@dataclass(frozen=True)
class PrintedTable:
    """A table, its cells in the order of the paper, row by row."""

    id: str
    title: str
    source: str
    rules: tuple[Rule, ...]
    cells: tuple[PrintedCell, ...]

    def find(self, row: str, column: str, quantity: str) -> PrintedCell | None:
        """The cell of an address, None where the table has none."""
        return self._by_address.get((row, column, quantity))

    @cached_property
    def _by_address(self) -> Mapping[tuple[str, str, str], PrintedCell]:
        return {(it.address.row, it.address.column, it.address.quantity): it for it in self.cells}

    def count_decimals(self, quantity: str) -> int:
        """Decimals that the table prints for a quantity.

        The most of any cell: one with fewer stands for trailing zeros, as 60.9 does beside 61.02.
        """
        return max(
            it.decimals for it in self.cells if it.address.quantity == quantity and it.value is not None
        )


class SlipRecord(FileModel):
    """What is wrong in print: in cells that can be computed, in a name, or in the text."""

    text: str
    cells: tuple[CellAddress, ...] = ()
    """The cells that a computation must find."""
    table: str | None = None
    """The table it belongs to, where no cell is wrong."""
    printed_twice: str | None = None
    """A row's name that stands over two rows in print."""

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables it is a note to."""
        found = [cell.table for cell in self.cells] + ([self.table] if self.table else [])
        return tuple(dict.fromkeys(found))

    @property
    def is_of_the_text(self) -> bool:
        """Whether nothing in the tables shows it."""
        return not self.cells and self.printed_twice is None


class QuestionRecord(FileModel):
    """What only the authors can answer."""

    text: str
    tables: tuple[str, ...]
    rows: tuple[str, ...]
    """Names of the rows that it is about."""


class PaperSpec(FileModel):
    """A paper."""

    id: str
    source: str


class TableSpec(FileModel):
    """A table without its cells; its id is the paper's, a slash and a name."""

    id: str
    title: str
    rules: tuple[Rule, ...] = ()


class PapersFile(FileModel):
    """`papers.toml`."""

    schema_version: Literal[2]
    table_sha256: Sha256
    papers: tuple[PaperSpec, ...]
    tables: tuple[TableSpec, ...]
    slips: tuple[SlipRecord, ...]
    questions: tuple[QuestionRecord, ...]


@dataclass(frozen=True)
class Papers:
    """All tables by id, in the order of the papers, with what is known to be wrong in print."""

    tables: Mapping[str, PrintedTable]
    slips: tuple[SlipRecord, ...]
    questions: tuple[QuestionRecord, ...]

    def find_table(self, name: str) -> PrintedTable:
        """One table.

        Raises:
            UnknownNameError: There is no table of that id.

        Example:
            >>> len(load_papers().find_table("imagenet-g-paper/table-9").cells)
            42
        """
        if name not in self.tables:
            raise UnknownNameError("published table", name, self.tables)
        return self.tables[name]


@cache
def load_papers() -> Papers:
    """The shipped tables. Do not mutate: all callers share them.

    Raises:
        DataError: The cells are not those that were hashed, or belong to no table.

    Example:
        >>> len(load_papers().tables)
        17
    """
    return read_papers(files("imagenet_g.baselines.data") / "papers")


def read_papers(folder: Traversable) -> Papers:
    """The tables of a folder with `papers.toml` and `tables.csv`.

    Raises:
        DataError: As `load_papers`.
    """
    header = PapersFile.model_validate(parse_toml((folder / "papers.toml").read_text(encoding="utf-8")))
    lines = (folder / "tables.csv").read_text(encoding="utf-8").splitlines()
    # Numbers typed from print: a slip of the editor's would else pass for one of the paper's.
    if hash_lines(lines) != header.table_sha256:
        raise DataError(
            f"'tables.csv' has the hash {hash_lines(lines)}, not {header.table_sha256}. If the change is "
            "intended, put the new hash into 'papers.toml'."
        )
    sources = {paper.id: paper.source for paper in header.papers}
    cells = _group_cells(csv.DictReader(lines), [table.id for table in header.tables])
    tables = {
        spec.id: PrintedTable(
            id=spec.id,
            title=spec.title,
            source=f"{sources[spec.id.partition('/')[0]]}, {format_place(spec.id)}",
            rules=spec.rules,
            cells=tuple(cells[spec.id]),
        )
        for spec in header.tables
    }
    return Papers(tables, header.slips, header.questions)


def format_place(table: str) -> str:
    """A table's id as a reader says it.

    Example:
        >>> format_place("imagenet-g-paper/table-9"), format_place("imagenet-g-paper/talk")
        ('Table 9', 'talk')
    """
    return table.partition("/")[2].replace("table-", "Table ")


def _group_cells(rows: Iterable[Mapping[str, str]], names: Sequence[str]) -> dict[str, list[PrintedCell]]:
    found: dict[str, list[PrintedCell]] = {name: [] for name in names}
    seen = set()
    for row in rows:
        address = CellAddress(**{key: row[key] for key in ("table", "row", "column", "quantity")})
        if address.table not in found or address in seen:
            raise DataError(f"'tables.csv' has {address}, which is of no table or stands there twice.")
        seen.add(address)
        found[address.table].append(PrintedCell(address, row["row_as_printed"] or row["row"], row["printed"]))
    return found
