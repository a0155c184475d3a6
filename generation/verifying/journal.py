"""What a verification of every image has compared so far, so that a killed one goes on where it stopped.

It lies in the cache, under a hash of all that the comparison rests on: the manifest (and by it every file),
the split, and how and with what this machine renders. Another release or library begins anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from imagenet_g.benchmark.errors import StorageError
from imagenet_g.benchmark.identity import hash_file, hash_json
from imagenet_g.benchmark.splits.manifests import MANIFEST_NAME
from imagenet_g.generation.verifying.levels import ImageDifference, measure_difference

if TYPE_CHECKING:
    from imagenet_g.generation.releases.reading import Row
    from imagenet_g.generation.verifying.regeneration import RegenerationSettings

_BATCH = TypeAdapter(tuple[int, tuple[ImageDifference, ...]])


class RenderedBatches:
    """Differences of whole batches, one line a batch, appended as they are compared.

    Args:
        path: The file; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.done = {} if path is None else _load(path)

    def add(self, batch: int, differences: Sequence[ImageDifference]) -> None:
        """Keep one batch.

        Raises:
            StorageError: The disk is full or cannot be written.
        """
        if self._path is None:
            return
        line = json.dumps([batch, [asdict(one) for one in differences]])
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Closed after each line: what was compared before a kill is on its way to the disk.
            with self._path.open("a", encoding="utf-8") as stream:
                stream.write(f"{line}\n")
        except OSError as error:
            raise StorageError(f"'{self._path}' cannot be written: {error.strerror or error}.") from error

    def forget(self) -> None:
        """Remove the file: the next verification renders everything again."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def open_journal(
    settings: RegenerationSettings, release: Path, split: str, here: Mapping[str, str], *, keep: bool
) -> RenderedBatches:
    """The batches of a split that were compared before.

    Args:
        settings: Where and how it is rendered again.
        release: The release, whose manifest is hashed.
        split: The split.
        here: Versions, hardware and choices of this machine.
        keep: False for a run that renders too little to be resumed.
    """
    if settings.cache is None or not keep:
        return RenderedBatches(None)
    how = {**here, "batch_size": str(settings.batch_size), "sources": str(settings.sources)}
    key = hash_json([hash_file(release / MANIFEST_NAME), split, how])
    return RenderedBatches(settings.cache / "verified" / f"{key}.jsonl")


def _load(path: Path) -> dict[int, tuple[ImageDifference, ...]]:
    found = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    for line in lines:
        try:
            batch, differences = _BATCH.validate_json(line)
        # The last line of a process that was killed may be torn: its batch is rendered again.
        except ValidationError:
            continue
        found[batch] = differences
    return found


def compare_batches(
    made: Iterable[tuple[Row, Row]], journal: RenderedBatches
) -> Iterator[tuple[Row, Row, ImageDifference]]:
    """Released and remade rows with their difference; each batch is kept when it is whole.

    Args:
        made: Pairs of rows, batch by batch.
        journal: Takes the differences.
    """
    for batch, pairs in groupby(made, key=lambda pair: int(str(pair[0]["batch_id"]))):
        found = []
        for released, remade in pairs:
            found.append(measure_difference(released, remade))
            yield released, remade, found[-1]
        journal.add(batch, found)
