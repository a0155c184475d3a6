"""Tiny pipelines, built once for all tests of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Folder of a random-weight pipeline by name; see `tiny_pipelines.BUILDERS`."""
    root = tmp_path_factory.mktemp("pipelines")

    def find(name: str) -> Path:
        from tiny_pipelines import BUILDERS

        folder = root / name
        return folder if folder.exists() else BUILDERS[name](folder)

    return find
