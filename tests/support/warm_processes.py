"""Processes that start at once: forked off one that has imported what is large and done nothing else.

A process that tests start spends most of its time on imports. These begin with them, and yet as one that is
started anew: without the threads, the signal handlers and the modules of the tests, and before the Hub's
client reads its settings, because nothing that imports it is among them.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerContext

LIBRARIES = [
    "numpy", "pandas", "PIL.Image", "pyarrow.parquet", "pydantic", "scipy.stats", "torch", "torchvision",
    "mlcroissant", "rich.progress", "filelock", "fsspec", "httpx2", "multiprocess", "xxhash",
]  # fmt: skip
PACKAGE = [
    "imagenet_g.benchmark.cli", "imagenet_g.benchmark.commands.download",
    "imagenet_g.benchmark.commands.evaluate", "imagenet_g.benchmark.evaluation.evaluate",
    "imagenet_g.benchmark.inference.passes", "imagenet_g.generation.commands.publish",
    "imagenet_g.generation.releases.publish",
]  # fmt: skip
"""Modules of this package that take a second to import; they import the Hub's client only when they run."""


def get_warm_context() -> ForkServerContext:
    """The context whose processes are forked off the warm one; it is started with the first of them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*LIBRARIES, *PACKAGE])
    return context
