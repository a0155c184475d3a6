"""Files that name the class of each image: CSV, JSON lines, JSON, or plain text. Untrusted, and of any size.

Every line must name another image of the source, so that no more is held than the source has images. Names
are compared with those of the images and never opened.
"""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from imagenet_g.benchmark.errors import InputError, shorten
from imagenet_g.benchmark.images.file_names import IMAGE_SUFFIXES
from imagenet_g.generation.adopting.listing import refuse_missing
from imagenet_g.generation.adopting.places import split_path

FILE_COLUMNS = (
    "file_name", "filename", "file", "image", "image_path", "path", "filepath", "image_name", "img", "name",
)  # fmt: skip
LABEL_COLUMNS = (
    "wnid", "label", "class", "class_name", "synset", "target", "class_id", "label_id", "category", "index",
)  # fmt: skip
MAX_LINE = 1 << 16
_MAX_JSON_BYTES = 64 << 20


class LabelLine(NamedTuple):
    """One line: its number, the image it names, the class. No image: lines follow the order of the images."""

    line: int
    file: str | None
    token: str


class Columns(NamedTuple):
    """Names of the columns with the file and its class; None to see by their usual names."""

    file: str | None
    label: str | None


USUAL_COLUMNS = Columns(None, None)


def read_labels(path: Path, names: Sequence[str], columns: Columns = USUAL_COLUMNS) -> tuple[str, ...]:
    """The word that names the class of each image.

    Args:
        path: A file whose ending says its format: .csv, .tsv, .jsonl, .json or .txt.
        names: Images of the source, in order.
        columns: Of a table, which columns hold the file and the class.

    Raises:
        InputError: The file cannot be read, or its lines and the images are not one to one.
    """
    index = NameIndex(names)
    with open_lines(path, "--label-file") as lines:
        return _assign(_read_entries(path, lines, index, columns), index, path)


