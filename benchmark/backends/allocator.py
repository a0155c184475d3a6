"""Memory that a network frees at each batch, kept for the next one.

glibc gives every large block back to the kernel as soon as it is freed, and the kernel clears it before it
hands it out again. A network frees and takes its activations at each batch: on two cores that was a third of
the time of a run.
"""

from __future__ import annotations

import ctypes
import platform
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
"""Names of the settings in `malloc.h`."""
_NEVER_TRIM = 2**31 - 1
_LARGE_BLOCK = 2**30


@cache
def keep_freed_memory() -> bool:
    """Let this process keep what it frees, until it ends; whether the system's library can.

    Example:
        >>> keep_freed_memory() == (platform.libc_ver()[0] == "glibc")
        True
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    # Some versions refuse so high a threshold; then no block at all is mapped apart.
    raised = libc.mallopt(_MMAP_THRESHOLD, _LARGE_BLOCK) or libc.mallopt(_MMAP_MAX, 0)
    return bool(libc.mallopt(_TRIM_THRESHOLD, _NEVER_TRIM) and raised)
