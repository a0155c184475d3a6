"""Images in parquet tables, and in shards of webdataset: `<key>.jpg` with its class in `<key>.cls`.

Tables are read once in their order and kept beside, so that any order can follow.
"""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imagenet_g.benchmark.errors import DataError, InputError, shorten
from imagenet_g.benchmark.images.archives import (
    Member,
    choose_sample_members,
    read_member,
    split_sample_name,
)
from imagenet_g.benchmark.images.containers import list_parquet_rows
from imagenet_g.benchmark.images.file_names import OtherFiles
from imagenet_g.benchmark.storage import translate_storage_errors
from imagenet_g.generation.adopting.label_files import LABEL_COLUMNS, Columns
from imagenet_g.generation.adopting.listing import Listing
from imagenet_g.generation.adopting.strengths import take_strengths

if TYPE_CHECKING:
    import pyarrow as pa

IMAGE_COLUMNS = ("image", "img", "jpg", "png", "webp")
_MORE_LABELS = ("labels", "cls", "fine_label", "y")


def list_tables(root: Path, names: Sequence[str], columns: Columns) -> Listing:
    """The rows of parquet files that share their columns.

    Args:
        root: Folder that the names are relative to.
        names: The files, in order.
        columns: Which columns hold the image (`file`) and its class (`label`).

    Raises:
        DataError: A file is damaged, or a row has no class.
        InputError: A column cannot be found, or an image has several classes.
    """
    schema = _read_schema(root / names[0])
    found = list_parquet_rows(
        root,
        names,
        image_column=find_image_column(schema, columns.file),
        label_column=find_label_column(schema, columns.label),
    )
    if several := [
        name for name, labels in zip(found.image_ids, found.labels, strict=True) if len(labels) > 1
    ]:
        raise InputError(f"Row '{several[0]}' has several classes; a release needs one an image.")
    spool = Spool(found.images.read_image)
    tokens = tuple(labels[0] for labels in found.labels)
    listing = Listing(found.image_ids, tokens, spool.read, "parquet")
    return take_strengths(listing, schema.names, found.images.read_column)


def find_image_column(schema: pa.Schema, wanted: str | None) -> str:
    """The column of encoded images.

    Raises:
        InputError: No column holds images, or several do and none has a usual name.
    """
    if wanted is not None:
        return wanted
    found = [field.name for field in schema if _holds_bytes(field.type)]
    usual = [name for name in IMAGE_COLUMNS if name in found]
    if len(found) == 1 or usual:
        return usual[0] if usual else str(found[0])
    raise InputError(f"Which column holds the images? Name it with --file-column. {_list_columns(schema)}")


def find_label_column(schema: pa.Schema, wanted: str | None) -> str:
    """The column of classes.

    Raises:
        InputError: None has a usual name.
    """
    if wanted is not None:
        return wanted
    for name in (*LABEL_COLUMNS, *_MORE_LABELS):
        if name in schema.names:
            return name
    raise InputError(f"Which column holds the classes? Name it with --label-column. {_list_columns(schema)}")


class Shard(NamedTuple):
    """An archive that was listed.

    Attributes:
        name: Of the file, without its ending.
        members: Its files, under the names that they have inside.
    """

    name: str
    members: Sequence[Member]


def has_samples(shards: Iterable[Shard]) -> bool:
    """Whether there is a class file among the files of archives."""
    return any(split_sample_name(member.name)[1] == "cls" for shard in shards for member in shard.members)


def list_samples(shards: Sequence[Shard]) -> Listing:
    """The images of shards, each shard's keys for themselves: many writers begin at 0 in every shard.

    Raises:
        DataError: An image has no class, or a class no image.
    """
    names, tokens, members, others = [], [], [], []
    for shard in shards:
        chosen = choose_sample_members(shard.members)
        others.append(chosen.left_out)
        for key, token, member in chosen.images:
            names.append(f"{shard.name}/{key}")
            tokens.append(token)
            members.append(member)
    return Listing(
        names=tuple(names),
        tokens=tuple(tokens),
        read=lambda row: read_member(members[row]),
        layout="webdataset",
        left_out=add_others(others),
    )


def add_others(parts: Sequence[OtherFiles]) -> OtherFiles:
    """Counts of several places together.

    Example:
        >>> one = OtherFiles((("text file", 1, "a.cap"),))
        >>> add_others([one, one]).kinds
        (('text file', 2, 'a.cap'),)
    """
    counts: dict[str, tuple[int, str]] = {}
    for part in parts:
        for kind, count, name in part.kinds:
            before = counts.get(kind, (0, name))
            counts[kind] = (before[0] + count, before[1])
    return OtherFiles(tuple((kind, count, name) for kind, (count, name) in counts.items()))


class Spool:
    """Reads rows, and keeps what was read in a file without a name, so that it can be read in any order.

    A row group of parquet is read whole. In another order than the file's, nearly every image would read one.

    Args:
        read: Gives the bytes of a row.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._file, path = tempfile.mkstemp(prefix="imagenet-g-")
        # Without a name the file is gone when it is closed, also after a crash.
        Path(path).unlink()
        weakref.finalize(self, os.close, self._file)
        self._places: dict[int, tuple[int, int]] = {}
        self._end = 0
        self._lock = threading.Lock()

    def read(self, row: int) -> bytes:
        """Encoded bytes of one image.

        Raises:
            DataError: The table cannot be read there.
            StorageError: There is no space to keep it.
        """
        place = self._places.get(row)
        if place is not None:
            return os.pread(self._file, place[1], place[0])
        data = self._read(row)
        # For the place alone: writes to different places may go on side by side.
        with self._lock:
            start, self._end = self._end, self._end + len(data)
        with translate_storage_errors(Path(tempfile.gettempdir())):
            written = 0
            # The system may write less than it is given.
            while written < len(data):
                written += os.pwrite(self._file, data[written:], start + written)
        self._places[row] = (start, len(data))
        return data


def _read_schema(path: Path) -> pa.Schema:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_schema(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"'{path}' is not a parquet file: {error}") from error


def _holds_bytes(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        # `datasets` stores an image as a struct of its bytes and its path.
        return bool(kind.get_field_index("bytes") >= 0)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _list_columns(schema: pa.Schema) -> str:
    return f"Columns: {shorten(', '.join(schema.names))}."
