"""Leases: small files by which processes on one folder agree on who does what, without a server.

A lease is created with O_EXCL, which one of several processes wins, on local disks and over NFS 3 and later.
Its owner touches it again and again. A lease whose owner is a dead process of this machine ends at once, one
of another machine when it was not touched for `seconds`.

Leases save work and carry no promise. A process that was stopped for longer than that may do a part which
another one does as well: both write the same bytes, each under a temporary name that is then renamed.
"""

from __future__ import annotations

import contextlib
import os
import platform
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field, ValidationError

from imagenet_g.benchmark.environment import format_now
from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.storage import is_process_here, name_machine, translate_storage_errors

DEFAULT_SECONDS = 120.0
"""Twice as long as an NFS client may keep the times of a file in memory (`acregmax`, 60 s)."""
BEATS = 6
"""How often a lease is touched within its time: one beat may be late without harm."""
POLL_SECONDS = 2.0
_SHORTEST_POLL, _POLL_SHARE = 0.02, 0.05


class LeaseRecord(FileModel):
    """What is in a lease's file."""

    owner: str
    """Unlike any other owner's, also where two processes have one number."""
    host: str
    machine: str
    process: int = Field(ge=1)
    since_utc: str
    since_ns: int = Field(ge=0)
    """By the clock of that machine."""
    purpose: str = ""
    """What the owner builds; see `builders`."""

    def format_owner(self) -> str:
        """Host and process, for messages."""
        return f"{self.host} (process {self.process})"


@dataclass(slots=True)
class Lease:
    """A lease that this process holds until it is released."""

    path: Path
    book: LeaseBook

    def release(self) -> None:
        """Give it back, unless another process has taken it over."""
        self.book.drop(self)


@dataclass(slots=True)
class _Sighting:
    """A foreign lease as it was last seen to change."""

    touched_ns: int
    at: float = field(default_factory=time.monotonic)


