"""The baseline sets of the package: reviewed tables in `data/`, with an id, a version and a hash."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from imagenet_g.benchmark.baseline_tables import BaselineSet, load_baseline_file
from imagenet_g.benchmark.errors import UnknownNameError

BUILT_IN = ("testbed", "timm-in1k", "paper", "drawn", "open-clip-zero-shot")


def list_baselines() -> tuple[str, ...]:
    """Ids of the sets that come with the package."""
    return BUILT_IN


def load_baseline(name: str) -> BaselineSet:
    """A built-in set by id, or one's own by the path of its TOML header.

    Raises:
        UnknownNameError: Neither.
        DataError: The header or table is malformed, or the table is not the one that was hashed.
        InputError: A figure is NaN or percent, or a model is listed twice.
    """
    if name in BUILT_IN:
        with as_file(files("imagenet_g.baselines.data")) as folder:
            return load_baseline_file(folder / f"{name}.toml")
    if name.endswith(".toml"):
        return load_baseline_file(Path(name))
    raise UnknownNameError("baseline", name, BUILT_IN, hint="Or give the path of a .toml header.")
