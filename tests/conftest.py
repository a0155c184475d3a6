"""What every test stands on: no network, one thread pool, a cache of its own."""

from __future__ import annotations

import gc
import os
import signal

# Before any library reads them: tests must not reach for the Hub.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

# Scores that the user keeps are no part of a test.
os.environ["IMAGENET_G_SCORES"] = os.devnull

import torch
from hypothesis import settings

# Tiny models on many threads mostly wait for each other.
torch.set_num_threads(1)

# A shell that starts the tests in its background has Ctrl-C ignored, and what tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Timings on a busy machine say nothing; the same examples every time make a red run repeatable.
settings.register_profile("imagenet-g", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("imagenet-g")


def pytest_collection_finish() -> None:
    """Take what was imported out of the garbage collector's sight.

    That is most of a million objects which never die, and looking through them takes up to half a second;
    libraries ask for it at every call of theirs.
    """
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Put it back, so that libraries find all of their own when they look for leaks at the end."""
    gc.unfreeze()
