"""diffusers and transformers without their warnings, logs and bars on the terminal."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache


@contextmanager
def ignore_library_warnings() -> Iterator[None]:
    """Hold back what libraries warn each other about; a user can do nothing about it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@cache
def silence_libraries() -> None:
    """Stop what diffusers and transformers log and draw on the terminal, once and for all."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    for library in (diffusers_logging, transformers_logging):
        library.set_verbosity_error()
        library.disable_progress_bar()
