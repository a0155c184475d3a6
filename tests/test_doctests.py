"""The examples in docstrings print what they say."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

from count_prose import FOLDERS, count_prose

ROOT = Path(__file__).parents[1]


def list_documented() -> list[str]:
    """Addresses of all modules with at least one example."""
    paths = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return [
        ".".join(("imagenet_g", *path.relative_to(ROOT).with_suffix("").parts))
        for path in paths
        # Parsing every module takes seconds; most have no example.
        if ">>>" in (text := path.read_text(encoding="utf-8")) and count_prose(text).examples
    ]


@pytest.mark.parametrize("name", list_documented())
def test_examples_print_what_they_say(name: str) -> None:
    """Run as a reader would type them."""
    result = doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0
    assert result.failed == 0