class NameIndex:
    """Finds an image by its path in the source, or by its name alone where no other image has it.

    Args:
        names: Images of the source, in order.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self._rows = {name: row for row, name in enumerate(names)}
        self._last: dict[str, int | None] = {}
        for row, name in enumerate(names):
            last = name.rpartition("/")[2]
            # Of two images with one name in different folders the name alone means neither.
            self._last[last] = None if last in self._last else row

    def find(self, text: str) -> int | None:
        """Row of the image that a line names; None for no image, and for several."""
        name = "/".join(split_path(text))
        row = self._rows.get(name)
        # A path that is not there is wrong, even where an image elsewhere has its last part.
        return row if row is not None or "/" in name else self._last.get(name)


def _read_entries(
    path: Path, lines: Iterator[tuple[int, str]], index: NameIndex, columns: Columns
) -> Iterator[LabelLine]:
    match path.suffix.lower():
        case ".csv" | ".tsv":
            return _read_csv(path, lines, index, columns)
        case ".jsonl" | ".ndjson":
            return _read_json_lines(path, lines, columns)
        case ".json":
            return _read_json(path, columns)
        case ".txt":
            return _read_text(lines, index)
        case ending:
            raise InputError(
                f"--label-file '{path}' ends in '{ending}'; .csv, .tsv, .jsonl, .json and .txt are known."
            )


@contextmanager
def open_lines(path: Path, option: str) -> Iterator[Iterator[tuple[int, str]]]:
    """The lines of a file that are not blank, with their numbers from 1.

    Args:
        path: A text in UTF-8.
        option: The option that names it, for messages.

    Raises:
        InputError: It cannot be read, is no such text, or a line is too long.
    """
    try:
        # Line ends as they are: one inside quotes belongs to its cell.
        with path.open(encoding="utf-8-sig", newline="") as stream:
            yield _take_lines(iter(lambda: stream.readline(MAX_LINE + 1), ""), path)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{option} '{path}' cannot be read: {error}.") from error


def _take_lines(lines: Iterable[str], path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, 1):
        # A file of gigabytes in one line would fill the memory before anything in it is seen.
        if len(line) > MAX_LINE:
            raise InputError(f"Line {number} of '{path}' has more than {MAX_LINE} characters.")
        if line.strip():
            yield number, line


def read_cells(path: Path, lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    """Rows of CSV or TSV, each with the number of its last line.

    Args:
        path: The file; its ending says what divides the cells.
        lines: Its numbered lines, see `open_lines`.

    Raises:
        InputError: A line is no CSV.
    """
    number = 0

    def feed() -> Iterator[str]:
        nonlocal number
        for number, line in lines:  # noqa: B007
            yield line

    try:
        # Strict, or a quote that is never closed takes the rest of the file as one cell.
        for row in csv.reader(feed(), delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True):
            yield number, row
    except csv.Error as error:
        raise InputError(f"Line {number} of '{path}' is no CSV: {error}.") from error


def require_cells(row: Sequence[str], places: Iterable[int], line: int, path: Path) -> None:
    """Check that a row reaches the columns that are read.

    Raises:
        InputError: It is too short.
    """
    if len(row) <= max(places):
        raise InputError(f"Line {line} of '{path}' has {len(row)} columns; more are needed.")


def _read_csv(
    path: Path, lines: Iterator[tuple[int, str]], index: NameIndex, columns: Columns
) -> Iterator[LabelLine]:
    rows = read_cells(path, lines)
    line, first = next(rows, (0, []))
    if columns == USUAL_COLUMNS and len(first) == 2 and index.find(first[0]) is not None:
        places, head = (0, 1), [(line, first)]
    else:
        places, head = find_columns(first, columns, path), []
    for line, row in itertools.chain(head, rows):
        require_cells(row, places, line, path)
        yield LabelLine(line, row[places[0]], row[places[1]].strip())


def find_columns(found: Sequence[str], wanted: Columns, path: Path) -> tuple[int, int]:
    """Places of the columns with the file and with its class.

    Raises:
        InputError: One of them is not there.

    Example:
        >>> find_columns(["id", "File_Name", "wnid"], USUAL_COLUMNS, Path("a.csv"))
        (1, 2)
    """
    lower = [name.strip().lower() for name in found]
    places = []
    for option, one, usual in (
        ("--file-column", wanted.file, FILE_COLUMNS),
        ("--label-column", wanted.label, LABEL_COLUMNS),
    ):
        candidates = usual if one is None else (one.lower(),)
        place = next((lower.index(name) for name in candidates if name in lower), None)
        if place is None:
            shown = shorten(", ".join(found))
            raise InputError(
                f"'{path}' has no column {' or '.join(candidates[:3])}{'' if one else ', ...'}; it has: "
                f"{shown}. Name it with {option}."
            )
        places.append(place)
    return places[0], places[1]


def _read_json_lines(path: Path, lines: Iterator[tuple[int, str]], columns: Columns) -> Iterator[LabelLine]:
    for number, line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"Line {number} of '{path}' is no JSON: {error}.") from error
        yield _take_row(row, number, path, columns)


def _take_row(row: object, number: int, path: Path, columns: Columns) -> LabelLine:
    if not isinstance(row, Mapping):
        raise InputError(f"Line {number} of '{path}' is no object with a file and its class.")
    keys = [str(key) for key in row]
    file, label = (row[keys[place]] for place in find_columns(keys, columns, path))
    # A class number is a whole number; True would be one in Python.
    if not isinstance(file, str) or isinstance(label, bool) or not isinstance(label, str | int):
        raise InputError(f"Line {number} of '{path}' needs a file as text and a class as text or number.")
    return LabelLine(number, file, str(label).strip())


def _read_json(path: Path, columns: Columns) -> Iterator[LabelLine]:
    """An object of files and classes, or a list of objects as in JSON lines."""
    if path.stat().st_size > _MAX_JSON_BYTES:
        raise InputError(f"'{path}' has more than {_MAX_JSON_BYTES} bytes; write it as JSON lines (.jsonl).")
    try:
        # Pairs and not a dict: of a file that is named twice a dict would keep the second.
        table = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=list)
    except (ValueError, RecursionError) as error:
        raise InputError(f"'{path}' is no JSON: {error}.") from error
    for number, item in enumerate(table if isinstance(table, list) else [], 1):
        if isinstance(item, tuple):
            yield _take_row({"file": item[0], "label": item[1]}, number, path, USUAL_COLUMNS)
        elif isinstance(item, list) and all(isinstance(pair, tuple) for pair in item):
            yield _take_row(dict(item), number, path, columns)
        else:
            yield _take_row(item, number, path, columns)


def _read_text(lines: Iterator[tuple[int, str]], index: NameIndex) -> Iterator[LabelLine]:
    """`<file> <class>` a line, or a class a line in the order of the sorted names."""
    first = next(lines, None)
    if first is None:
        return
    has_files = _split_file(first[1], index)[0] is not None
    for number, line in itertools.chain([first], lines):
        file, token = _split_file(line, index) if has_files else (None, line.strip())
        # An empty name is found nowhere and so refused; None would stand for classes in order.
        yield LabelLine(number, file or ("" if has_files else None), token)


def _split_file(line: str, index: NameIndex) -> tuple[str | None, str]:
    head, _, rest = line.strip().replace("\t", " ").partition(" ")
    if rest and (index.find(head) is not None or head.lower().endswith(IMAGE_SUFFIXES)):
        return head, rest.strip()
    # A name with blanks in it; then the class is the last word.
    name, _, last = line.strip().rpartition(" ")
    return (name.strip(), last) if name and index.find(name.strip()) is not None else (None, line.strip())


def _assign(entries: Iterable[LabelLine], index: NameIndex, path: Path) -> tuple[str, ...]:
    tokens: list[str | None] = [None] * len(index.names)
    lines: dict[int, int] = {}
    for position, entry in enumerate(entries):
        row = position if entry.file is None else index.find(entry.file)
        if row is None:
            raise InputError(
                f"Line {entry.line} of '{path}' names '{shorten(entry.file or '')}', and the source has no "
                "such image, or several: the file has a line too many, or an image is missing."
            )
        if row >= len(tokens):
            raise InputError(
                f"'{path}' has a class in line {entry.line}, and the source has {len(tokens)} images: the "
                "file has a line too many, or an image is missing."
            )
        if row in lines:
            raise InputError(
                f"Lines {lines[row]} and {entry.line} of '{path}' name one image, "
                f"'{shorten(index.names[row])}'."
            )
        if not entry.token:
            raise InputError(f"Line {entry.line} of '{path}' has no class.")
        tokens[row], lines[row] = entry.token, entry.line
    return _require_all(tokens, index.names, path)


def _require_all(tokens: Sequence[str | None], names: Sequence[str], path: Path) -> tuple[str, ...]:
    refuse_missing([name for name, token in zip(names, tokens, strict=True) if token is None], path)
    return tuple(token for token in tokens if token is not None)
