"""The embedded edition is data like any other: no code path knows it by name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MIN_MODULES = {"benchmark": 100, "generation": 100, "baselines": 30, "leaderboard": 50}
MAKERS = {
    # Draws the edition's own split; everything that reads it reads its manifest.
    "generation/edition/renditions.py",
    # Chooses the classes of an embedded version by drawings of that split.
    "generation/edition/read_classes.py",
}
_NAME = re.compile(r"mini(?:$|[-/:])")


def list_names(source: str) -> Iterator[str]:
    """Strings that are the edition's name or begin a reference to it; documentation does not count."""
    tree = ast.parse(source)
    documented = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in documented:
            continue
        if isinstance(node.value, str) and _NAME.match(node.value):
            yield node.value


@pytest.mark.parametrize("folder", sorted(MIN_MODULES))
def test_no_module_names_the_embedded_edition(folder: str) -> None:
    """With another version in its place, the same commands run the same code."""
    paths = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / folder).rglob("*.py")}
    found = {
        name: names
        for name, path in sorted(paths.items())
        if name not in MAKERS and (names := sorted(list_names(path.read_text())))
    }
    assert found == {}
    assert len(paths) >= MIN_MODULES[folder], "the search itself missed modules"


@pytest.mark.parametrize("source", ['x = "mini"', 'load("mini/real")', 'if version == "mini": pass'])
def test_a_module_that_does_is_found(source: str) -> None:
    """Or the test above would say nothing."""
    assert list(list_names(source))


@pytest.mark.parametrize("source", ['"""mini is data."""', 'x = "minimum"', 'help = "such as mini/real"'])
def test_documentation_and_other_words_do_not_count(source: str) -> None:
    """Examples in help texts are for people."""
    assert not list(list_names(source))
