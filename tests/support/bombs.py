"""Submissions that would take a machine's memory: small files that become large, and files that lie."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from submission_cases import SEALED, STEM, Json, seal, write_case

from imagenet_g.benchmark.identity import hash_file
from imagenet_g.leaderboard.submissions.untrusted import MAX_ROW_GROUPS

_T = TypeVar("_T")
GOOD = SEALED / "mini" / STEM / "mini-renditions.parquet"
NUM_ROWS = 1244
"""Of the good file."""


def write_row_groups(path: Path) -> None:
    """Many row groups of one row."""
    table = pa.table({"image_id": pa.array([str(number) for number in range(MAX_ROW_GROUPS + 1)])})
    pq.write_table(table, path, row_group_size=1)


def write_columns(path: Path) -> None:
    """Many columns of known names, for class sets without number."""
    pq.write_table(pa.table({f"top5_index@{number}": pa.array([1]) for number in range(300)}), path)


def write_deep(path: Path) -> None:
    """Lists within lists."""
    values: object = 1
    for _ in range(60):
        values = [values]
    pq.write_table(pa.table({"top5_index": pa.array([values])}), path)


def write_zip(path: Path) -> None:
    """An archive with the file in it, under the file's name."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(GOOD, "mini-renditions.parquet")


def write_lie(path: Path) -> None:
    """A footer that begins elsewhere than it says."""
    data = bytearray(GOOD.read_bytes())
    data[-8:-4] = (2**31 - 1).to_bytes(4, "little")
    path.write_bytes(data)


def write_shared_text(path: Path) -> None:
    """One text of 4 MB that every row refers to: a file of some KB, gigabytes where each row has a copy."""
    column = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(NUM_ROWS, np.int32)), pa.array(["x" * 4_000_000])
    )
    table = pq.read_table(GOOD)
    place = table.schema.get_field_index("error")
    changed = table.set_column(place, "error", column) if place >= 0 else table.append_column("error", column)
    pq.write_table(changed, path, compression="zstd")


def write_unused_texts(path: Path) -> None:
    """A dictionary of 190 MB of which no row uses more than one text."""
    texts = pa.array([f"{number:0>1900}" for number in range(100_000)])
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(NUM_ROWS, np.int32)), texts)
    pq.write_table(pa.table({"image_id": column}), path, compression="zstd")


def write_long_lists(path: Path) -> None:
    """Lists of 60 where five belong, all of one value."""
    lists = pa.array([[7] * 60] * NUM_ROWS, pa.list_(pa.int16()))
    table = pq.read_table(GOOD)
    place = table.schema.get_field_index("top5_index")
    pq.write_table(table.set_column(place, "top5_index", lists), path, compression="zstd")


def write_one_long_list(path: Path) -> None:
    """Sixty million equal values in one row: some KB of file."""
    values = pa.array(np.zeros(60_000_000, np.int16))
    table = pa.table({"top5_index": pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)})
    pq.write_table(table, path, compression="zstd")


PARQUET_BOMBS: dict[str, Callable[[Path], None]] = {
    "row groups": write_row_groups,
    "columns": write_columns,
    "lists in lists": write_deep,
    "an archive": write_zip,
    "a false footer": write_lie,
    "one text for all rows": write_shared_text,
    "unused texts": write_unused_texts,
    "long lists": write_long_lists,
    "one long list": write_one_long_list,
}


def make_wide(content: Json) -> None:
    """As many entries as five megabytes hold."""
    content["result"]["entries"] = [{} for _ in range(1_200_000)]


def make_many_keys(content: Json) -> None:
    """Keys that no schema has."""
    content.update({f"k{number}": 0 for number in range(300_000)})


def make_long_number(content: Json) -> None:
    """A number of four thousand digits."""
    content["result"]["model"]["num_parameters"] = 10**4000


def make_huge_number(content: Json) -> None:
    """More parameters than a float can count."""
    content["result"]["model"]["num_parameters"] = 10**30


def make_long_text(content: Json) -> None:
    """A note of four megabytes."""
    content["statement"]["notes"] = "n" * 4_000_000


def make_many_authors(content: Json) -> None:
    """A million authors."""
    content["statement"]["authors"] = ["a"] * 1_000_000


JSON_BOMBS: dict[str, Callable[[Json], None]] = {
    "empty entries": make_wide,
    "unknown keys": make_many_keys,
    "a long number": make_long_number,
    "a huge number": make_huge_number,
    "a long note": make_long_text,
    "many authors": make_many_authors,
}
RAW_BOMBS = {
    "brackets": b"[" * 5_000_000,
    "a text without end": b'"' + b"a" * 4_999_999,
    "over the limit": b" " * 6_000_000,
}


HONEST = "none: an honest file"


def write_bombs(folder: Path, *, only: str | None = None) -> dict[str, Path]:
    """All of them, or one, as submissions by name; hashes and seals fit where the file allows it."""
    found = {HONEST: write_case(folder / "honest")} if only is None else {}
    for name, write in _choose(PARQUET_BOMBS, only).items():
        path = write_case(folder / name)
        file = path.with_suffix("") / "mini-renditions.parquet"
        write(file)
        content = json.loads(path.read_text())
        content["result"]["entries"][0]["predictions"]["sha256"] = hash_file(file)
        path.write_text(json.dumps(seal(content)))
        found[name] = path
    for name, change in _choose(JSON_BOMBS, only).items():
        found[name] = write_case(folder / name, change)
    for name, data in _choose(RAW_BOMBS, only).items():
        found[name] = write_case(folder / name)
        found[name].write_bytes(data)
    return found


def _choose(bombs: dict[str, _T], only: str | None) -> dict[str, _T]:
    return {name: bomb for name, bomb in bombs.items() if only in (None, name)}
