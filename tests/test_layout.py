"""The limits that keep the code easy to find and to read: names, folders, modules, bodies."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("baselines", "benchmark", "generation", "leaderboard")
MAX_MODULES = 15
MAX_MODULE_LINES = 300
MAX_BODY_LINES = 40
MIN_FOUND = {"modules": 300, "classes": 300, "bodies": 2000}
"""Fewer than these means that the search itself missed some."""


def load_sources() -> dict[str, str]:
    """Text of every module of the package by its path in the repository."""
    paths = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in sorted(paths)}


SOURCES = load_sources()
TREES = {name: ast.parse(source) for name, source in SOURCES.items()}


def list_classes(trees: dict[str, ast.Module]) -> dict[str, list[str]]:
    """Modules that define a public class at their top, by the name of the class."""
    found = defaultdict(list)
    for module, tree in trees.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(module)
    return dict(found)


def count_body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement behind the docstring to the last."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def list_bodies(trees: dict[str, ast.Module]) -> Iterator[tuple[str, int]]:
    """Every function with the number of lines of its body."""
    for module, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{module}:{node.lineno} {node.name}", count_body_lines(node)


def count_modules(names: list[str]) -> dict[str, int]:
    """Modules of each folder; `__init__.py` does not count."""
    counts: dict[str, int] = defaultdict(int)
    for name in names:
        folder, _, file = name.rpartition("/")
        counts[folder] += file != "__init__.py"
    return dict(counts)


def test_no_two_classes_share_a_name() -> None:
    """A name in a message, a log or a search means one thing."""
    classes = list_classes(TREES)
    shared = {name: modules for name, modules in classes.items() if len(modules) > 1}
    assert shared == {}, "rename all but one of each"
    assert len(classes) >= MIN_FOUND["classes"]


def test_no_folder_holds_more_than_15_modules() -> None:
    """More are divided into folders that say what is in them."""
    counts = count_modules(list(SOURCES))
    assert {folder: count for folder, count in counts.items() if count > MAX_MODULES} == {}, "divide them"
    assert sum(counts.values()) >= MIN_FOUND["modules"]


def test_no_module_has_more_than_300_lines() -> None:
    """A longer one has two subjects."""
    lengths = {name: len(source.splitlines()) for name, source in SOURCES.items()}
    assert {name: length for name, length in lengths.items() if length > MAX_MODULE_LINES} == {}, "split them"


def test_no_body_has_more_than_40_lines() -> None:
    """Without the docstring; most have five to ten."""
    bodies = dict(list_bodies(TREES))
    assert {name: lines for name, lines in bodies.items() if lines > MAX_BODY_LINES} == {}, "split them"
    assert len(bodies) >= MIN_FOUND["bodies"]


def test_a_shared_name_is_found() -> None:
    """Or the test of names would say nothing; a private name and one inside a class do not count."""
    source = "class A: pass\nclass _B: pass\nclass C:\n    class D: pass\n"
    trees = {name: ast.parse(source) for name in ("one.py", "two.py")}
    assert list_classes(trees) == {"A": ["one.py", "two.py"], "C": ["one.py", "two.py"]}


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("def f():\n    '''Say.'''\n    x = 1\n\n    return x\n", 3),
        ("def f():\n    return 1\n", 1),
        ("async def f():\n    '''Say.'''\n", 0),
        ("def f(\n    x,\n):\n    return (\n        x\n    )\n", 3),
    ],
)
def test_lines_of_a_body_are_counted_without_signature_and_docstring(source: str, lines: int) -> None:
    """Blank lines between statements count."""
    assert [count for _, count in list_bodies({"m.py": ast.parse(source)})] == [lines]


def test_every_file_of_tests_that_is_begun_first_is_there() -> None:
    """A renamed one would lose its place in silence, and the suite would end with it alone."""
    source = (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8")
    names = re.findall(r'"([\w/]+/test_\w+\.py)"', source)
    assert len(names) > 10
    assert [name for name in names if not (ROOT / "tests" / name).is_file()] == []
