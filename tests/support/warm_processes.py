"""Processes that start at once: forked off one that has imported the large libraries and done nothing else.

A process that tests start spends most of its time on imports. These begin with them, and yet as one that is
started anew: without the threads, the signal handlers and the modules of the tests, and before the Hub's
client reads its settings, because nothing that imports it is among them.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerContext

LIBRARIES = ["numpy", "pandas", "PIL.Image", "pyarrow.parquet", "pydantic", "scipy.stats", "torch"]


def get_warm_context() -> ForkServerContext:
    """The context whose processes are forked off the warm one; it is started with the first of them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)
    return context
