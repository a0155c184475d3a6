"""Who builds in a folder: each process leaves a lease of its own that says what it builds.

Processes that build the same share the shards. Two that build different things would undo each other's work:
scores under another text, a manifest with other views. The later one of them is refused.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.storage import name_machine
from imagenet_g.generation.sharing.leases import LeaseBook, LeaseRecord

FOLDER = "builders"


@contextmanager
def join_builders(book: LeaseBook, out: Path, purpose: str) -> Iterator[tuple[LeaseRecord, ...]]:
    """Take part in the building of a folder; gives the other processes that do.

    Args:
        book: The leases of the folder.
        out: The folder, for messages.
        purpose: Hash of all that decides the files of the release.

    Raises:
        InputError: Another process builds something else there.
        StorageError: The folder cannot be written.
    """
    name = f"{FOLDER}/{name_machine()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    mine = book.acquire(name, purpose=purpose)
    try:
        others = list_builders(book)
        own = book.load(name)
        strangers = [other for other in others if other.purpose != purpose and _goes_first(other, own)]
        if strangers:
            raise InputError(
                f"{strangers[0].format_owner()} builds something else in '{out}' since "
                f"{strangers[0].since_utc}: another spec, or other options of scores and failures. Wait for "
                "it, end it, or choose another --out."
            )
        yield tuple(other for other in others if other.purpose == purpose)
    finally:
        if mine is not None:
            mine.release()


def list_builders(book: LeaseBook) -> list[LeaseRecord]:
    """The other processes that build in the folder, without those that are gone."""
    names = [name for name in book.list_names(FOLDER) if "/." not in name and not book.is_mine(name)]
    found = [book.load(name) for name in names if not book.end_stale(name)]
    return [record for record in found if record is not None]


def _goes_first(other: LeaseRecord, own: LeaseRecord | None) -> bool:
    # Of two that begin in one moment both may see each other, and one should go on: the first by the clock.
    # Clocks of two machines may differ; there both give way rather than none.
    if own is None or other.machine != own.machine:
        return True
    return (other.since_ns, other.owner) < (own.since_ns, own.owner)
