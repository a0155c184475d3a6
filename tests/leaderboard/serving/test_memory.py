"""Memory that a server no longer uses goes back to the machine."""

from __future__ import annotations

import subprocess
import sys
from threading import Event, active_count

import pytest

from imagenet_g.leaderboard.serving import memory
from imagenet_g.leaderboard.serving.memory import keep_memory_low

MAPPED = """
import ctypes, sys
from imagenet_g.leaderboard.serving.memory import limit_arenas

class Info(ctypes.Structure):
    # As in malloc.h: `hblkhd` counts the bytes of pieces that are mapped one by one.
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    )]

library = ctypes.CDLL(None)
library.mallinfo2.restype = Info
library.malloc.restype = ctypes.c_void_p
library.free.argtypes = [ctypes.c_void_p]
if sys.argv[1] == "limited":
    limit_arenas()
library.free(library.malloc(8_000_000))
before = library.mallinfo2().hblkhd
place = library.malloc(1_000_000)
during = library.mallinfo2().hblkhd
library.free(place)
print(during - before >= 1_000_000, library.mallinfo2().hblkhd - before)
"""
"""Behind a large piece that was freed, glibc puts smaller ones into the heap, unless it is told not to."""


@pytest.mark.skipif(memory.load_allocator() is None, reason="another C library than glibc")
@pytest.mark.parametrize(("limits", "mapped"), [("limited", True), ("none", False)])
def test_a_large_piece_is_mapped_and_unmapped_although_a_larger_one_was_freed(
    limits: str, *, mapped: bool
) -> None:
    """As glibc itself counts; without the limit it lies in the heap, where pieces of others keep it."""
    words = [sys.executable, "-c", MAPPED, limits]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(mapped), "0"]


def test_memory_is_given_back_again_and_again_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a thread that ends with the server."""
    twice, calls = Event(), []

    def count() -> None:
        calls.append(1)
        if len(calls) == 2:
            twice.set()

    monkeypatch.setattr(memory, "return_memory", count)
    monkeypatch.setattr(memory, "limit_arenas", lambda: None)
    threads = active_count()
    with keep_memory_low(seconds=0.001):
        assert twice.wait(20)
    assert active_count() == threads


def test_without_glibc_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """On other systems the server runs as before."""
    monkeypatch.setattr(sys, "platform", "darwin")
    assert memory.load_allocator() is None
    memory.limit_arenas()
    memory.return_memory()
