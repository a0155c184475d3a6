"""Rows of a table that someone else wrote: CSV, TSV or JSON lines, every cell with its line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.errors import DataError, InputError, shorten

SUFFIXES = (".csv", ".tsv", ".jsonl")
MAX_BYTES = 4 << 30
"""Of a file of questions with their images inside; answers alone take a thousandth of it."""
_MAX_CELL = 1 << 28


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row.

    Attributes:
        line: Number of its line, or of its last one, from 1.
        cells: By the name of the column: text, or what JSON holds; absent where there is nothing.
    """

    line: int
    cells: dict[str, object]


@dataclass(frozen=True, slots=True)
class Table:
    """A file's rows.

    Attributes:
        path: The file.
        columns: Their names, in order; of JSON lines every key that a row has.
        rows: In order.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]


def is_table(path: Path) -> bool:
    """Whether a file's name says that it is such a table.

    >>> is_table(Path("answers.CSV")), is_table(Path("predictions.parquet"))
    (True, False)
    """
    return path.suffix.lower() in SUFFIXES


def read_table(path: Path) -> Table:
    """Read a table.

    Raises:
        InputError: Its name ends otherwise.
        DataError: It is missing, too large, empty or malformed; the line is named.
    """
    if not is_table(path):
        raise InputError(f"'{path}' must end in {', '.join(SUFFIXES)}.")
    text = _read_text(path)
    if path.suffix.lower() == ".jsonl":
        rows = tuple(_parse_lines(text, path))
        columns = tuple(dict.fromkeys(key for row in rows for key in row.cells))
    else:
        columns, rows = _parse_cells(text, path, "\t" if path.suffix.lower() == ".tsv" else ",")
    if not rows:
        raise DataError(f"'{path}' has no row.")
    return Table(path, columns, rows)


def _read_text(path: Path) -> str:
    try:
        if not path.is_file():
            raise DataError(f"There is no file '{path}'.")
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"'{path}' is larger than {MAX_BYTES >> 30} GiB.")
        # utf-8-sig, because spreadsheets on Windows put a mark before the first column.
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"'{path}' is not UTF-8 text: {error}.") from error
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror or error}.") from error


def _parse_lines(text: str, path: Path) -> Iterator[TableRow]:
    for number, line in enumerate(io.StringIO(text), start=1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"Line {number} of '{path}' is not valid JSON: {error}") from error
        if not isinstance(content, dict):
            raise DataError(f"Line {number} of '{path}' must be a JSON object.")
        # Null is an empty cell, as CSV has it: no answer.
        yield TableRow(number, {key: value for key, value in content.items() if value is not None})


def _parse_cells(text: str, path: Path, delimiter: str) -> tuple[tuple[str, ...], tuple[TableRow, ...]]:
    with _allow_large_cells():
        # Not `splitlines`: a cell in quotes may hold a line break.
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        try:
            columns = tuple(name.strip() for name in next(reader, []))
            _check_columns(columns, path)
            return columns, tuple(_list_rows(reader, columns, path))
        except csv.Error as error:
            raise DataError(f"Line {reader.line_num} of '{path}' is malformed: {error}.") from error


def _list_rows(reader: Iterator[list[str]], columns: tuple[str, ...], path: Path) -> Iterator[TableRow]:
    for cells in reader:
        line: int = reader.line_num  # type: ignore[attr-defined]
        if not any(cell.strip() for cell in cells):
            continue
        # A comma that was not quoted moves all cells behind it under other columns.
        if len(cells) != len(columns):
            raise DataError(f"Line {line} of '{path}' has {len(cells)} cells under {len(columns)} columns.")
        named = zip(columns, cells, strict=True)
        yield TableRow(line, {name: cell.strip() for name, cell in named if cell.strip()})


def _check_columns(columns: tuple[str, ...], path: Path) -> None:
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if not any(columns) or twice is not None:
        what = f"'{shorten(twice)}' twice" if twice else "no names"
        raise DataError(f"The first line of '{path}' must name the columns; it has {what}.")


@contextmanager
def _allow_large_cells() -> Iterator[None]:
    """Let a cell hold an image; Python's own limit is that of a paragraph."""
    before = csv.field_size_limit(_MAX_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)
