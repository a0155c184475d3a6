"""Silence libraries whose failures are reported as one error."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_logs() -> Iterator[None]:
    """Silence the logs of all libraries: retries do not concern the user, and failures are raised."""
    # One switch for all: which libraries log, and under which names, changes from version to version.
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def ignore_library_warnings() -> Iterator[None]:
    """Silence warnings from one library to another; the user cannot act on them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@contextmanager
def hide_progress_bars() -> Iterator[None]:
    """Show no progress bars of transformers, which draws one for every file that it loads."""
    from transformers.utils import logging

    # Remembered, because the caller may have switched the bars off for good.
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


@contextmanager
def quiet_training() -> Iterator[None]:
    """Silence log lines and progress bars of the libraries, and their own deprecation warnings."""
    with hide_progress_bars(), quiet_logs(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*gradient_checkpointing.*", category=FutureWarning)
        yield
