"""Finished stretches of rows of a run that may be interrupted, one parquet file each."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.errors import StorageError
from imagenet_g.benchmark.predictions.predictions import Predictions, make_table, parse_table
from imagenet_g.benchmark.storage import replace_file

_KEY = b"imagenet_g_key"
_PART_NAME = re.compile(r"(\d{8})-(\d{8})\.parquet")


@dataclass(frozen=True, slots=True)
class PartStore:
    """Finished stretches of rows, kept until the whole split is done.

    Attributes:
        folder: Where they lie.
        key: Key of the predictions they belong to; each part carries it, and one with another key is ignored.
    """

    folder: Path
    key: str = ""

    def load_parts(self) -> list[Predictions]:
        """Parts from row 0 on without a hole; anything behind a hole or damaged is ignored."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        parts: list[Predictions] = []
        expected = 0
        for start, stop, path in self._list_parts():
            # A run with another batch size leaves parts that overlap these; only an unbroken stretch counts.
            if start != expected:
                break
            try:
                table = pq.read_table(path)
                part = parse_table(table)
            except (pa.ArrowException, OSError, KeyError, TypeError, ValueError):
                break
            # The folder is named by the key, and a user can rename or copy it.
            foreign = (table.schema.metadata or {}).get(_KEY) != self.key.encode()
            # A part of an earlier release lacks the sums, and the joined rows would lack them all.
            if len(part) != stop - start or foreign or part.top5.sums is None:
                break
            parts.append(part)
            expected = stop
        return parts

    def write_part(self, start: int, part: Predictions) -> None:
        """Keep rows `start .. start + len(part)`."""
        import pyarrow.parquet as pq

        path = self.folder / f"{start:08d}-{start + len(part):08d}.parquet"
        for attempt in (1, 2):
            try:
                with replace_file(path) as temporary:
                    table = make_table(part).replace_schema_metadata({_KEY: self.key})
                    pq.write_table(table, temporary, compression="zstd")
                return
            except StorageError:
                # Another run of the same may have finished and removed this folder meanwhile.
                if attempt == 2:
                    raise

    def _list_parts(self) -> list[tuple[int, int, Path]]:
        matches = [(_PART_NAME.fullmatch(path.name), path) for path in self.folder.glob("*.parquet")]
        return sorted((int(match[1]), int(match[2]), path) for match, path in matches if match)

    def clear(self) -> None:
        """Drop all parts, when the whole is kept elsewhere."""
        shutil.rmtree(self.folder, ignore_errors=True)
