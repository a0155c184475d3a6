"""Images inside parquet files, read one row group at a time so that memory does not grow with the files."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from imagenet_g.benchmark.errors import DataError, shorten
from imagenet_g.benchmark.file_stamps import read_content_signs
from imagenet_g.benchmark.images.whole_files import find_stand_in

if TYPE_CHECKING:
    import pyarrow as pa

FileOpener = Callable[[Path], BinaryIO]
# Threads that read ahead straddle the border of two groups; with one kept they would evict each other's.
_GROUPS_KEPT = 3
# A group is held in memory whole, and its size is what the file claims.
_MAX_GROUP_BYTES = 2 << 30


class _RowGroup(NamedTuple):
    file: int
    group: int
    num_rows: int


class _Sent(NamedTuple):
    paths: tuple[Path, ...]
    column: str
    signs: list[tuple[int, int, int] | None]


class ParquetImages:
    """Reads encoded images and other columns of parquet files that share one schema.

    Args:
        paths: Files, in row order.
        column: Column of the images: a struct with a field `bytes` (as `datasets` writes it), or binary.
        open_file: Opens a path that is not on this machine as a binary file; None for local ones.

    Raises:
        DataError: A file is not parquet, the schemas differ, the image column is missing, or a row group is
            too large to be held in memory.
    """

    def __init__(
        self, paths: Sequence[Path], column: str = "image", open_file: FileOpener | None = None
    ) -> None:
        self._paths = tuple(paths)
        self._open_file = open_file
        # Before the files are opened. Remote ones are of one commit, which never changes.
        self._signs = [None if open_file is not None else _read_signs(path) for path in paths]
        self._files = [_open_parquet(path, open_file) for path in paths]
        self._column = column
        self._groups = self._list_groups()
        self._starts = [0, *accumulate(group.num_rows for group in self._groups)]
        self._kept: OrderedDict[int, pa.ChunkedArray] = OrderedDict()
        self._lock = threading.Lock()
        self._leaf = self._find_image_leaf()

    def __getstate__(self) -> _Sent:
        """What another process on this machine opens the files by.

        Raises:
            TypeError: They are open over the network.
        """
        if self._open_file is not None:
            raise TypeError("files that are open over the network cannot be sent to another process")
        return _Sent(self._paths, self._column, self._signs)

    def __setstate__(self, sent: _Sent) -> None:
        ParquetImages.__init__(self, sent.paths, sent.column)
        # A file that was exchanged meanwhile is not the one that was hashed; its first read says so.
        self._signs = [
            now if now == before else now and (0, 0, now[-1])
            for before, now in zip(sent.signs, self._signs, strict=True)
        ]

    def __len__(self) -> int:
        return self._starts[-1]

    @property
    def schema(self) -> pa.Schema:
        """The schema all files share, with the metadata of the first."""
        return self._files[0].schema_arrow

    @property
    def num_rows_by_file(self) -> tuple[int, ...]:
        """Number of rows of each file, in order."""
        return tuple(file.metadata.num_rows for file in self._files)

    def read_image(self, row: int) -> bytes:
        """Encoded bytes of one image.

        Raises:
            DataError: The row has no bytes or its row group cannot be read.
        """
        # bisect_right steps over row groups without rows, which start where the next one does.
        number = bisect_right(self._starts, row) - 1
        value = self._load_group(number)[row - self._starts[number]].as_py()
        if value is None:
            raise DataError("no image bytes in this row")
        return bytes(value)

    def read_column(self, name: str) -> list[object]:
        """All values of a column, in row order.

        Raises:
            DataError: There is no such column, or it cannot be read.
        """
        import pyarrow as pa

        if name == self._column:
            raise DataError(
                f"'{self._paths[0]}' has no column '{name}' but the images. Columns: {self._list_columns()}."
            )
        self._validate_column(name)
        values: list[object] = []
        for path, file in zip(self._paths, self._files, strict=True):
            try:
                # ParquetFile does not promise to be safe to read from two threads.
                with self._lock:
                    column = file.read(columns=[name])[name]
                _validate_length(len(column), file.metadata.num_rows)
                values += column.to_pylist()
            except (pa.ArrowException, OSError, ValueError, KeyError) as error:
                raise DataError(f"Column '{name}' of '{path}' cannot be read: {error}") from error
        return values

    def _validate_column(self, name: str) -> None:
        # Parquet allows one name for several columns, and pyarrow then finds none by it.
        found = self.schema.names.count(name)
        if found == 1:
            return
        what = "image column" if name == self._column else "column"
        amount = f"no {what} '{name}'" if not found else f"{found} columns '{name}'; one is needed"
        raise DataError(f"'{self._paths[0]}' has {amount}. Columns: {self._list_columns()}.")

    def _list_columns(self) -> str:
        return shorten(", ".join(name for name in self.schema.names if name != self._column))

    def _list_groups(self) -> list[_RowGroup]:
        groups = []
        for number, (path, file) in enumerate(zip(self._paths, self._files, strict=True)):
            # Metadata names the writer and its version, which may differ from file to file; only columns must
            # agree.
            if not file.schema_arrow.equals(self.schema, check_metadata=False):
                raise DataError(f"'{path}' has other columns than '{self._paths[0].name}' beside it.")
            for group in range(file.metadata.num_row_groups):
                facts = file.metadata.row_group(group)
                if facts.total_byte_size > _MAX_GROUP_BYTES:
                    raise DataError(f"Row group {group} of '{path}' claims {facts.total_byte_size} bytes.")
                groups.append(_RowGroup(number, group, facts.num_rows))
            counts = [group.num_rows for group in groups if group.file == number]
            if min(counts, default=0) < 0 or sum(counts) != file.metadata.num_rows:
                raise DataError(f"'{path}' is damaged: its footer contradicts itself on the number of rows.")
        return groups

    def _find_image_leaf(self) -> str:
        import pyarrow as pa

        self._validate_column(self._column)
        kind = self.schema.field(self._column).type
        if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            if _is_binary(kind.field("bytes").type):
                return f"{self._column}.bytes"
        elif _is_binary(kind):
            return self._column
        raise DataError(f"Column '{self._column}' of '{self._paths[0]}' holds {kind}, not encoded images.")

    def _load_group(self, number: int) -> pa.ChunkedArray:
        # One lock for the read as well: neighbouring rows are requested at once, and one read serves all.
        with self._lock:
            if number in self._kept:
                self._kept.move_to_end(number)
                return self._kept[number]
            column = self._read_group(self._groups[number])
            self._kept[number] = column
            if len(self._kept) > _GROUPS_KEPT:
                self._kept.popitem(last=False)
            return column

    def _read_group(self, group: _RowGroup) -> pa.ChunkedArray:
        import pyarrow as pa

        self._validate_unchanged(group.file)
        try:
            table = self._files[group.file].read_row_group(group.group, columns=[self._leaf])
            column = table.column(self._column)
            _validate_length(len(column), group.num_rows)
            # Only one array has `field`, not the chunks in which pyarrow returns a column.
            return column if self._leaf == self._column else column.combine_chunks().field("bytes")
        except (pa.ArrowException, OSError, ValueError, KeyError) as error:
            raise DataError(f"'{self._paths[group.file]}' is damaged: {error}") from error

    def _validate_unchanged(self, file: int) -> None:
        before, now = self._signs[file], _read_signs(self._paths[file])
        if before is None or now is None or now == before:
            return
        # A file put in this one's place has another number; the open one is still what was hashed.
        if now[-1] == before[-1]:
            raise DataError(f"'{self._paths[file]}' was written over since it was opened")


def _read_signs(path: Path) -> tuple[int, int, int] | None:
    try:
        return read_content_signs(path.stat())
    except OSError:
        # A file that is gone is still open; one that never was is named when it is opened.
        return None


def _open_parquet(path: Path, open_file: FileOpener | None) -> pa.parquet.ParquetFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path if open_file is None else open_file(path))
    except FileNotFoundError as error:
        raise DataError(f"There is no file '{path}'.") from error
    except (pa.ArrowException, OSError, ValueError) as error:
        problem = find_stand_in(path) or error
        raise DataError(f"'{path}' is not a parquet file: {problem}") from error


def _validate_length(found: int, stated: int) -> None:
    # The pages of a column and the footer state their rows apart; damage in one is no error to pyarrow.
    if found != stated:
        raise ValueError(f"{found} values in place of {stated}")


def _is_binary(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
