"""The examples in docstrings print what they say."""

from __future__ import annotations

import doctest
import re
from importlib import import_module
from pathlib import Path

import pytest

from count_prose import FOLDERS

ROOT = Path(__file__).parents[1]
EXAMPLE = re.compile(r"^ *>>> ", re.MULTILINE)


def list_documented() -> list[str]:
    """Addresses of all modules with at least one example."""
    paths = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return [
        ".".join(("imagenet_g", *path.relative_to(ROOT).with_suffix("").parts))
        for path in paths
        # By its lines: each process of a run would spend seconds on parsing. The test fails without examples.
        if EXAMPLE.search(path.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize("name", list_documented())
def test_examples_print_what_they_say(name: str) -> None:
    """Run as a reader would type them."""
    result = doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0
    assert result.failed == 0