class LeaseBook:
    """The leases of one process in one folder, touched by a thread while any is held.

    Args:
        folder: Where the files are.
        seconds: How long a lease of another machine lasts after its owner's last touch.
    """

    def __init__(self, folder: Path, *, seconds: float = DEFAULT_SECONDS) -> None:
        self._folder, self._seconds = folder, seconds
        self._owner = uuid.uuid4().hex
        self._held: dict[Path, Lease] = {}
        self._seen: dict[Path, _Sighting] = {}
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    def acquire(self, name: str, *, purpose: str = "") -> Lease | None:
        """A lease of that name; None while another process has it.

        Raises:
            StorageError: The folder cannot be written.
        """
        path = self._folder / name
        record = LeaseRecord(
            owner=self._owner, host=platform.node() or "unknown", machine=name_machine(),
            process=os.getpid(), since_utc=format_now(),
            since_ns=time.time_ns(), purpose=purpose,
        )  # fmt: skip
        with translate_storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # The second attempt is for a lease whose owner turned out to be gone.
            for _ in range(2):
                # Before the file: Ctrl-C in between must not leave one that nobody gives back.
                lease = self._hold(Lease(path, self))
                try:
                    with path.open("x", encoding="utf-8") as file:
                        file.write(record.model_dump_json() + "\n")
                except FileExistsError:
                    with self._lock:
                        del self._held[path]
                    if not self.end_stale(name):
                        return None
                else:
                    return lease
        return None

    @contextlib.contextmanager
    def hold(self, name: str) -> Iterator[bool]:
        """Wait for a lease and hold it; gives whether there was a wait."""
        waited, started = False, time.monotonic()
        while (lease := self.acquire(name)) is None:
            waited = True
            self.pause(started)
        try:
            yield waited
        finally:
            lease.release()

    def pause(self, started: float) -> None:
        """Sleep before the next look at what another process does: the shorter, the less was waited.

        Args:
            started: When the waiting began, by `time.monotonic`.
        """
        time.sleep(min(choose_pause(time.monotonic() - started), self._seconds / BEATS))

    def is_mine(self, name: str) -> bool:
        """Whether this process holds the lease of that name."""
        return self._folder / name in self._held

    def load(self, name: str) -> LeaseRecord | None:
        """What a lease says; None without one, or where it is being written."""
        with contextlib.suppress(OSError, ValidationError):
            return LeaseRecord.model_validate_json((self._folder / name).read_bytes())
        return None

    def list_names(self, below: str) -> list[str]:
        """Names of the leases in a subfolder."""
        with contextlib.suppress(OSError):
            return sorted(f"{below}/{entry.name}" for entry in os.scandir(self._folder / below))
        return []

    def end_stale(self, name: str) -> bool:
        """Remove a lease whose owner is gone; gives whether the name is free now."""
        path = self._folder / name
        try:
            touched_ns = path.stat().st_mtime_ns
        except OSError:
            return True
        record = self.load(name)
        if path in self._held or not self._is_stale(path, record, touched_ns):
            return False
        return self._take_away(path, None if record is None else record.owner)

    def drop(self, lease: Lease) -> None:
        """Remove a lease of this process, if it is still its own."""
        with self._lock:
            self._held.pop(lease.path, None)
        with contextlib.suppress(OSError):
            # An empty one is of this process too, interrupted before it could write its name.
            if self._is_own(lease) or not lease.path.stat().st_size:
                lease.path.unlink()

    def close(self) -> None:
        """Give back whatever is held, and end the thread."""
        self._ended.set()
        for lease in list(self._held.values()):
            self.drop(lease)
        if self._thread is not None:
            self._thread.join()

    def _hold(self, lease: Lease) -> Lease:
        with self._lock:
            self._held[lease.path] = lease
            if self._thread is None:
                self._thread = threading.Thread(target=self._beat, name="leases", daemon=True)
                self._thread.start()
        return lease

    def _beat(self) -> None:
        while not self._ended.wait(self._seconds / BEATS):
            for lease in list(self._held.values()):
                # Another's, after this process was stopped for long: not to be touched any more.
                with contextlib.suppress(OSError):
                    if self._is_own(lease):
                        os.utime(lease.path)

    def _is_own(self, lease: Lease) -> bool:
        # By its contents: a file system gives the number of a removed file to the next one.
        found = self.load(lease.path.relative_to(self._folder).as_posix())
        return found is not None and found.owner == self._owner

    def _is_stale(self, path: Path, record: LeaseRecord | None, touched_ns: int) -> bool:
        if record is not None and record.machine == name_machine() and not is_process_here(record.process):
            return True
        seen = self._seen.get(path)
        if seen is None or seen.touched_ns != touched_ns:
            seen = self._seen[path] = _Sighting(touched_ns)
        # By the clock that stamps files, which all machines share, and by how long nothing was seen to
        # happen: the first fails where clocks differ, the second takes its time.
        age = (self._read_clock(path.parent) - touched_ns) / 1e9
        return age > self._seconds or time.monotonic() - seen.at > self._seconds

    def _read_clock(self, folder: Path) -> int:
        """Now in ns, as the file system has it."""
        probe = folder / f".clock-{self._owner}"
        try:
            probe.touch()
            return probe.stat().st_mtime_ns
        except OSError:
            return time.time_ns()
        finally:
            probe.unlink(missing_ok=True)

    def _take_away(self, path: Path, owner: str | None) -> bool:
        """Remove a stale lease; not one that another process has renewed or taken over meanwhile."""
        # Renamed first: of several processes that find it stale one has it.
        aside = path.with_name(f".{path.name}-{self._owner}")
        try:
            path.rename(aside)
        except OSError:
            return True
        with contextlib.suppress(OSError, ValidationError):
            found = LeaseRecord.model_validate_json(aside.read_bytes()).owner
            if found != owner:
                with contextlib.suppress(OSError):
                    os.link(aside, path)
                aside.unlink(missing_ok=True)
                return False
        aside.unlink(missing_ok=True)
        return True


def choose_pause(waited: float) -> float:
    """Seconds to sleep before the next look, after so many of waiting: a twentieth, within limits.

    Example:
        >>> choose_pause(0.0), choose_pause(10.0), choose_pause(3600.0)
        (0.02, 0.5, 2.0)
    """
    return min(max(_SHORTEST_POLL, _POLL_SHARE * waited), POLL_SECONDS)
