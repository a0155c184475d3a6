"""Switching off log lines and progress bars of diffusers and transformers."""

from __future__ import annotations

from functools import cache


@cache
def silence_libraries() -> None:
    """Switch off log lines and progress bars of diffusers and transformers for this process."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    for library in (diffusers_logging, transformers_logging):
        library.set_verbosity_error()
        library.disable_progress_bar()
