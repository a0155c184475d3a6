"""Where things are kept between runs."""

from __future__ import annotations

from pathlib import Path


def choose_cache_folder(requested: Path | None) -> Path:
    """The folder asked for, else the user's own cache folder (on Linux `~/.cache/imagenet-g`)."""
    from platformdirs import user_cache_path

    return requested if requested is not None else user_cache_path("imagenet-g")
