"""Leases between two books, which stand for two processes, and between real ones."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.storage import name_machine
from imagenet_g.generation.sharing import builders
from imagenet_g.generation.sharing.builders import join_builders
from imagenet_g.generation.sharing.leases import LeaseBook

Open = Callable[..., LeaseBook]
HOUR_NS = 3600 * 10**9


@pytest.fixture
def open_book(tmp_path: Path) -> Iterator[Open]:
    """Opens books on one folder, closed at the end."""
    with ExitStack() as stack:

        def open_one(seconds: float = 60.0) -> LeaseBook:
            book = LeaseBook(tmp_path, seconds=seconds)
            stack.callback(book.close)
            return book

        yield open_one


def move_to_another_machine(path: Path) -> None:
    """A lease as another machine would have written it, whose processes cannot be asked."""
    path.write_text(path.read_text().replace(name_machine(), "ffffff"))


def die_holding(folder: Path, name: str) -> None:
    """Take a lease in a process that ends without giving it back, as after `kill -9`."""
    child = os.fork()
    if child == 0:
        LeaseBook(folder).acquire(name)
        os._exit(0)
    os.waitpid(child, 0)
    assert (folder / name).exists()


def test_one_of_two_has_a_lease_until_it_gives_it_back(open_book: Open) -> None:
    """The other one then may have it."""
    first, second = open_book(), open_book()
    held = first.acquire("shards/1")
    assert held is not None and second.acquire("shards/1") is None
    held.release()
    assert second.acquire("shards/1") is not None


def test_of_many_processes_at_once_one_has_the_lease(tmp_path: Path) -> None:
    """Eight forked ones try together, each holding what it gets until all have tried."""
    results, held = os.pipe(), os.pipe()
    children = []
    for _ in range(8):
        if (child := os.fork()) == 0:
            os.close(held[1])
            won = LeaseBook(tmp_path).acquire("one") is not None
            os.write(results[1], b"1" if won else b"0")
            # Until the parent closes its end: the lease of a process that has ended is free.
            os.read(held[0], 1)
            os._exit(0)
        children.append(child)
    found = b""
    while len(found) < len(children):
        found += os.read(results[0], 8)
    for end in (*held, *results):
        os.close(end)
    for child in children:
        os.waitpid(child, 0)
    assert found.count(b"1") == 1


def test_the_lease_of_a_dead_process_of_this_machine_is_free_at_once(open_book: Open, tmp_path: Path) -> None:
    """Without waiting for its time to pass."""
    die_holding(tmp_path, "shard")
    assert open_book(seconds=3600).acquire("shard") is not None


def test_a_lease_of_another_machine_is_free_when_it_was_not_touched_for_its_time(
    open_book: Open, tmp_path: Path
) -> None:
    """By the clock that stamps files."""
    die_holding(tmp_path, "shard")
    move_to_another_machine(tmp_path / "shard")
    book = open_book(seconds=60)
    assert book.acquire("shard") is None
    long_ago = time.time_ns() - HOUR_NS
    os.utime(tmp_path / "shard", ns=(long_ago, long_ago))
    assert book.acquire("shard") is not None


def test_a_lease_is_free_when_nothing_happens_to_it_though_clocks_differ(
    open_book: Open, tmp_path: Path
) -> None:
    """One that was stamped by a clock an hour ahead."""
    die_holding(tmp_path, "shard")
    move_to_another_machine(tmp_path / "shard")
    ahead = time.time_ns() + HOUR_NS
    os.utime(tmp_path / "shard", ns=(ahead, ahead))
    book = open_book(seconds=0.2)
    assert book.acquire("shard") is None
    time.sleep(0.3)
    assert book.acquire("shard") is not None


def test_a_lease_that_is_held_is_touched_and_outlives_its_time(open_book: Open, tmp_path: Path) -> None:
    """Also where another machine holds it."""
    owner, other = open_book(seconds=0.6), open_book(seconds=0.6)
    assert owner.acquire("shard") is not None
    move_to_another_machine(tmp_path / "shard")
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        assert not other.end_stale("shard")
        time.sleep(0.1)


def test_an_owner_that_was_stopped_leaves_the_lease_to_the_one_who_took_it_over(
    open_book: Open, tmp_path: Path
) -> None:
    """It neither keeps the other's lease alive nor removes it."""
    stopped, other = open_book(seconds=60), open_book(seconds=60)
    old = stopped.acquire("shard")
    assert old is not None
    move_to_another_machine(tmp_path / "shard")
    os.utime(tmp_path / "shard", ns=(0, 0))
    assert other.acquire("shard") is not None
    old.release()
    assert (tmp_path / "shard").exists() and stopped.acquire("shard") is None


def test_closing_gives_everything_back(open_book: Open, tmp_path: Path) -> None:
    """No file is left."""
    book = open_book()
    for name in ("a", "b/c"):
        assert book.acquire(name) is not None
    book.close()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_those_who_build_the_same_see_one_another(open_book: Open, tmp_path: Path) -> None:
    """And nobody once they are done."""
    first, second = open_book(), open_book()
    with join_builders(first, tmp_path, "same") as alone, join_builders(second, tmp_path, "same") as others:
        assert alone == ()
        assert [other.process for other in others] == [os.getpid()]
    assert builders.list_builders(first) == []


def test_the_later_one_of_two_that_build_different_things_is_refused(open_book: Open, tmp_path: Path) -> None:
    """With who builds there; the earlier one goes on."""
    first, second = open_book(), open_book()
    with (
        join_builders(first, tmp_path, "one"),
        pytest.raises(InputError, match=rf"\(process {os.getpid()}\) builds something else in .*since 20"),
        join_builders(second, tmp_path, "another"),
    ):
        pass
    with join_builders(second, tmp_path, "another") as others:
        assert others == ()
