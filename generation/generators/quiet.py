"""What diffusers and transformers print of their own accord, switched off."""

from __future__ import annotations

from functools import cache


@cache
def silence_libraries() -> None:
    """Stop what diffusers and transformers log and draw on the terminal, once and for all."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    for library in (diffusers_logging, transformers_logging):
        library.set_verbosity_error()
        library.disable_progress_bar()
