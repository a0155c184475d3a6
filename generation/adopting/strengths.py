"""How strongly each image of a source is shifted, and which images show one scene: columns of a table.

A set of any layout is given them by a file with a line for each image (`--strength-file`). Tables may have
the columns themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from imagenet_g.benchmark.errors import DataError, InputError, shorten
from imagenet_g.benchmark.strengths.axis import (
    SERIES_COLUMN,
    STRENGTH_COLUMN,
    make_strengths,
    name_series,
    validate_series,
)
from imagenet_g.generation.adopting.label_files import (
    FILE_COLUMNS,
    NameIndex,
    open_lines,
    read_cells,
    require_cells,
)
from imagenet_g.generation.adopting.listing import Listing, refuse_missing

_ENDINGS = (".csv", ".tsv")


class StrengthLine(NamedTuple):
    """One line: its number, the image it names, its strength and its scene; None without such a column."""

    line: int
    file: str
    strength: str
    series: str | None


def add_strengths(listing: Listing, path: Path | None) -> Listing:
    """The listing with the strengths of a file; as it is without one.

    Args:
        listing: Images of any layout.
        path: CSV or TSV with a heading: a column of image names, `strength` and, if known, `series`.

    Raises:
        InputError: The file cannot be read, its lines and the images are not one to one, or a value is not
            allowed.
    """
    if path is None:
        return listing
    index = NameIndex(listing.names)
    found: dict[int, StrengthLine] = {}
    for line in _read_lines(path):
        row = index.find(line.file)
        if row is None:
            raise InputError(
                f"Line {line.line} of '{path}' names '{shorten(line.file)}', and the source has no such "
                "image, or several."
            )
        if row in found:
            raise InputError(
                f"Lines {found[row].line} and {line.line} of '{path}' name one image, '{shorten(line.file)}'."
            )
        found[row] = line
    refuse_missing([name for row, name in enumerate(listing.names) if row not in found], path)
    lines = [found[row] for row in range(len(listing.names))]
    values = [_parse_strength(line, path) for line in lines]
    named = None if lines[0].series is None else [line.series for line in lines]
    try:
        return set_strengths(listing, values, named)
    except DataError as error:
        raise InputError(f"--strength-file '{path}': {error}") from error


def take_strengths(
    listing: Listing, columns: Collection[str], read_column: Callable[[str], Sequence[object]]
) -> Listing:
    """The listing with the strengths of its own table; as it is where the table has none.

    Args:
        listing: Rows of a table.
        columns: Names of the table's columns.
        read_column: Gives a column, in row order.

    Raises:
        DataError: A value is not allowed.
    """
    if STRENGTH_COLUMN not in columns:
        return listing
    series = read_column(SERIES_COLUMN) if SERIES_COLUMN in columns else None
    return set_strengths(listing, read_column(STRENGTH_COLUMN), series)


def set_strengths(listing: Listing, values: Sequence[object], series: Sequence[object] | None) -> Listing:
    """The listing with a strength for each image and, if known, its scene.

    Raises:
        DataError: A strength is missing or not allowed, or a scene has two images of one strength.
    """
    strengths = make_strengths(values)
    if strengths is None:
        return listing
    if series is None or all(name is None for name in series):
        return replace(listing, strengths=tuple(strengths.tolist()), series=None)
    within_class = name_series(series, listing.tokens)
    if within_class is None:
        raise DataError(f"Column '{SERIES_COLUMN}' is empty for some images; name the series of each.")
    validate_series(strengths, within_class)
    return replace(listing, strengths=tuple(strengths.tolist()), series=tuple(map(str, series)))


def _parse_strength(line: StrengthLine, path: Path) -> float:
    try:
        value = float(line.strength)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise InputError(
            f"Line {line.line} of '{path}' has the strength '{shorten(line.strength)}'; a strength is a "
            "finite number >= 0."
        )
    return value


def _read_lines(path: Path) -> Iterator[StrengthLine]:
    if path.suffix.lower() not in _ENDINGS:
        raise InputError(f"--strength-file '{path}' ends in '{path.suffix}'; .csv and .tsv are known.")
    with open_lines(path, "--strength-file") as lines:
        rows = read_cells(path, lines)
        _, heading = next(rows, (0, []))
        file, strength, series = _find_places(heading, path)
        for line, row in rows:
            require_cells(row, (file, strength, series or 0), line, path)
            scene = None if series is None else row[series].strip()
            yield StrengthLine(line, row[file].strip(), row[strength].strip(), scene)


def _find_places(heading: Sequence[str], path: Path) -> tuple[int, int, int | None]:
    """Places of the columns with the image, the strength and, if there is one, the scene."""
    names = [name.strip().lower() for name in heading]
    file = next((names.index(name) for name in FILE_COLUMNS if name in names), None)
    if file is None or STRENGTH_COLUMN not in names:
        raise InputError(
            f"'{path}' needs a heading with the columns {FILE_COLUMNS[0]} and {STRENGTH_COLUMN}; it has: "
            f"{shorten(', '.join(heading))}."
        )
    return file, names.index(STRENGTH_COLUMN), names.index(SERIES_COLUMN) if SERIES_COLUMN in names else None
