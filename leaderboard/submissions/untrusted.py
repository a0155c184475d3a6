"""Files from strangers, read so that the worst they can do is be refused.

Nothing is unpickled, unpacked or executed; sizes, nesting and counts are checked before memory is spent.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from imagenet_g.benchmark.answers.top_five import LOG_COLUMN, SQUARES_COLUMN
from imagenet_g.benchmark.errors import UntrustedFileError
from imagenet_g.benchmark.strengths.axis import SERIES_COLUMN, STRENGTH_COLUMN

if TYPE_CHECKING:
    from pyarrow.parquet import FileMetaData

# A hundred times the shipped submissions (40 kB); parsed, such a file still takes little memory.
MAX_JSON_BYTES = 5_000_000
# A result nests fewer than ten levels; parsers and everything that walks the content recurse on each.
MAX_JSON_DEPTH = 20
MAX_JSON_VALUES = 100_000
"""Nearly fifty times those of a shipped submission. Messages about a million wrong ones take gigabytes."""
MAX_PREDICTIONS_BYTES = 200_000_000
MAX_UNPACKED_BYTES = 200_000_000
# List columns hold many values in a row, at most a few for each of the top five and the labels.
MAX_VALUES_PER_ROW = 64
MAX_ROW_GROUPS = 1000
"""An honest file has one for each 100,000 rows or more; each costs memory, however few its rows."""
MAX_COLUMNS = 200
SINGLE_COLUMNS = ("image_id", "label", "source_image_id", "error", STRENGTH_COLUMN, SERIES_COLUMN)
_BEST = "top5_index"
TOP_FIVE_COLUMNS = (_BEST, "top5_probability", LOG_COLUMN, SQUARES_COLUMN)
"""Of all classes; behind an @, of a class set."""
# The footer is decoded before anything else and may claim strings of any length.
_FOOTER_LIMIT = 10_000_000
# A string is one match, to its end or the text's; nothing in the pattern goes back, so the scan is one pass.
_NO_BRACKET = re.compile(r'[^\[\]{}"]++|"(?:[^"\\]++|\\.|\\\Z)*+(?:"|\Z)', re.DOTALL)
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}


def read_json(path: Path, *, max_bytes: int = MAX_JSON_BYTES) -> tuple[bytes, object]:
    """Bytes and parsed content of a JSON file.

    Raises:
        UntrustedFileError: It is a link, no plain file, too large, not UTF-8, nested too deeply, no JSON, has
            a key twice in one object, or holds NaN or infinity.
    """
    validate_plain_file(path, max_bytes=max_bytes)
    data = path.read_bytes()
    return data, parse_json(data)


def parse_json(data: bytes) -> object:
    """JSON from bytes; raises as `read_json`.

    Example:
        >>> parse_json(b'{"top1": 0.5}')
        {'top1': 0.5}
        >>> parse_json(b'{"top1": NaN}')
        Traceback (most recent call last):
            ...
        imagenet_g.benchmark.errors.UntrustedFileError: not JSON: NaN is not a number; write null for unknown
        >>> parse_json(b'{"top1": 0.5, "top1": 0.9}')
        Traceback (most recent call last):
            ...
        imagenet_g.benchmark.errors.UntrustedFileError: not JSON: the key 'top1' comes twice in one object
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UntrustedFileError(
            f"not UTF-8 text (byte {error.start}); a submission is a JSON file"
        ) from error
    validate_depth(text)
    # Every value stands behind one of these, so there are at most as many; counted before any is made.
    if (most := 1 + sum(map(text.count, "[{,"))) > MAX_JSON_VALUES:
        raise UntrustedFileError(f"holds up to {most} values; a submission has at most {MAX_JSON_VALUES}")
    try:
        content = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_refuse_repeats)
    except (ValueError, RecursionError) as error:
        raise UntrustedFileError(f"not JSON: {error}") from error
    # UTF-8 cannot spell half a character, but an escape such as \ud800 can.
    if "\\u" in text and not _is_whole_text(content):
        raise UntrustedFileError("not JSON: an escape such as \\ud800 stands for half a character")
    return content


