"""Memory that a server no longer uses, given back to the machine.

Each answer of a board is made of large texts that live for a moment. glibc's allocator keeps most of what
they leave, in pieces between smaller things that stay: the process grows although nothing in it does.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

TRIM_SECONDS = 30.0
"""Between two times that memory is given back. It takes milliseconds."""
MMAP_BYTES = 256 * 1024
"""Larger pieces are mapped one by one, and unmapped when they are freed. By itself glibc raises this bound to
the largest piece that was freed, up to 32 MB: then the pages of the board would lie between small things."""
NUM_ARENAS = 2
"""Parts of the heap. By itself glibc makes up to eight a core, and none takes what is free in another."""
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # Of malloc.h.


def load_allocator() -> ctypes.CDLL | None:
    """glibc, whose allocator Python's own stands on; None where there is another C library."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    # musl, which small images have, lacks both.
    return library if hasattr(library, "malloc_trim") and hasattr(library, "mallopt") else None


def limit_arenas() -> None:
    """Let the allocator keep little; to be called before a server starts its threads."""
    if (library := load_allocator()) is not None:
        library.mallopt(_M_MMAP_THRESHOLD, MMAP_BYTES)
        library.mallopt(_M_ARENA_MAX, NUM_ARENAS)


def return_memory() -> None:
    """Give whole pages back that hold nothing."""
    if (library := load_allocator()) is not None:
        # The call lets other threads of Python go on.
        library.malloc_trim(ctypes.c_size_t(0))


@contextmanager
def keep_memory_low(seconds: float = TRIM_SECONDS) -> Iterator[None]:
    """Within this, memory that is no longer used is given back from time to time."""
    limit_arenas()
    done = Event()
    thread = Thread(target=_trim_until, args=(done, seconds), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _trim_until(done: Event, seconds: float) -> None:
    while not done.wait(seconds):
        return_memory()