def _is_whole_text(content: object) -> bool:
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def validate_plain_file(path: Path, *, max_bytes: int) -> None:
    """Refuse links, devices, folders and what is too large to be honest.

    Raises:
        UntrustedFileError: It is one of these, or missing.
    """
    # Links first: `is_file` follows them, and the content of any file of this machine could be quoted in a
    # report.
    if path.is_symlink() or not path.is_file():
        raise UntrustedFileError(f"'{path.name}' is missing or not a plain file")
    if (size := path.stat().st_size) > max_bytes:
        raise UntrustedFileError(f"'{path.name}' has {size} bytes; at most {max_bytes} are read")


def validate_depth(text: str, *, max_depth: int = MAX_JSON_DEPTH) -> None:
    """Refuse nesting that would exhaust a parser; one pass, no recursion.

    Raises:
        UntrustedFileError: Brackets are nested more than `max_depth` deep.

    Example:
        >>> validate_depth('{"a": ["[[[[", [1]]}', max_depth=3)  # brackets within a string do not count
        >>> validate_depth("[[[[]]]]", max_depth=3)
        Traceback (most recent call last):
            ...
        imagenet_g.benchmark.errors.UntrustedFileError: nested more than 3 deep
    """
    brackets = _NO_BRACKET.sub("", text)
    if max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > max_depth:
        raise UntrustedFileError(f"nested more than {max_depth} deep")


def validate_predictions_file(path: Path, *, max_rows: int) -> None:
    """Check a parquet file's footer before a row of it is unpacked.

    Raises:
        UntrustedFileError: It is no parquet file, has other columns than predictions have, claims more rows
            than the split has images, more values than rows can hold, or would unpack to more than memory
            should be spent on.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    validate_plain_file(path, max_bytes=MAX_PREDICTIONS_BYTES)
    try:
        footer = pq.ParquetFile(
            path, thrift_string_size_limit=_FOOTER_LIMIT, thrift_container_size_limit=_FOOTER_LIMIT
        ).metadata
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UntrustedFileError(f"'{path.name}' is not a parquet file: {error}") from error
    if footer.num_row_groups > MAX_ROW_GROUPS or footer.num_columns > MAX_COLUMNS:
        raise UntrustedFileError(
            f"'{path.name}' has {footer.num_row_groups} row groups and {footer.num_columns} columns; at most "
            f"{MAX_ROW_GROUPS} and {MAX_COLUMNS} are read"
        )
    _validate_columns(path.name, footer)
    if footer.num_rows > max_rows:
        raise UntrustedFileError(f"'{path.name}' claims {footer.num_rows} rows where {max_rows} belong")
    chunks = [
        footer.row_group(group).column(column)
        for group in range(footer.num_row_groups)
        for column in range(footer.num_columns)
    ]
    if any(chunk.num_values > MAX_VALUES_PER_ROW * max_rows for chunk in chunks):
        raise UntrustedFileError(f"'{path.name}' holds more values than its rows can have")
    # Repeated values compress to almost nothing: a small file can unpack to more than this machine's memory.
    if (unpacked := sum(chunk.total_uncompressed_size for chunk in chunks)) > MAX_UNPACKED_BYTES:
        raise UntrustedFileError(f"'{path.name}' would unpack to {unpacked} bytes")


def _validate_columns(name: str, footer: FileMetaData) -> None:
    # What nobody reads is still unpacked, and can carry anything to whoever downloads it.
    found = [footer.schema.column(number).path.partition(".")[0] for number in range(footer.num_columns)]
    suffixes = {"", *(f"@{column.partition('@')[2]}" for column in found if column.startswith(_BEST + "@"))}
    known = {*SINGLE_COLUMNS, *(f"{column}{suffix}" for column in TOP_FIVE_COLUMNS for suffix in suffixes)}
    if extra := [column for column in found if column not in known]:
        raise UntrustedFileError(f"'{name}' has a column {extra[0]!r}, which predictions do not have")


def _refuse_constant(name: str) -> NoReturn:
    # Python's parser accepts NaN and Infinity, which JSON does not have. NaN passes every check of bounds,
    # because each comparison with it is false.
    raise ValueError(f"{name} is not a number; write null for unknown")


def _refuse_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    # Python keeps the last of two equal keys, other readers the first: a reviewer could see another number
    # than the one that was validated.
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key '{twice}' comes twice in one object")
    return found
